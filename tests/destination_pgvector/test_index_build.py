"""The building of an index: who may write meanwhile, and what is told."""

import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import Connection

from destination_pgvector.index_options import Hnsw
from destination_pgvector.server.connections import UnreachedError
from destination_pgvector.tables import index, index_progress
from tests.conftest import Database
from tests.destination_pgvector.indexed import STREAM, VECTOR, Open, fill, indexes
from tests.waiting import until


def test_a_live_table_is_written_to_while_its_index_is_built_and_the_progress_is_told(
    database: Database, open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    open_store().prepare(STREAM)
    fill(database, 3000)
    plan = index.Plan(Hnsw(m=16, ef_construction=300), "cosine", VECTOR)
    building = threading.Thread(target=_build, args=(database, plan))
    with database.connect() as writer, database.connect() as watcher:
        writer.execute("SET lock_timeout = '300ms'")
        building.start()
        with index_progress.progress(_builder(watcher), "docs", database.connect, 0.05):
            writer.execute("INSERT INTO docs (document_id, chunk_id, chunk_number) VALUES ('new', 'new#0', 0)")
            assert watcher.execute("SELECT count(*) FROM pg_stat_progress_create_index").fetchone() == (1,)
            building.join()
    assert len(indexes(database)) == 1
    assert re.search(
        r"Building the index of docs: building index: loading tuples, \d+% \(.* of .*\), \d s\.", caplog.text
    )


def test_a_build_goes_on_though_its_progress_can_not_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    def watch() -> Any:
        raise UnreachedError("the tunnel is closed")

    with index_progress.progress(1, "docs", watch, 0.01):
        until(lambda: "How far the index of docs is can't be asked: the tunnel is closed" in caplog.text)


def test_only_a_table_that_nobody_knows_yet_is_closed_while_its_index_is_built(
    database: Database, open_store: Open
) -> None:
    def statement_of(distance: str) -> str:
        store = open_store(distance=distance)
        target = store.prepare(STREAM)
        with ThreadPoolExecutor(1) as pool:
            # Both ways to build wait for the end of this transaction.
            with database.connect() as writer, writer.transaction(), database.connect() as watcher:
                writer.execute(
                    "INSERT INTO docs (document_id, chunk_id, chunk_number) VALUES (%s, 'x', 0)", (distance,)
                )
                finished = pool.submit(store.finish, target, complete=True)
                found = _wait_for(watcher, "SELECT query FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%'")
            finished.result()
        return str(found)

    assert "CONCURRENTLY" not in statement_of("cosine")
    assert "CONCURRENTLY" in statement_of("l2")


def test_no_index_is_built_beside_one_that_somebody_else_builds(
    database: Database, open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    open_store().prepare(STREAM)
    fill(database, 10)
    theirs = "CREATE INDEX CONCURRENTLY theirs ON docs USING hnsw (embedding vector_l2_ops)"
    with database.connect() as builder, database.connect() as watcher, ThreadPoolExecutor(1) as pool:
        with database.connect() as writer, writer.transaction():
            writer.execute("DELETE FROM docs WHERE document_id = '1'")  # the builder waits for its end
            building = pool.submit(builder.execute, theirs.encode())
            _wait_for(watcher, "SELECT pid FROM pg_stat_progress_create_index WHERE index_relid <> 0")
            watcher.execute("SET lock_timeout = '5s'")
            assert index.build(watcher, "docs", index.Plan(Hnsw(), "cosine", VECTOR), online=True) is None
        building.result()
    assert "An index of docs is being built by somebody else: none is built by this sync." in caplog.text
    assert indexes(database) == [("hnsw (embedding vector_l2_ops)", False)]


def _build(database: Database, plan: index.Plan) -> None:
    with database.connect() as conn:
        before = settings(conn)
        conn.execute("ANALYZE docs")
        index.build(conn, "docs", plan, online=True)
        assert settings(conn) == before  # the memory of a build is its own


def settings(conn: Connection) -> Any:
    query = "SELECT current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers')"
    return conn.execute(query).fetchone()


def _builder(watcher: Connection) -> int:
    """The server's process that builds."""
    return int(_wait_for(watcher, "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'building%'"))


def _wait_for(watcher: Connection, query: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for (found,) in watcher.execute(query.encode()).fetchall():
            return found
        time.sleep(0.01)
    raise AssertionError("no index is being built")
