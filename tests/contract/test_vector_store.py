"""What every vector store must do. Another store is one more entry in STORES."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pytest

from destination_pgvector.names import table_names
from destination_s3vectors import config as s3vectors
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import Database, VectorBucket
from tests.contract.memory_store import MemoryStore, Table
from tests.destination_pgvector.stores import store_of
from tests.destination_s3vectors.contents import read_stream
from tests.embedded_documents import DIMENSIONS, digest, document, named, vector_of
from vector_ingest.document import Embedded, Stream, Target, Vector
from vector_ingest.errors import ConfigError
from vector_ingest.store import VectorStore

DEDUP = Stream("Some Stream", None, "append_dedup", (("id",),))
OVERWRITE = Stream("Some Stream", None, "overwrite", (("id",),))


class Closable(VectorStore, Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A store under test. `open` gives one for a sync (of a model); `read` is what a reader sees of a stream.

    `switches`: between all that was there and all that is new, at once; else document by document.
    """

    open: Callable[[str], Closable]
    read: Callable[[Stream], dict[str, list[tuple[str, Vector]]]]
    switches: bool = True


def in_memory(_: pytest.FixtureRequest) -> Kind:
    tables: dict[str, Table] = {}

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        table = tables.get(f"{stream.namespace}.{stream.name}", Table(""))
        rows = dict(table.rows)
        return {identity: [(row.stored.text or "", row.vector) for row in rows[identity]] for identity in rows}

    return Kind(lambda fingerprint: MemoryStore(tables, fingerprint), read)


def in_pgvector(request: pytest.FixtureRequest, **tables: Any) -> Kind:
    database: Database = request.getfixturevalue("database")
    indexing = {**database.indexing(), "tables": tables}

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        table, _ = table_names(stream, "public")
        only = ""
        if tables:
            table, only = "public.documents", f"WHERE stream = '{stream.name}'"
        query = (
            f"SELECT document_id, document_content, embedding::text FROM {table} {only} "
            "ORDER BY document_id, chunk_number"
        )
        with database.connect() as conn:
            if not conn.execute("SELECT to_regclass(%s)", (table,)).fetchall()[0][0]:
                return {}
            rows: dict[str, list[tuple[str, Vector]]] = {}
            for identity, text, vector in conn.execute(query.encode()).fetchall():
                rows.setdefault(identity, []).append((text, np.fromstring(vector[1:-1], np.float32, sep=",")))
        return rows

    return Kind(lambda fingerprint: store_of(indexing, DIMENSIONS, fingerprint), read)


def in_s3vectors(request: pytest.FixtureRequest) -> Kind:
    bucket: VectorBucket = request.getfixturevalue("vector_bucket")
    config = s3vectors.Config.model_validate(
        {"embedding": {"mode": "fake"}, "processing": {"chunk_size": 100}, "indexing": bucket.indexing()}
    )

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        return read_stream(bucket, stream)

    return Kind(lambda fingerprint: S3VectorsStore(config, DIMENSIONS, fingerprint), read, switches=False)


def in_one_table(request: pytest.FixtureRequest) -> Kind:
    """Of pgvector, for all streams: another one has rows of the same ids in it, which nothing may touch.

    But for the tests of another model, which one table for all can only have when no other stream is in it.
    """
    kind = in_pgvector(request, table_for={"type": "all"})
    if "model" not in request.node.name:
        other = replace(DEDUP, name="Other")
        sync(kind, other, document("a", "of the other", "stream"), document("b", "too"))
        there = kind.read(other)
        request.addfinalizer(lambda: np.testing.assert_equal(kind.read(other), there))
    return kind


