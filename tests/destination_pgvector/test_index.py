"""The indexes of a table: what is built, when it is built anew, and what it finds."""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from psycopg import Connection

from destination_pgvector import recall
from destination_pgvector.index_options import Hnsw, IvfFlat
from destination_pgvector.store import PgvectorStore
from destination_pgvector.tables import index, index_progress
from destination_pgvector.tables.vector_type import VectorType
from tests.conftest import Database
from tests.destination_pgvector.stores import store_of
from vector_ingest.command.search import Scope
from vector_ingest.document import Chunk, Document, Embedded, Stream

STREAM = Stream("Docs", None, "append_dedup", (("id",),))
DIMENSIONS = 16
VECTOR = VectorType("vector", DIMENSIONS, "public")
Open = Callable[..., PgvectorStore]


@pytest.fixture
def opened(database: Database) -> Iterator[Open]:
    """Makes stores of a form; they are closed at the end."""
    stores = []

    def open_store(**form: Any) -> PgvectorStore:
        stores.append(store_of({**database.indexing(), **form}, DIMENSIONS))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def fill(database: Database, rows: int, first: int = 0) -> None:
    """Random rows, in the table that a store has prepared."""
    with database.connect() as conn:
        conn.execute("SELECT setseed(0.5)")
        conn.execute(
            "INSERT INTO docs (document_id, chunk_id, chunk_number, metadata, embedding) SELECT i, i || '#0', 0, "
            "jsonb_build_object('id', i), ARRAY(SELECT random() - 0.5 FROM generate_series(1, %s) WHERE i = i)::vector "
            "FROM generate_series(%s::int, %s) i",
            (DIMENSIONS, first, first + rows - 1),
        )


def sync(store: PgvectorStore) -> None:
    store.finish(store.prepare(STREAM), complete=True)


def indexes(database: Database) -> list[tuple[str, bool]]:
    """Their definitions after USING, and whether they are ours. Not the primary key."""
    query = (
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', ''), "
        "coalesce(obj_description(indexrelid, 'pg_class'), '') LIKE '%airbyte_vectors%' FROM pg_index "
        "WHERE indrelid = 'docs'::regclass AND NOT indisprimary AND indisvalid ORDER BY 1"
    )
    with database.connect() as conn:
        return [(definition.replace("'", ""), ours) for definition, ours in conn.execute(query).fetchall()]


def hnsw(operators: str = "vector_cosine_ops", m: int = 16, ef_construction: int = 64) -> str:
    return f"hnsw (embedding {operators}) WITH (m={m}, ef_construction={ef_construction})"


DISTANCES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "cosine": ("vector_cosine_ops", lambda a, b: 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)),
    "l2": ("vector_l2_ops", lambda a, b: np.linalg.norm(a - b)),
    "inner_product": ("vector_ip_ops", lambda a, b: -(a @ b)),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_index_and_search_go_by_the_chosen_distance(database: Database, opened: Open, name: str) -> None:
    operators, distance = DISTANCES[name]
    store = opened(distance=name)
    chance = np.random.default_rng(1)
    vectors = [chance.normal(size=DIMENSIONS).astype(np.float32) * (1 + number % 5) for number in range(60)]
    documents = [
        Embedded(Document(str(number), "", {}, b"h"), [Chunk(0, "", 0, 0, b"c")], [vector])
        for number, vector in enumerate(vectors)
    ]
    target = store.prepare(STREAM)
    store.replace(target, documents)
    store.finish(target, complete=True)
    assert indexes(database) == [(hnsw(operators), True)]
    question = chance.normal(size=DIMENSIONS).astype(np.float32)
    exact = sorted((float(distance(vector, question)), str(number)) for number, vector in enumerate(vectors))[:3]
    found = store.nearest(Scope("Docs"), question, 3)
    assert [entry[0] for entry in found] == [identity for _, identity in exact]
    assert [entry[2] for entry in found] == pytest.approx([expected for expected, _ in exact], abs=1e-5)


