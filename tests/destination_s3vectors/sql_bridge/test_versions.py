"""Versions of the schema: installed again, upgraded in place, refused where newer, and taken away."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Sql, statements

OLD = Path(__file__).parent / "versions"
UPGRADES = sorted(path.name for path in Path(str(files("destination_s3vectors.sql_bridge") / "upgrade")).iterdir())
KEPT = ("config", "index_registry", "index_grant", "outbox")


@pytest.fixture
def reader(sql: Sql) -> Iterator[str]:
    sql.connection.execute("CREATE ROLE reader_of_versions")
    yield "reader_of_versions"
    sql.connection.execute("RESET ROLE; DROP OWNED BY reader_of_versions; DROP ROLE reader_of_versions")


def contents(sql: Sql) -> dict[str, list[dict[str, object]]]:
    """Of the tables that must not lose a row, without the columns that came later."""
    return {
        table: [row[0] for row in sql.rows(f"SELECT jsonb_strip_nulls(to_jsonb(t)) FROM s3vl.{table} t ORDER BY 1")]
        for table in KEPT
    }


def use(sql: Sql, reader: str) -> None:
    """Grants, a table in step with changes that wait, and a view."""
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [reader])
    sql.connection.execute(
        "CREATE TABLE product (id text, embedding float8[]);"
        "SELECT s3vl.sync_table('product', 'products', 'id', 'embedding');"
        "INSERT INTO product VALUES ('x', '{1,0,0}');"
        "CREATE VIEW near AS SELECT * FROM s3vl.query_vectors('{1,0,0}', 'products')"
    )


def test_the_same_file_again_changes_nothing(sql: Sql, reader: str) -> None:
    use(sql, reader)
    before = contents(sql), sql.rows("SELECT * FROM s3vl.version")
    sql.connection.execute(statements("s3vl.sql"))
    assert (contents(sql), sql.rows("SELECT * FROM s3vl.version")) == before
    assert sql.value("SELECT s3vl.version()") == "1.1"
    assert sql.value("SELECT s3vl.drain_outbox('products')") == 1
    assert sql.rows("SELECT vector_id FROM near") == [("x",)]
    sql.connection.execute(f"SET ROLE {reader}")
    assert sql.rows("SELECT vector_id FROM s3vl.query_vectors('{1,0,0}', 'products')") == [("x",)]
    assert sql.value("SELECT s3vl.version()") == "1.1"


@pytest.mark.parametrize("old", sorted(path.stem.removeprefix("s3vl-") for path in OLD.iterdir()))
def test_an_older_version_is_upgraded_in_place(sql: Sql, reader: str, old: str) -> None:
    sql.connection.execute("DROP SCHEMA s3vl CASCADE")
    sql.connection.execute((OLD / f"s3vl-{old}.sql").read_text())
    sql.connection.execute("SELECT s3vl.configure(%s, timeout_seconds => 7)", [FUNCTION])
    sql.connection.execute("SELECT s3vl.register_index('products', %s, 'what is sold')", [sql.service.products])
    use(sql, reader)
    before = contents(sql)
    code, message = sql.error(statements("s3vl.sql"))
    assert (code, message) == ("55000", f"s3vl: the schema has version {old}, this file is 1.1")
    scripts = [statements(f"upgrade/{name}") for name in UPGRADES if name >= f"{old}--"]
    with sql.connection.transaction():
        for script in [*scripts, statements("s3vl.sql")]:
            sql.connection.execute(script)
    assert contents(sql) == before
    assert sql.value("SELECT s3vl.version()") == "1.1"
    assert sql.value("SELECT s3vl.drain_outbox('products')") == 1
    assert sql.rows("SELECT vector_id FROM near") == [("x",)]
    sql.connection.execute(f"SET ROLE {reader}")
    assert sql.rows("SELECT vector_id FROM s3vl.query_vectors('{1,0,0}', 'products')") == [("x",)]
    assert sql.error("SELECT * FROM s3vl.query_text('x', 'products')")[0] == "55000"


def test_an_upgraded_schema_is_the_one_that_is_installed_anew(sql: Sql) -> None:
    new = shape(sql)
    sql.connection.execute("DROP SCHEMA s3vl CASCADE")
    sql.connection.execute((OLD / "s3vl-1.0.sql").read_text())
    assert shape(sql) != new
    for name in [*(f"upgrade/{name}" for name in UPGRADES), "s3vl.sql"]:
        sql.connection.execute(statements(name))
    assert shape(sql) == new


def shape(sql: Sql) -> list[tuple[object, ...]]:
    """Columns, constraints and functions; who may call them."""
    return sql.rows(
        "SELECT attrelid::regclass::text, attname::text, format('%s %s', atttypid::regtype, attnotnull)"
        " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE c.relnamespace = 's3vl'::regnamespace AND c.relkind = 'r' AND attnum > 0"
        " UNION ALL SELECT conrelid::regclass::text, 'constraint', pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 's3vl'::regnamespace"
        " UNION ALL SELECT 'function', oid::regprocedure::text, md5(pg_get_functiondef(oid) || proacl::text)"
        " FROM pg_proc WHERE pronamespace = 's3vl'::regnamespace ORDER BY 1, 2, 3"
    )


def test_a_script_for_another_version_and_an_older_file_are_refused(sql: Sql) -> None:
    script = statements("upgrade/1.0--1.1.sql")
    assert sql.error(script) == ("55000", "s3vl: the schema has version 1.1, this script is for 1.0")
    sql.connection.execute("INSERT INTO s3vl.version VALUES ('1.10')")
    assert sql.error(statements("s3vl.sql")) == ("55000", "s3vl: the schema has version 1.10, this file is 1.1")


def test_it_goes_whole_unless_something_of_the_users_depends_on_it(sql: Sql, reader: str) -> None:
    use(sql, reader)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist), sql.connection.transaction():
        sql.connection.execute(statements("uninstall.sql"))
    assert sql.value("SELECT count(*) FROM s3vl.outbox") == 1
    sql.connection.execute("DROP VIEW near")
    sql.connection.execute(statements("uninstall.sql"))
    assert sql.rows("SELECT FROM pg_namespace WHERE nspname = 's3vl'") == []
    assert sql.rows("SELECT FROM pg_proc WHERE prosrc LIKE '%s3vl%'") == []
    sql.connection.execute("INSERT INTO product VALUES ('y', '{0,1,0}')")