STORES: dict[str, Callable[[pytest.FixtureRequest], Kind]] = {
    "memory": in_memory,
    "pgvector": in_pgvector,
    "pgvector_one_table": in_one_table,
    "s3vectors": in_s3vectors,
}


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Its stores are closed at the end, also where a test fails before it does so."""
    kind = STORES[request.param](request)
    opened: list[Closable] = []

    def open_store(fingerprint: str) -> Closable:
        opened.append(kind.open(fingerprint))
        return opened[-1]

    if request.node.get_closest_marker("switch") and not kind.switches:
        reason = "the service has no rename: what replaces a stream is seen document by document"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    yield replace(kind, open=open_store)
    for store in opened:
        store.close()


@pytest.fixture
def store(kind: Kind) -> Iterator[Closable]:
    store = kind.open("model/1")
    yield store
    store.close()


def texts(kind: Kind, stream: Stream = DEDUP) -> dict[str, list[str]]:
    """What a reader sees, after a look that each vector is that of its text."""
    seen = kind.read(stream)
    for rows in seen.values():
        for text, vector in rows:
            np.testing.assert_allclose(vector, vector_of(text))
    return {identity: [text for text, _ in rows] for identity, rows in seen.items()}


def sync(kind: Kind, stream: Stream, *documents: Embedded, complete: bool = True, model: str = "model/1") -> Target:
    store = kind.open(model)
    target = store.prepare(stream)
    assert not store.replace(target, documents)
    store.finish(target, complete)
    store.close()
    return target


def test_check_passes_and_leaves_nothing_behind(store: Closable, kind: Kind) -> None:
    store.check()
    store.check()
    assert kind.read(DEDUP) == {}


def test_a_document_is_replaced_whole_and_a_shrunk_one_leaves_no_tail(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two", "three"), document("b", "four")])
    store.replace(target, [document("a", "five", "two")])
    assert texts(kind) == {"a": ["five", "two"], "b": ["four"]}


def test_the_same_replace_again_changes_nothing(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    for _ in range(2):
        store.replace(target, [document("a", "one", "two")])
    assert texts(kind) == {"a": ["one", "two"]}


def test_ids_that_are_new_in_every_run_may_come_twice_after_a_lost_answer(store: Closable, kind: Kind) -> None:
    stream = replace(DEDUP, mode="append", primary_key=())
    target = store.prepare(stream)
    for _ in range(2):
        store.replace(target, [document("a", "one", "two"), document("b", "three")])
    assert texts(kind, stream) == {"a": ["one", "two"], "b": ["three"]}


def test_a_document_that_has_no_chunks_any_more_is_gone(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one")])
    store.replace(target, [document("a")])
    assert not any(texts(kind).values())


def test_delete_takes_whole_documents_and_says_how_many_were_there(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two"), document("b", "three")])
    assert store.delete(target, named("a", "unknown")) == 1
    assert store.delete(target, named("a")) == 0
    assert texts(kind) == {"b": ["three"]}


def test_known_has_the_hashes_of_what_is_stored_and_leaves_unknown_ids_out(store: Closable) -> None:
    target = store.prepare(DEDUP)
    stored = document("a", "one", "two")
    store.replace(target, [stored])
    known = store.known(target, named("a", "b"))
    assert set(known) == {"a"}
    assert known["a"].hash == stored.document.hash
    assert known["a"].chunks == {digest("one"), digest("two")}


def test_a_chunk_without_a_vector_keeps_the_stored_one_wherever_it_moves(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two")])
    store.replace(target, [document("a", "new", "two", "one", "two", keep=["one", "two"])])
    assert texts(kind) == {"a": ["new", "two", "one", "two"]}


def test_metadata_text_and_awkward_ids_come_back_as_they_went_in(store: Closable) -> None:
    target = store.prepare(DEDUP)
    metadata: dict[str, Any] = {
        "nested": {"list": [1, 2.5, None, True]},
        'quo"te': "\\ \n \t é 日本 🙂",
        "long": 2**70,
        "": "",
    }
    identity = "Stream_x_Key_a'b\"c\\d\n%s{}é"
    store.replace(target, [document(identity, "text é\n\\N", **metadata)])
    (stored,) = store.scan(target)
    assert (stored.document_id, stored.text, stored.number) == (identity, "text é\n\\N", 0)
    assert stored.metadata == metadata
    assert stored.hash == digest("text é\n\\N")
    assert stored.fingerprint == "model/1"


def test_scan_gives_every_chunk_once(store: Closable) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document(f"d{number}", "one", "two") for number in range(500)])
    seen = [(stored.document_id, stored.number) for stored in store.scan(target)]
    assert sorted(seen) == sorted((f"d{number}", place) for number in range(500) for place in (0, 1))


def test_the_next_sync_goes_on_with_what_is_there(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"), document("b", "two"))
    sync(kind, DEDUP, document("b", "three"), complete=False)
    assert texts(kind) == {"a": ["one"], "b": ["three"]}


@pytest.mark.switch
def test_an_overwrite_shows_the_old_rows_until_it_is_whole(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    store = kind.open("model/1")
    target = store.prepare(OVERWRITE)
    store.replace(target, [document("b", "new")])
    assert texts(kind) == {"a": ["old"]}
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"b": ["new"]}


@pytest.mark.switch
def test_a_first_overwrite_shows_nothing_until_it_is_whole(kind: Kind) -> None:
    target = sync(kind, OVERWRITE, document("b", "new"), complete=False)
    assert target.live is None
    assert texts(kind) == {}
    sync(kind, OVERWRITE, document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_an_overwrite_of_nothing_leaves_an_empty_stream(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, OVERWRITE)
    assert texts(kind) == {}


def test_the_rerun_of_an_overwrite_that_was_killed_at_its_end_deletes_nothing(kind: Kind) -> None:
    stream = replace(OVERWRITE, generation=3, minimum_generation=3)
    sync(kind, stream, document("a", "one"))
    sync(kind, stream)  # its states came back, so the source has nothing to send any more
    assert texts(kind) == {"a": ["one"]}
    sync(kind, stream, document("b", "two"))  # but some clients send the same generation in every sync
    assert texts(kind) == {"b": ["two"]}


@pytest.mark.switch
def test_an_incomplete_overwrite_keeps_the_old_rows_and_its_own_are_thrown_away(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, OVERWRITE, document("b", "half"), complete=False)
    assert texts(kind) == {"a": ["old"]}
    sync(kind, OVERWRITE, document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_an_overwrite_can_keep_vectors_of_the_rows_that_it_replaces(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one", "two"))
    store = kind.open("model/1")
    target = store.prepare(OVERWRITE)
    known = store.known(target, named("a"))
    assert (known["a"].hash, known["a"].chunks) == (None, frozenset([digest("one"), digest("two")]))
    store.replace(target, [document("a", "two", "three", keep=["two"])])
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"a": ["two", "three"]}


def generation(number: int, minimum: int) -> Stream:
    return replace(DEDUP, generation=number, minimum_generation=minimum)


@pytest.mark.switch
def test_a_truncating_refresh_switches_when_it_is_complete(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "old"))
    sync(kind, generation(2, 2), document("b", "new"), complete=False)
    assert texts(kind) == {"a": ["old"]}
    sync(kind, generation(2, 2), document("c", "newer"))  # a retry of the same generation goes on
    assert texts(kind) == {"b": ["new"], "c": ["newer"]}


def test_what_an_abandoned_refresh_left_is_not_part_of_the_next_one(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "old"))
    sync(kind, generation(2, 2), document("b", "half"), complete=False)
    sync(kind, generation(3, 3), document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_a_client_that_always_sends_the_same_generation_loses_nothing(kind: Kind) -> None:
    sync(kind, generation(1, 1), document("a", "one"))
    sync(kind, generation(1, 1), document("b", "two"))
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_rows_of_clients_without_generations_are_older_than_any(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, generation(1, 1), document("b", "new"))
    assert texts(kind) == {"b": ["new"]}


def test_a_refresh_that_merges_keeps_older_generations(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"))
    sync(kind, generation(2, 0), document("b", "two"))
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_generations_below_the_minimum_go_only_when_the_stream_is_complete(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"), document("b", "two"))
    sync(kind, generation(2, 0), document("b", "two"))
    sync(kind, generation(2, 2), document("c", "three"), complete=False)
    assert texts(kind) == {"a": ["one"], "b": ["two"], "c": ["three"]}
    sync(kind, generation(2, 2))
    assert texts(kind) == {"b": ["two"], "c": ["three"]}


def test_an_unchanged_document_of_an_older_generation_must_be_written_again(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"))
    store = kind.open("model/1")
    target = store.prepare(generation(2, 0))
    known = store.known(target, named("a"))
    assert (known["a"].hash, known["a"].chunks) == (None, frozenset([digest("one")]))
    store.close()


def test_another_model_is_refused_and_the_message_names_both_and_the_remedy(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"))
    store = kind.open("model/2")
    with pytest.raises(ConfigError, match=r"model/1.*model/2.*[Rr]efresh"):
        store.prepare(DEDUP)
    store.close()


def test_another_model_is_taken_by_a_sync_that_replaces_all_and_keeps_no_vectors(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"))
    store = kind.open("model/2")
    target = store.prepare(OVERWRITE)
    assert not store.known(target, named("a"))
    store.replace(target, [document("a", "one")])
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"a": ["one"]}
    sync(kind, DEDUP, document("b", "two"), model="model/2")
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_another_model_may_take_over_what_is_empty(kind: Kind) -> None:
    sync(kind, DEDUP)
    sync(kind, DEDUP, document("a", "one"), model="model/2")
    assert texts(kind) == {"a": ["one"]}


def test_many_threads_write_disjoint_documents(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)

    def work(worker: int) -> None:
        ids = [f"{worker}-{number}" for number in range(10)]
        for turn in range(5):
            known = store.known(target, named(*ids))
            assert len(known) == (0 if turn == 0 else 10)
            keep = ["same"] if known else []
            store.replace(target, [document(identity, f"turn {turn}", "same", keep=keep) for identity in ids])
        store.delete(target, named(*ids[5:]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    expected = {f"{worker}-{number}": ["turn 4", "same"] for worker in range(6) for number in range(5)}
    assert texts(kind) == expected


def test_a_reader_never_sees_a_document_missing_or_mixed(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    versions = [[f"version {version}"] * (1 + version % 3) for version in range(40)]
    steps = [set(before + after) for before, after in itertools.pairwise(versions)]
    store.replace(target, [document("a", *versions[0])])
    stop, faults = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen = texts(kind)
            # Without transactions, a reader may see parts of two versions: never none, and no others.
            mixed = not kind.switches and any(seen.get("a") and set(seen["a"]) <= step for step in steps)
            if seen.get("a") not in versions and not mixed:
                faults.append(seen)

    reader = threading.Thread(target=look)
    reader.start()
    for version in versions:
        store.replace(target, [document("a", *version)])
    stop.set()
    reader.join()
    assert not faults


def test_a_reader_sees_the_old_rows_or_the_new_ones_while_tables_are_switched(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "0"))
    stop, faults = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen = texts(kind)
            if set(seen) != {"a"}:
                faults.append(seen)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 6):
        sync(kind, OVERWRITE, document("a", str(number)))
    stop.set()
    reader.join()
    assert not faults
    assert texts(kind) == {"a": ["5"]}