def test_more_is_found_than_the_index_looks_at_by_itself(database: Database, opened: Open) -> None:
    store = opened(index={"type": "hnsw", "ef_search": 10})
    store.prepare(STREAM)
    fill(database, 400)
    sync(store)
    with database.connect() as conn:
        conn.execute(f"ALTER DATABASE {database.name} SET enable_seqscan = off".encode())
    assert len(store.nearest(Scope("Docs"), np.ones(DIMENSIONS, np.float32), 80)) == 80


def test_other_parameters_or_another_distance_build_the_index_anew(database: Database, opened: Open) -> None:
    sync(opened())
    fill(database, 50)
    sync(opened(index={"type": "hnsw", "m": 8, "ef_construction": 32}))
    assert indexes(database) == [(hnsw(m=8, ef_construction=32), True)]
    sync(opened(index={"type": "hnsw", "m": 8, "ef_construction": 32}, distance="l2"))
    assert indexes(database) == [(hnsw("vector_l2_ops", 8, 32), True)]
    sync(opened(index={"type": "ivfflat", "lists": 7}, distance="l2"))
    assert indexes(database) == [("ivfflat (embedding) WITH (lists=7)", True)]  # l2 is its usual one
    with database.connect() as conn:
        before = conn.execute("SELECT max(indexrelid) FROM pg_index").fetchone()
        sync(opened(index={"type": "ivfflat", "lists": 7}, distance="l2"))
        assert conn.execute("SELECT max(indexrelid) FROM pg_index").fetchone() == before
    sync(opened(index={"type": "none"}))
    assert indexes(database) == []


def test_the_users_own_indexes_stay_and_count_if_they_fit(database: Database, opened: Open) -> None:
    opened().prepare(STREAM)
    fill(database, 50)
    with database.connect() as conn:
        conn.execute("CREATE INDEX own ON docs USING hnsw (embedding vector_l2_ops)")
    sync(opened(distance="l2"))
    own = ("hnsw (embedding vector_l2_ops)", False)
    assert indexes(database) == [own]
    sync(opened(distance="cosine"))
    assert indexes(database) == [(hnsw(), True), own]
    sync(opened(index={"type": "none"}))
    assert indexes(database) == [own]


def test_the_lists_of_ivfflat_follow_the_rows(database: Database, opened: Open) -> None:
    def lists() -> list[str]:
        return [found for definition, _ in indexes(database) for found in re.findall(r"lists=(\d+)", definition)]

    form = {"index": {"type": "ivfflat"}, "recall_questions": 0}
    sync(opened(**form))
    assert indexes(database) == []  # no rows, no centres
    fill(database, 2500)
    sync(opened(**form))
    assert lists() == ["2"]
    fill(database, 2000, first=2500)
    sync(opened(**form))
    assert lists() == ["2"]  # 4 would be right, which is not more than twice as many
    fill(database, 1500, first=4500)
    sync(opened(**form))
    assert lists() == ["6"]


@pytest.mark.parametrize(("rows", "lists"), [(10, 1), (999_999, 999), (4_000_000, 2000), (10**10, 32_768)])
def test_the_lists_are_those_that_pgvector_recommends(rows: int, lists: int) -> None:
    assert index.lists_for(IvfFlat(), rows) == lists
    assert index.lists_for(IvfFlat(lists=5), rows) == 5


