"""An index in step with a table: outbox, trigger, worker, and what tells of differences."""

import subprocess
import sys

import psycopg

from destination_s3vectors.emulator.faults import Rule
from tests.destination_s3vectors.sql_bridge.conftest import Sql, statements

DRAIN = "SELECT s3vl.drain_outbox('products')"


def synced(sql: Sql) -> None:
    sql.connection.execute(
        "CREATE EXTENSION vector; CREATE TABLE product (id int, embedding vector, name text, version int);"
        "SELECT s3vl.sync_table('product', 'products', 'id', 'embedding', '{name,version}');"
        "INSERT INTO product VALUES (1, '[1,0,0]', 'one', 1), (2, '[0,1,0]', NULL, 1), (3, NULL, 'later', 1)"
    )


def stored(sql: Sql) -> list[tuple[object, ...]]:
    return sql.rows("SELECT * FROM s3vl.list_all('products', return_data => true) ORDER BY 1")


def test_the_index_follows_the_table(sql: Sql) -> None:
    synced(sql)
    assert sql.value(DRAIN) == 3
    first = ("1", [1, 0, 0], {"name": "one", "version": 1})
    assert stored(sql) == [first, ("2", [0, 1, 0], {"version": 1})]
    sql.connection.execute(
        "UPDATE product SET embedding = '[0,0,1]' WHERE id = 3; UPDATE product SET id = 4 WHERE id = 3;"
        "UPDATE product SET name = name; DELETE FROM product WHERE id = 2"
    )
    assert sql.value("SELECT count(*) FROM s3vl.outbox") == 4
    assert sql.value(DRAIN) == 4
    assert stored(sql) == [first, ("4", [0, 0, 1], {"name": "later", "version": 1})]
    assert sql.value(DRAIN) == 0


def test_a_change_that_rolls_back_never_leaves(sql: Sql) -> None:
    synced(sql)
    with sql.connection.transaction(force_rollback=True):
        sql.connection.execute("DELETE FROM product")
    sql.value(DRAIN)
    assert len(stored(sql)) == 2


def test_what_failed_for_a_moment_goes_later_and_what_is_refused_stays_with_its_reason(sql: Sql) -> None:
    synced(sql)
    sql.connection.execute(
        "UPDATE s3vl.config SET timeout_seconds = 1; UPDATE product SET embedding = '[1,1]' WHERE id = 2"
    )
    sql.service.fail(Rule("unavailable"))
    assert sql.error(DRAIN)[0] == "58000"
    assert sql.value("SELECT count(*) FROM s3vl.outbox WHERE failure IS NULL") == 4
    sql.service.fail()
    sql.value(DRAIN)
    assert [row[0] for row in stored(sql)] == ["1"]
    ((vector, failure),) = sql.rows("SELECT vector_id, failure FROM s3vl.outbox")
    assert vector == "2"
    assert "put_vectors" in failure
    assert sql.value(DRAIN) == 0
    sql.connection.execute("UPDATE product SET embedding = '[0,2,0]' WHERE id = 2")
    assert sql.value(DRAIN) == 2
    assert [row[1] for row in stored(sql)] == [[1, 0, 0], [0, 2, 0]]


def test_only_one_session_drains_an_index(sql: Sql) -> None:
    synced(sql)
    with psycopg.connect(sql.database.dsn) as other:
        assert other.execute(DRAIN).fetchall() == [(3,)]
        assert sql.value(DRAIN) == 0
        other.rollback()
    assert sql.value(DRAIN) == 3


def test_differences_are_found(sql: Sql) -> None:
    synced(sql)
    sql.value(DRAIN)
    sql.service.put(sql.service.products, ("stray", [1.0, 1.0, 0.0], {}))
    sql.connection.execute("ALTER TABLE product DISABLE TRIGGER ALL; UPDATE product SET version = 2 WHERE id = 1")
    assert sql.rows("SELECT * FROM s3vl.orphans('product', 'products', 'id') ORDER BY 1") == [
        ("3", "table"),
        ("stray", "index"),
    ]
    assert sql.rows("SELECT * FROM s3vl.staleness('product', 'products', 'id', 'version')") == [("1", "1", "2")]


def test_who_may_not_is_refused(sql: Sql) -> None:
    synced(sql)
    assert sql.error("SELECT s3vl.sync_table('product', 'products', 'id', 'vector')")[0] == "42703"
    sql.connection.execute("CREATE ROLE writer_of_outbox; SELECT s3vl.grant_index('products', 'writer_of_outbox')")
    try:
        sql.connection.execute("SET ROLE writer_of_outbox")
        assert sql.error(DRAIN)[0] == "42501"
        sql.connection.execute("RESET ROLE; SELECT s3vl.grant_index('products', 'writer_of_outbox', true)")
        sql.connection.execute("SET ROLE writer_of_outbox")
        assert sql.value(DRAIN) == 3
        assert sql.error("SELECT s3vl.sync_table('product', 'products', 'id', 'embedding')")[0] == "42501"
        assert sql.error("SELECT * FROM s3vl.orphans('product', 'products', 'id')")[0] == "42501"
    finally:
        sql.connection.execute("RESET ROLE; DROP OWNED BY writer_of_outbox; DROP ROLE writer_of_outbox")


