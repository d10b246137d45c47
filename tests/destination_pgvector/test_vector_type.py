"""The types of vectors: which is taken, what the server makes of them, and what a search finds by them."""

from dataclasses import replace

import numpy as np
import pytest

from destination_pgvector.tables.vector_type import kind_for
from tests.conftest import Database
from tests.destination_pgvector.stores import DOCS, ask, opened, store_of, sync
from tests.embedded_documents import digest, document, vector_of
from vector_ingest.command.search import Scope
from vector_ingest.document import Vector
from vector_ingest.errors import ConfigError

INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'docs' AND indexdef LIKE '%hnsw%'"
TYPE = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'docs'::regclass AND attname = %s"


def stored(database: Database) -> Vector:
    (text,) = ask(database, "SELECT embedding::text FROM docs")
    return np.fromstring(text[1:-1], np.float32, sep=",")


@pytest.mark.parametrize(
    ("choice", "dimensions", "kind"),
    [
        ("auto", 2000, "vector"),
        ("auto", 2001, "halfvec"),
        ("auto", 4000, "halfvec"),
        ("auto", 4001, "vector"),
        ("vector", 3000, "vector"),
        ("halfvec", 3, "halfvec"),
    ],
)
def test_which_type_is_taken(choice: str, dimensions: int, kind: str) -> None:
    assert kind_for(choice, dimensions) == kind


def test_a_model_of_more_dimensions_than_vector_can_index_gets_halfvec_and_an_index(database: Database) -> None:
    vector = np.random.default_rng(1).normal(size=2001).astype(np.float32)
    sync(database, DOCS, document("a", "one", vector=vector), dimensions=2001)
    assert ask(database, TYPE, "embedding") == ["halfvec(2001)"]
    assert "halfvec_cosine_ops" in ask(database, INDEXES)[0]
    np.testing.assert_array_equal(stored(database), vector.astype(np.float16).astype(np.float32))
    with opened(database, 2001) as store:
        ((identity, _, distance, *_),) = store.nearest(Scope("docs"), vector, 3)
    assert identity == "a"
    assert abs(distance) < 1e-3


def test_numbers_of_every_size_are_rounded_as_the_server_rounds_them(database: Database) -> None:
    numbers = [0.1, -0.1, 65504, -65504, 65519, 1e-8, 6.1e-5, 2.9e-8, 5.9e-8, 1 / 3, 2049, 0, -0.0, 1.0009765]
    vector = np.array(numbers, np.float32)
    sync(
        database,
        DOCS,
        document("a", "one", vector=np.clip(vector, -65504, 65504)),
        dimensions=14,
        vector_type="halfvec",
    )
    text = "[" + ",".join(map(str, np.clip(vector, -65504, 65504).tolist())) + "]"
    assert ask(database, "SELECT embedding = %s::halfvec FROM docs", text) == [True]


def test_what_a_half_can_not_hold_is_refused_with_the_reason(database: Database) -> None:
    large = document("large", "x", vector=np.array([1, 70_000, 1], np.float32))
    nan = document("nan", "x", vector=np.array([1, np.nan, 1], np.float32))
    with opened(database, vector_type="halfvec") as store:
        target = store.prepare(DOCS)
        refused = {each.document_id: each.reason for each in store.replace(target, [large, document("a", "x"), nan])}
        assert [entry.document_id for entry in store.scan(target)] == ["a"]
    assert set(refused) == {"large", "nan"}
    assert "70000, and `halfvec` holds 65504 at most" in refused["large"]
    assert "NaN" in refused["nan"]


@pytest.mark.parametrize(("before", "after", "kept"), [("vector", "halfvec", True), ("halfvec", "vector", False)])
def test_an_overwrite_with_another_type_keeps_vectors_that_are_exact_enough(
    database: Database, before: str, after: str, *, kept: bool
) -> None:
    sync(database, DOCS, document("a", "one"), vector_type=before)
    with opened(database, vector_type=after) as store:
        target = store.prepare(replace(DOCS, mode="overwrite"))
        known = store.known(target, [document("a", "one").document])
        assert [entry.chunks for entry in known.values()] == ([frozenset({digest("one")})] if kept else [])
        store.replace(target, [replace(document("a", "one"), vectors=[None if kept else vector_of("one")])])
        store.finish(target, complete=True)
    np.testing.assert_array_equal(stored(database), vector_of("one"))
    assert ask(database, TYPE, "embedding") == [f"{after}(3)"]