def test_a_bad_index_is_found_out_by_what_it_finds(
    database: Database, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    def measured(**form: Any) -> float:
        caplog.clear()
        sync(opened(**form))
        with database.connect() as conn:
            query = (
                "SELECT obj_description(indexrelid, 'pg_class') FROM pg_index WHERE NOT indisprimary AND indrelid = %s"
            )
            ((note,),) = conn.execute(f"{query}::regclass".encode(), ("docs",)).fetchall()
        noted = json.loads(note)["airbyte_vectors"]
        assert f"recall@10 {noted['recall']:.3f} over {noted['questions']} stored vectors" in caplog.text
        assert (noted["questions"], noted["rows"]) == (50, 3000)
        return float(noted["recall"])

    caplog.set_level(logging.INFO)
    opened().prepare(STREAM)
    fill(database, 3000)
    bad = measured(index={"type": "ivfflat", "lists": 300, "probes": 1})
    assert "finds little" in caplog.text
    good = measured(index={"type": "ivfflat", "lists": 10, "probes": 10})
    assert "finds little" not in caplog.text
    assert bad < 0.5 < good == 1.0
    assert measured() > 0.9


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("tables", [{"vector_type": "halfvec"}, {"quantised": True}])
def test_halves_and_bits_are_indexed_searched_and_measured_too(
    database: Database, opened: Open, tables: dict[str, Any], distance: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kind = "halfvec" if "vector_type" in tables else "bit"
    operators = "bit_hamming_ops" if kind == "bit" else DISTANCES[distance][0].replace("vector", "halfvec")
    form = {"tables": tables, "distance": distance}
    opened(**form).prepare(STREAM)
    fill(database, 500)
    for index_form in ({"type": "hnsw"}, {"type": "ivfflat", "lists": 4, "probes": 4}):
        store = opened(**form, index=index_form)
        store.check()
        sync(store)
        ((definition, ours),) = indexes(database)
        assert ours
        assert f"{index_form['type']} (embedding{'_bits' if kind == 'bit' else ''}" in definition
        assert operators in definition or kind == "bit" or (index_form["type"], distance) == ("ivfflat", "l2")
        shares = re.findall(r"recall@10 (\S+) over 50", caplog.text)
        assert float(shares[-1]) > (0.6 if kind == "bit" else 0.95)
        assert len(store.nearest(Scope("Docs"), np.ones(DIMENSIONS, np.float32), 12)) == 12


def test_equal_vectors_do_not_make_an_index_look_bad(database: Database, opened: Open) -> None:
    store = opened()
    target = store.prepare(STREAM)
    same = [np.ones(DIMENSIONS, np.float32)]
    store.replace(
        target,
        [Embedded(Document(str(number), "", {}, b"h"), [Chunk(0, "", 0, 0, b"c")], same) for number in range(90)],
    )
    store.finish(target, complete=True)
    with database.connect() as conn:
        plan = index.Plan(Hnsw(), "cosine", VECTOR)
        found = recall.measure(conn, "docs", plan, 5)
    assert found is not None
    assert found.share == 1.0


def test_exact_search_that_takes_too_long_leaves_the_index_unmeasured(database: Database, opened: Open) -> None:
    opened().prepare(STREAM)
    fill(database, 10)
    with database.connect() as conn:
        plan = index.Plan(Hnsw(), "cosine", VECTOR)
        assert recall.measure(conn, "docs", plan, 5, seconds=0.0) is None
        assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_a_live_table_is_written_to_while_its_index_is_built_and_the_progress_is_told(
    database: Database, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    opened().prepare(STREAM)
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


def test_only_a_table_that_nobody_knows_yet_is_closed_while_its_index_is_built(
    database: Database, opened: Open
) -> None:
    def statement_of(distance: str) -> str:
        store = opened(distance=distance)
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


def test_the_metadata_are_indexed_if_wanted(database: Database, opened: Open) -> None:
    opened().prepare(STREAM)
    fill(database, 2000)
    gin = ("gin (metadata jsonb_path_ops)", True)
    for _ in range(2):
        sync(opened(index={"type": "none"}, metadata_index=True))
        assert indexes(database) == [gin]
    with database.connect() as conn:
        plan = conn.execute("""EXPLAIN SELECT FROM docs WHERE metadata @> '{"id": 77}'""").fetchall()
    assert "_metadata_idx" in str(plan)
    sync(opened(index={"type": "none"}))
    assert indexes(database) == []


def test_a_table_that_was_emptied_is_loaded_without_indexes(database: Database, opened: Open) -> None:
    sync(opened(metadata_index=True))
    fill(database, 20)
    store = opened(metadata_index=True)
    store.prepare(STREAM)
    assert len(indexes(database)) == 2
    with database.connect() as conn:
        conn.execute("TRUNCATE docs")
    target = store.prepare(STREAM)
    assert indexes(database) == []
    store.finish(target, complete=True)
    assert len(indexes(database)) == 2
