"""What the real server refuses, and what is made of it."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from destination_pgvector.config import Indexing
from destination_pgvector.server.connections import Connections
from destination_pgvector.server.postgres_errors import mapped
from tests.conftest import Database
from tests.destination_pgvector.stores import store_of
from tests.untested import untested
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError, TransientError

STREAM = Stream("Docs", None, "append_dedup", (("id",),))


@contextmanager
def user(database: Database, attributes: str = "") -> Iterator[dict[str, Any]]:
    """A user without any right, as the form knows it."""
    with database.connect() as admin:
        admin.execute(f"CREATE ROLE {database.name} LOGIN PASSWORD 'x' {attributes}".encode())
        yield {**database.indexing(), "username": database.name, "credentials": {"password": "x"}}
        admin.execute(f"DROP OWNED BY {database.name}; DROP ROLE {database.name}".encode())


def check(form: dict[str, Any], dimensions: int = 3) -> None:
    store = store_of(form, dimensions)
    try:
        store.check()
    finally:
        store.close()


def execute(database: Database, *statements: str) -> None:
    with database.connect() as conn:
        for statement in statements:
            conn.execute(statement.encode())


RIGHTS = {
    "extension": ([], {}, r"permission denied to create extension \"vector\".*run in this database: CREATE EXTENSION"),
    "schema": (
        ["CREATE EXTENSION vector"],
        {},
        r"can't create a table in the schema public: permission denied for schema public\. Let its owner run: GRANT",
    ),
    "database": (
        ["CREATE EXTENSION vector"],
        {"default_schema": "new"},
        r"permission denied for database test_\w+\. Let its owner run: GRANT CREATE ON DATABASE test_\w+",
    ),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_each_missing_right_is_said_with_what_to_grant(database: Database, name: str) -> None:
    before, form, expected = RIGHTS[name]
    execute(database, *before)
    with user(database) as unknown, pytest.raises(ConfigError, match=expected):
        check({**unknown, **form})


def test_a_table_of_another_owner_is_said_to_be(database: Database) -> None:
    execute(database, "CREATE TABLE t ()")
    with user(database), database.connect() as conn:
        conn.execute(f"SET ROLE {database.name}".encode())
        with pytest.raises(ConfigError, match="GRANT ALL ON t TO the user"), mapped("here"):
            conn.execute("SELECT * FROM t")
        with pytest.raises(ConfigError, match="make the user owner of t"), mapped("here"):
            conn.execute("ALTER TABLE t ADD COLUMN a int")


def test_too_many_connections_pass_by_themselves_and_are_said_to_be(database: Database) -> None:
    with user(database, "CONNECTION LIMIT 0") as unknown:
        with pytest.raises(TransientError, match=r"too many connections.*Raise max_connections"):
            check(unknown)
        connections = Connections(Indexing.model_validate(unknown), pauses=[0.1] * 30)
        raised = threading.Timer(0.3, execute, (database, f"ALTER ROLE {database.name} CONNECTION LIMIT 5"))
        raised.start()
        assert connections.once(lambda conn: conn.execute("SELECT 1").fetchone()) == (1,)
        raised.join()
        connections.close()


def test_a_server_that_takes_no_writes_is_left_for_the_one_that_does(database: Database) -> None:
    """As a failover looks from here: sessions that stay open are read-only, new ones are not."""
    execute(database, "CREATE TABLE t (a int)")
    connections = Connections(Indexing.model_validate(database.indexing()), pauses=[0.1])

    def insert(conn: Connection) -> None:
        conn.execute("INSERT INTO t VALUES (1)")

    execute(database, f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    with pytest.raises(TransientError, match=r"takes no writes: .*read-only transaction.*After a failover"):
        connections.run(insert)
    connections.run(lambda conn: conn.execute("SELECT 1"))  # a session of the pool that stays read-only
    with database.connect() as conn:
        conn.execute("SET default_transaction_read_only = off")
        conn.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only".encode())
    connections.run(insert)
    connections.close()


@pytest.mark.parametrize(
    ("statement", "setting", "expected"),
    [
        ("LOCK TABLE t", "lock_timeout", r"waited too long for a lock.*pg_stat_activity"),
        ("LOCK TABLE t", "statement_timeout", r"took too long.*indexing\.statement_timeout"),
    ],
)
def test_who_waits_too_long_is_told_for_what(database: Database, statement: str, setting: str, expected: str) -> None:
    execute(database, "CREATE TABLE t (a int)")
    with database.connect() as holder, holder.transaction(), database.connect() as conn:
        holder.execute("LOCK TABLE t")
        conn.execute(f"SET {setting} = 50".encode())
        with pytest.raises(TransientError, match=expected), mapped("here"), conn.transaction():
            conn.execute(statement.encode())


@pytest.mark.parametrize("kind", ["deadlock", "serialize"])
def test_transactions_that_clash_are_tried_again(database: Database, kind: str) -> None:
    execute(database, "CREATE TABLE t (id int PRIMARY KEY, a int)", "INSERT INTO t VALUES (1, 0), (2, 0)")
    connections = Connections(Indexing.model_validate(database.indexing()), pauses=[0.05, 0.1, 0.2])
    both = threading.Barrier(2)
    tries = []

    def add(order: list[int]) -> None:
        first = True

        def work(conn: Connection) -> None:
            nonlocal first
            tries.append(order)
            if kind == "serialize":
                conn.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                conn.execute("SELECT sum(a) FROM t")
            else:
                conn.execute("SET LOCAL deadlock_timeout = '100ms'")
            for number in order:
                conn.execute("UPDATE t SET a = a + 1 WHERE id = %s", (number,))
                if first:
                    first = False
                    both.wait(10)

        connections.run(work)

    others = [threading.Thread(target=add, args=(order,)) for order in ([1, 2], [2, 1])]
    for other in others:
        other.start()
    for other in others:
        other.join()
    with database.connect() as conn:
        assert conn.execute("SELECT a FROM t").fetchall() == [(2,), (2,)]
    assert len(tries) > 2
    connections.close()


def test_what_does_not_pass_ends_after_the_last_pause(database: Database) -> None:
    connections = Connections(Indexing.model_validate(database.indexing()), pauses=[0.01] * 4)
    tries = []

    def work(conn: Connection) -> None:
        tries.append(1)
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(TransientError, match="shut down or was restarted"):
        connections.run(work)
    assert len(tries) == 5
    connections.close()


def test_an_extension_that_is_too_old_is_named_with_what_it_takes(database: Database) -> None:
    execute(
        database, "CREATE EXTENSION vector", "UPDATE pg_extension SET extversion = '0.4.4' WHERE extname = 'vector'"
    )
    with pytest.raises(ConfigError, match=r"has pgvector 0\.4\.4, and an index of the type hnsw takes 0\.5\.0.*UPDATE"):
        check(database.indexing())
    check({**database.indexing(), "index": {"type": "ivfflat"}})


def test_tables_of_another_model_are_told_of_by_the_check(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    store = store_of(database.indexing(), 4, "model/other")
    store.prepare(STREAM)
    store.close()
    check(database.indexing())
    assert "vectors of 4 dimensions by model/other; this configuration makes 3 dimensions by model/1" in caplog.text
    assert "stream `Docs` will be refused" in caplog.text


@pytest.mark.parametrize("kind", ["hnsw", "ivfflat", "none"])
def test_a_check_leaves_nothing(database: Database, kind: str) -> None:
    check({**database.indexing(), "default_schema": "new", "index": {"type": kind}})
    with database.connect() as conn:
        query = "SELECT count(*) FROM pg_namespace WHERE nspname = 'new' UNION ALL SELECT count(*) FROM pg_extension"
        assert conn.execute(query).fetchall() == [(0,), (1,)]  # plpgsql


def test_a_waiting_pool_says_why_it_got_no_connection(database: Database) -> None:
    """The pool's own word is only that it waited."""
    connections = Connections(Indexing.model_validate({**database.indexing(), "port": 1}), pauses=[], patience=0.5)
    begun = time.monotonic()
    with pytest.raises(TransientError, match="Connection refused"):
        connections.run(lambda conn: conn.execute("SELECT 1"))
    assert time.monotonic() - begun < 20
    connections.close()


def test_a_server_without_pgvector_is_said_to_be_one(database: Database) -> None:
    with database.connect() as conn:
        ((place,),) = conn.execute("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").fetchall()
    control = Path(place) / "extension" / "vector.control"
    if not control.is_relative_to(tempfile.gettempdir()):
        untested("NOT TESTED, a server without pgvector: only root has files of its own for that")
    away = control.rename(control.with_suffix(".away"))
    try:
        with pytest.raises(ConfigError, match=r"no extension `vector`: pgvector is not installed there\. Install it"):
            check(database.indexing())
    finally:
        away.rename(control)