def test_the_worker_drains_all_indexes(sql: Sql) -> None:
    synced(sql)
    command = [sys.executable, "-m", "destination_s3vectors.sql_bridge.worker", "--once", sql.database.dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "products: 3 changes" in done.stderr
    assert len(stored(sql)) == 2
    sql.connection.execute("UPDATE s3vl.config SET timeout_seconds = 1; UPDATE product SET name = 'x'")
    sql.service.fail(Rule("unavailable"))
    failed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert failed.returncode == 1
    assert "58000" in failed.stderr


def test_an_index_whose_changes_can_not_go_holds_up_no_other(sql: Sql) -> None:
    synced(sql)
    gone = sql.service.products.replace("/products", "/gone")
    sql.connection.execute("SELECT s3vl.register_index('a-gone', %s)", [gone])
    sql.connection.execute(
        "INSERT INTO s3vl.outbox (index_name, vector_id, embedding) VALUES ('a-gone', 'x', '{1,0,0}')"
    )
    command = [sys.executable, "-m", "destination_s3vectors.sql_bridge.worker", "--once", sql.database.dsn]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "a-gone: 42704" in done.stderr
    assert len(stored(sql)) == 2
    assert sql.rows("SELECT index_name, failure FROM s3vl.outbox") == [("a-gone", None)]


def test_changes_that_are_too_much_for_one_call_go_one_by_one(sql: Sql) -> None:
    synced(sql)
    sql.connection.execute(
        "INSERT INTO s3vl.outbox (index_name, vector_id, embedding, metadata)"
        " SELECT 'products', n::text, '{1,0,0}', jsonb_build_object('name', repeat('x', 4000000))"
        " FROM generate_series(1, 2) n"
    )
    sql.value(DRAIN)
    refused = sql.rows("SELECT vector_id, failure LIKE '%metadata%' FROM s3vl.outbox ORDER BY 1")
    assert refused == [("1", True), ("2", True)]


def test_a_table_is_let_go_by_its_owner_and_by_the_end_of_the_schema(sql: Sql) -> None:
    synced(sql)
    sql.connection.execute("SELECT s3vl.unsync_table('product', 'products'); DELETE FROM product")
    assert sql.value("SELECT count(*) FROM s3vl.outbox") == 3
    assert sql.error("SELECT s3vl.unsync_table('product', 'products')")[0] == "42704"
    sql.connection.execute("SELECT s3vl.sync_table('product', 'products', 'id', 'embedding')")
    sql.connection.execute(statements("uninstall.sql"))
    sql.connection.execute("INSERT INTO product VALUES (5, '[1,0,0]', NULL, 1)")


def test_an_index_with_tables_in_step_stays_registered(sql: Sql) -> None:
    """Else each change of the tables would fail."""
    synced(sql)
    code, message = sql.error("SELECT s3vl.unregister_index('products')")
    assert code == "55006"
    assert "kept in step with public.product" in message
    sql.connection.execute("DELETE FROM product WHERE id = 1; SELECT s3vl.unsync_table('product', 'products')")
    assert sql.value("SELECT s3vl.unregister_index('products')") is True
    sql.connection.execute("DELETE FROM product")


def test_names_that_are_long_and_begin_alike_have_a_trigger_each(sql: Sql) -> None:
    synced(sql)
    names = ["n" * 60 + end for end in ("-one", "-two")]
    for name in names:
        arn = sql.service.products.replace("/products", f"/{name[-3:]}")
        sql.connection.execute("SELECT s3vl.register_index(%s, %s)", [name, arn])
        sql.connection.execute("SELECT s3vl.sync_table('product', %s, 'id', 'embedding')", [name])
    sql.connection.execute("DELETE FROM product WHERE id = 1")
    assert sql.rows("SELECT index_name FROM s3vl.outbox WHERE embedding IS NULL AND vector_id = '1' ORDER BY 1") == [
        (name,) for name in [*names, "products"]
    ]
    sql.connection.execute("SELECT s3vl.unsync_table('product', %s)", [names[0]])
    assert sql.error("SELECT s3vl.unregister_index(%s)", names[1])[0] == "55006"
    assert sql.value("SELECT s3vl.unregister_index(%s)", names[0]) is True
