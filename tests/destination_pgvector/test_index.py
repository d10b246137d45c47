"""The indexes of a table: what is built, and when it is built anew."""

import re

import pytest

from destination_pgvector.index_options import IvfFlat
from destination_pgvector.tables import index
from tests.conftest import Database
from tests.destination_pgvector.indexed import STREAM, Open, fill, hnsw, indexes, sync


def test_other_parameters_or_another_distance_build_the_index_anew(database: Database, open_store: Open) -> None:
    sync(open_store())
    fill(database, 50)
    sync(open_store(index={"type": "hnsw", "m": 8, "ef_construction": 32}))
    assert indexes(database) == [(hnsw(m=8, ef_construction=32), True)]
    sync(open_store(index={"type": "hnsw", "m": 8, "ef_construction": 32}, distance="l2"))
    assert indexes(database) == [(hnsw("vector_l2_ops", 8, 32), True)]
    sync(open_store(index={"type": "ivfflat", "lists": 7}, distance="l2"))
    assert indexes(database) == [("ivfflat (embedding) WITH (lists=7)", True)]  # l2 is its usual one
    with database.connect() as conn:
        before = conn.execute("SELECT max(indexrelid) FROM pg_index").fetchone()
        sync(open_store(index={"type": "ivfflat", "lists": 7}, distance="l2"))
        assert conn.execute("SELECT max(indexrelid) FROM pg_index").fetchone() == before
    sync(open_store(index={"type": "none"}))
    assert indexes(database) == []


def test_the_users_own_indexes_stay_and_count_if_they_fit(database: Database, open_store: Open) -> None:
    open_store().prepare(STREAM)
    fill(database, 50)
    with database.connect() as conn:
        conn.execute("CREATE INDEX own ON docs USING hnsw (embedding vector_l2_ops)")
    sync(open_store(distance="l2"))
    own = ("hnsw (embedding vector_l2_ops)", False)
    assert indexes(database) == [own]
    sync(open_store(distance="cosine"))
    assert indexes(database) == [(hnsw(), True), own]
    sync(open_store(index={"type": "none"}))
    assert indexes(database) == [own]


def test_the_lists_of_ivfflat_follow_the_rows(database: Database, open_store: Open) -> None:
    def lists() -> list[str]:
        return [found for definition, _ in indexes(database) for found in re.findall(r"lists=(\d+)", definition)]

    form = {"index": {"type": "ivfflat"}, "recall_questions": 0}
    sync(open_store(**form))
    assert indexes(database) == []  # no rows, no centres
    fill(database, 2500)
    sync(open_store(**form))
    assert lists() == ["2"]
    fill(database, 2000, first=2500)
    sync(open_store(**form))
    assert lists() == ["2"]  # 4 would be right, which is not more than twice as many
    fill(database, 1500, first=4500)
    sync(open_store(**form))
    assert lists() == ["6"]


@pytest.mark.parametrize(("rows", "lists"), [(10, 1), (999_999, 999), (4_000_000, 2000), (10**10, 32_768)])
def test_the_lists_are_those_that_pgvector_recommends(rows: int, lists: int) -> None:
    assert index.lists_for(IvfFlat(), rows) == lists
    assert index.lists_for(IvfFlat(lists=5), rows) == 5


def test_the_metadata_are_indexed_if_wanted(database: Database, open_store: Open) -> None:
    open_store().prepare(STREAM)
    fill(database, 2000)
    gin = ("gin (metadata jsonb_path_ops)", True)
    for _ in range(2):
        sync(open_store(index={"type": "none"}, metadata_index=True))
        assert indexes(database) == [gin]
    with database.connect() as conn:
        plan = conn.execute("""EXPLAIN SELECT FROM docs WHERE metadata @> '{"id": 77}'""").fetchall()
    assert "_metadata_idx" in str(plan)
    sync(open_store(index={"type": "none"}))
    assert indexes(database) == []


def test_a_table_that_was_emptied_is_loaded_without_indexes(database: Database, open_store: Open) -> None:
    sync(open_store(metadata_index=True))
    fill(database, 20)
    store = open_store(metadata_index=True)
    store.prepare(STREAM)
    assert len(indexes(database)) == 2
    with database.connect() as conn:
        conn.execute("TRUNCATE docs")
    target = store.prepare(STREAM)
    assert indexes(database) == []
    store.finish(target, complete=True)
    assert len(indexes(database)) == 2