def test_a_table_keeps_its_type_unless_another_is_asked_for(database: Database) -> None:
    sync(database, DOCS, document("a", "one"), vector_type="halfvec")
    sync(database, DOCS, document("b", "two"))
    assert ask(database, TYPE, "embedding") == ["halfvec(3)"]
    told = r"of the type halfvec, but indexing.tables.vector_type asks for vector. Refresh.*or set halfvec"
    with opened(database, vector_type="vector") as store, pytest.raises(ConfigError, match=told):
        store.prepare(DOCS)


@pytest.mark.parametrize("kind", ["vector", "halfvec"])
def test_a_search_by_bits_finds_the_nearest_by_their_vectors(database: Database, kind: str) -> None:
    random = np.random.default_rng(2)
    vectors = random.normal(size=(300, 64)).astype(np.float32)
    documents = [document(str(number), "x", vector=vector) for number, vector in enumerate(vectors)]
    sync(database, DOCS, *documents, dimensions=64, vector_type=kind, quantised=True)
    assert ask(database, TYPE, "embedding_bits") == ["bit(64)"]
    assert "(embedding_bits bit_hamming_ops)" in ask(database, INDEXES)[0]
    question = vectors[7] + random.normal(scale=0.1, size=64).astype(np.float32)
    exact = np.argsort(1 - vectors @ question / np.linalg.norm(vectors, axis=1))[0]
    with opened(database, 64, vector_type=kind, quantised=True) as store:
        found = store.nearest(Scope("docs"), question, 5)
    assert [len(found), found[0][0]] == [5, str(exact)] == [5, "7"]
    distances = [entry[2] for entry in found]
    assert distances == sorted(distances)


@pytest.mark.parametrize(
    ("kind", "quantised", "method", "distance", "operators"),
    [
        ("vector", False, "hnsw", "inner_product", "vector_ip_ops"),
        ("halfvec", False, "hnsw", "l2", "halfvec_l2_ops"),
        ("halfvec", False, "ivfflat", "cosine", "halfvec_cosine_ops"),
        ("vector", True, "ivfflat", "l2", "bit_hamming_ops"),
    ],
)
def test_every_type_is_indexed_and_found_by_every_distance(
    database: Database, kind: str, method: str, distance: str, operators: str, *, quantised: bool
) -> None:
    vectors = np.random.default_rng(3).normal(size=(30, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    form = {"distance": distance, "index": {"type": method}, "tables": {"vector_type": kind, "quantised": quantised}}
    store = store_of({**database.indexing(), **form}, 16)
    target = store.prepare(DOCS)
    store.replace(target, [document(str(number), "x", vector=vector) for number, vector in enumerate(vectors)])
    store.finish(target, complete=True)
    assert operators in ask(database, INDEXES.replace("hnsw", method))[0]
    assert store.nearest(Scope("docs"), vectors[5], 3)[0][0] == "5"
    store.close()


def test_an_index_goes_when_the_bits_are_indexed_instead(database: Database) -> None:
    sync(database, DOCS, document("a", "x"))
    sync(database, replace(DOCS, mode="overwrite"), document("a", "x"), quantised=True)
    assert ["embedding_bits" in index for index in ask(database, INDEXES)] == [True]
    sync(database, DOCS, document("b", "y"))  # the column stays, as it costs nothing to know
    assert ["embedding_bits" in index for index in ask(database, INDEXES)] == [False]


def test_an_index_on_bits_takes_more_dimensions_than_any_other(database: Database) -> None:
    sync(database, DOCS, document("a", "x", vector=np.ones(5000, np.float32)), dimensions=5000, quantised=True)
    assert "bit_hamming_ops" in ask(database, INDEXES)[0]


def test_the_extension_may_be_in_a_schema_off_the_search_path(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("CREATE SCHEMA extensions")
        conn.execute("CREATE EXTENSION vector SCHEMA extensions")
    for kind in ("vector", "halfvec"):
        stream = replace(DOCS, name=kind)
        sync(database, stream, document("a", "x"), vector_type=kind, quantised=True, document_view=True)
        with opened(database, vector_type=kind, quantised=True) as store:
            assert [entry[0] for entry in store.nearest(Scope(kind), vector_of("x"), 3)] == ["a"]
