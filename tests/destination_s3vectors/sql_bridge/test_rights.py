"""Who may do what with s3vl: grants by index, and no way around them."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from tests.destination_s3vectors.sql_bridge.conftest import FUNCTION, Sql, statements

NEAREST = "SELECT vector_id FROM s3vl.query_vectors('{1,0,0}', '%s')"


@pytest.fixture
def role(sql: Sql) -> Iterator[str]:
    """A role that may log in, and has no right of its own."""
    name = f"role_{uuid.uuid4().hex}"
    sql.connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'loopback'")
    yield name
    sql.connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def session(sql: Sql, role: str) -> Iterator[psycopg.Connection]:
    """Of the role."""
    with psycopg.connect(sql.database.dsn, user=role, password="loopback", autocommit=True) as connection:
        yield connection


def refused(session: psycopg.Connection, query: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(query)
    return str(caught.value.sqlstate)


def read(session: psycopg.Connection, index: str) -> list[str]:
    return [row[0] for row in session.execute(NEAREST % index)]


def test_a_role_reads_the_indexes_granted_to_it_and_no_other(sql: Sql, role: str, session: psycopg.Connection) -> None:
    for index in (sql.service.products, sql.service.places):
        sql.service.put(index, ("x", [1.0, 0.0, 0.0], {}))
    assert refused(session, NEAREST % "products") == "42501"
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [role])
    assert read(session, "products") == ["x"]
    assert session.execute("SELECT found FROM s3vl.get_vectors('{x}', 'products')").fetchall() == [(True,)]
    assert len(session.execute("SELECT FROM s3vl.list_vectors(index_name => 'products')").fetchall()) == 1
    assert refused(session, NEAREST % "places") == "42501"
    by_arn = f"SELECT * FROM s3vl.query_vectors('{{1,0,0}}', index_arn => '{sql.service.places}')"
    assert refused(session, by_arn) == "42501"
    assert session.execute("SELECT index_name FROM s3vl.list_indexes()").fetchall() == [("products",)]
    assert refused(session, "SELECT * FROM s3vl.get_index_info('places')") == "42704"
    sql.connection.execute("SELECT s3vl.revoke_index('products', %s)", [role])
    assert refused(session, NEAREST % "products") == "42501"


OUT_OF_REACH = [
    "SELECT * FROM s3vl.config",
    "SELECT * FROM s3vl.index_registry",
    "UPDATE s3vl.index_grant SET may_write = true",
    f"SELECT s3vl.configure('{FUNCTION}')",
    "SELECT * FROM s3vl.get_config()",
    "SELECT * FROM s3vl.validate_config()",
    "SELECT s3vl.register_index('mine', 'arn:aws:s3vectors:us-east-1:123456789012:bucket/a/index/b')",
    "SELECT s3vl.unregister_index('products')",
    "SELECT s3vl.grant_index('places', current_user)",
    "SELECT s3vl._let_in(current_user)",
    "SELECT s3vl._call('x', 'list_vectors', '{arn}', '{}')",
    "SELECT s3vl.register_logical_index('both', '{a,b}')",
    "SELECT s3vl.register_embedding('products', 'fake/3')",
    "SELECT s3vl._index('x', 'products', NULL, false)",
    "SELECT * FROM aws_lambda.invoke('x', '{}'::jsonb)",
    "CREATE FUNCTION s3vl.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


def test_a_reader_reaches_nothing_else(sql: Sql, role: str, session: psycopg.Connection) -> None:
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [role])
    for query in OUT_OF_REACH:
        assert refused(session, query) == "42501", query


def test_an_unregistered_index_is_for_configured_databases_only(
    sql: Sql, role: str, session: psycopg.Connection
) -> None:
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [role])
    sql.connection.execute("SELECT s3vl.unregister_index('places')")
    by_arn = f"SELECT * FROM s3vl.query_vectors('{{1,0,0}}', index_arn => '{sql.service.places}')"
    assert refused(session, by_arn) == "42704"
    sql.connection.execute("SELECT s3vl.configure(%s, allow_unregistered => true)", [FUNCTION])
    assert session.execute(by_arn).fetchall() == []


def test_a_shard_is_granted_by_its_logical_index_alone(sql: Sql, role: str, session: psycopg.Connection) -> None:
    parts = [f"{sql.service.products}-{number}" for number in range(2)]
    for arn in parts:
        name = arn.rpartition("/")[2]
        sql.service.client.create_index(
            vectorBucketName="shop", indexName=name, dataType="float32", dimension=3, distanceMetric="cosine"
        )
    sql.connection.execute("SELECT s3vl.register_logical_index('parts', %s)", [parts])
    sql.connection.execute("SELECT s3vl.grant_index('places', %s)", [role])
    sql.connection.execute("SELECT s3vl.configure(%s, allow_unregistered => true)", [FUNCTION])
    by_arn = f"SELECT * FROM s3vl.query_vectors('{{1,0,0}}', index_arn => '{parts[1]}')"
    assert refused(session, by_arn) == "42704"
    sql.connection.execute("SELECT s3vl.grant_index('parts', %s)", [role])
    assert session.execute(by_arn).fetchall() == []
    assert refused(session, f"SELECT s3vl.delete_vectors('{{x}}', index_arn => '{parts[1]}')") == "42704"


def test_a_grant_to_a_group_or_to_all_counts(sql: Sql, role: str, session: psycopg.Connection) -> None:
    group = f"group_{uuid.uuid4().hex}"
    sql.connection.execute(f"CREATE ROLE {group}; GRANT {group} TO {role}")
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [group])
    assert read(session, "products") == []
    assert refused(session, NEAREST % "places") == "42501"
    sql.connection.execute("SELECT s3vl.grant_index('places', 'public')")
    assert read(session, "places") == []
    sql.connection.execute(f"DROP OWNED BY {group}; DROP ROLE {group}")
    assert refused(session, NEAREST % "products") == "42501"


def test_objects_on_the_callers_search_path_are_not_used(sql: Sql, role: str, session: psycopg.Connection) -> None:
    sql.connection.execute("SELECT s3vl.grant_index('products', %s)", [role])
    sql.connection.execute(f"CREATE SCHEMA trap AUTHORIZATION {role}")
    session.execute(
        "CREATE FUNCTION trap.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
        "CREATE TEMP TABLE pg_namespace AS SELECT 's3vl'::name nspname, 0::oid nspowner"
    )
    session.execute("SET search_path = trap, pg_temp, pg_catalog")
    assert refused(session, NEAREST % "places") == "42501"


def test_the_owner_needs_no_more_than_invoke(sql: Sql, role: str) -> None:
    """The schema is handed to a role that is no superuser."""
    sql.connection.execute(
        f"GRANT USAGE ON SCHEMA aws_lambda TO {role}; GRANT EXECUTE ON FUNCTION aws_lambda.invoke TO {role};"
        f"DROP SCHEMA s3vl CASCADE; GRANT CREATE ON DATABASE {sql.database.name} TO {role}"
    )
    with psycopg.connect(sql.database.dsn, user=role, password="loopback", autocommit=True) as owner:
        owner.execute(statements("s3vl.sql"))
        assert owner.execute("SELECT s3vl.configure(%s)", [FUNCTION]).fetchall() == [(True,)]
        owner.execute("SELECT s3vl.register_index('products', %s)", [sql.service.products])
        assert read(owner, "products") == []
