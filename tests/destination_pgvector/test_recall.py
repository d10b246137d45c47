"""What an index finds: by each distance, of each type, and how much of it."""

import json
import logging
import re
from typing import Any

import numpy as np
import pytest

from destination_pgvector import recall
from destination_pgvector.index_options import Hnsw
from destination_pgvector.tables import index
from tests.conftest import Database
from tests.destination_pgvector.indexed import DIMENSIONS, DISTANCES, STREAM, VECTOR, Open, fill, hnsw, indexes, sync
from vector_ingest.command.search import Scope
from vector_ingest.document import Chunk, Document, Embedded


@pytest.mark.parametrize("name", DISTANCES)
def test_index_and_search_go_by_the_chosen_distance(database: Database, open_store: Open, name: str) -> None:
    operators, distance = DISTANCES[name]
    store = open_store(distance=name)
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


def test_more_is_found_than_the_index_looks_at_by_itself(database: Database, open_store: Open) -> None:
    store = open_store(index={"type": "hnsw", "ef_search": 10})
    store.prepare(STREAM)
    fill(database, 400)
    sync(store)
    with database.connect() as conn:
        conn.execute(f"ALTER DATABASE {database.name} SET enable_seqscan = off".encode())
    assert len(store.nearest(Scope("Docs"), np.ones(DIMENSIONS, np.float32), 80)) == 80


@pytest.mark.parametrize("index", [{"type": "hnsw"}, {"type": "ivfflat", "lists": 40, "probes": 1}])
def test_as_many_are_found_as_were_asked_for(database: Database, open_store: Open, index: dict[str, Any]) -> None:
    store = open_store(index=index, recall_questions=0)
    store.prepare(STREAM)
    fill(database, 2000)
    sync(store)
    with database.connect() as conn:
        conn.execute(f"ALTER DATABASE {database.name} SET enable_seqscan = off".encode())  # as in a large table
    found = store.nearest(Scope("Docs"), np.ones(DIMENSIONS, np.float32), 1500)
    assert len({each.document_id for each in found}) == 1500
    assert [each.distance for each in found] == sorted(each.distance for each in found)


def test_a_bad_index_is_found_out_by_what_it_finds(
    database: Database, open_store: Open, caplog: pytest.LogCaptureFixture
) -> None:
    def measured(**form: Any) -> float:
        caplog.clear()
        sync(open_store(**form))
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
    open_store().prepare(STREAM)
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
    database: Database, open_store: Open, tables: dict[str, Any], distance: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    kind = "halfvec" if "vector_type" in tables else "bit"
    operators = "bit_hamming_ops" if kind == "bit" else DISTANCES[distance][0].replace("vector", "halfvec")
    form = {"tables": tables, "distance": distance}
    open_store(**form).prepare(STREAM)
    fill(database, 500)
    for index_form in ({"type": "hnsw"}, {"type": "ivfflat", "lists": 4, "probes": 4}):
        store = open_store(**form, index=index_form)
        store.check()
        sync(store)
        ((definition, ours),) = indexes(database)
        assert ours
        assert f"{index_form['type']} (embedding{'_bits' if kind == 'bit' else ''}" in definition
        assert operators in definition or kind == "bit" or (index_form["type"], distance) == ("ivfflat", "l2")
        shares = re.findall(r"recall@10 (\S+) over 50", caplog.text)
        assert float(shares[-1]) > (0.6 if kind == "bit" else 0.95)
        assert len(store.nearest(Scope("Docs"), np.ones(DIMENSIONS, np.float32), 12)) == 12


def test_equal_vectors_do_not_make_an_index_look_bad(database: Database, open_store: Open) -> None:
    store = open_store()
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


def test_exact_search_that_takes_too_long_leaves_the_index_unmeasured(database: Database, open_store: Open) -> None:
    open_store().prepare(STREAM)
    fill(database, 10)
    with database.connect() as conn:
        plan = index.Plan(Hnsw(), "cosine", VECTOR)
        assert recall.measure(conn, "docs", plan, 5, seconds=0.0) is None
        assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)
