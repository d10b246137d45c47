"""What the contract of stores does not say: how little is sent, and what a service without rename shows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from destination_s3vectors.config import Config
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import VectorBucket
from tests.destination_s3vectors.contents import connect, index_names, read_stream, vectors_of
from tests.destination_s3vectors.stores import DOCS
from tests.embedded_documents import DIMENSIONS, digest, document, vector_of
from vector_ingest.command.search import Scope
from vector_ingest.document import Embedded, Stream
from vector_ingest.errors import ConfigError

WORDS = ["one", "two", "three"]
OVERWRITE = replace(DOCS, mode="overwrite")
Open = Callable[..., S3VectorsStore]


@pytest.fixture
def open_store(vector_bucket: VectorBucket) -> Iterator[Open]:
    """Stores, closed at the end. `indexing` changes that part of the configuration."""
    opened: list[S3VectorsStore] = []

    def open_one(model: str = "model/1", indexing: dict[str, Any] | None = None, **changes: Any) -> S3VectorsStore:
        config = {
            "embedding": {"mode": "fake"},
            "processing": {"chunk_size": 100},
            "indexing": vector_bucket.indexing(**(indexing or {})),
            **changes,
        }
        opened.append(S3VectorsStore(Config.model_validate(config), DIMENSIONS, model))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def changed(document: Embedded, numbers: Sequence[int]) -> Embedded:
    """The same, only these chunks' vectors brought along."""
    vectors = [vector_of(chunk.text) if chunk.number in numbers else None for chunk in document.chunks]
    return replace(document, vectors=vectors)


def texts(bucket: VectorBucket, stream: Stream = DOCS) -> dict[str, list[str]]:
    rows = read_stream(bucket, stream)
    for chunks in rows.values():
        for text, vector in chunks:
            assert vector.tolist() == vector_of(text).tolist()
    return {identity: [text for text, _ in chunks] for identity, chunks in rows.items()}


def sent(store: S3VectorsStore, work: Callable[[], object]) -> int:
    """Vectors put and deleted by `work`."""
    before = store.places.transport.counts.vectors
    work()
    return store.places.transport.counts.vectors - before


def test_an_update_puts_what_changed_and_the_two_ends(open_store: Open, vector_bucket: VectorBucket) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document("a", *["one", "two", "three", "four", "five", "six"])])
    edited = changed(document("a", *["one", "two", "3", "four", "five", "six"]), [2])
    assert sent(store, lambda: store.replace(target, [edited])) == 3
    assert texts(vector_bucket) == {"a": ["one", "two", "3", "four", "five", "six"]}


def test_a_document_that_is_the_same_is_put_no_more_than_its_first_chunk(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    store = open_store()
    refresh = replace(DOCS, generation=1)
    store.replace(store.prepare(refresh), [document("a", "one", "two", "three")])
    store.close()
    store = open_store()
    again = store.prepare(replace(refresh, generation=2))
    known = store.known(again, [document("a", "one", "two", "three").document])
    assert known["a"].hash is None  # its generation must be written
    same = document("a", *WORDS, keep=WORDS)
    assert sent(store, lambda: store.replace(again, [same])) == 1
    assert store.known(again, [same.document])["a"].hash == same.document.hash
    assert texts(vector_bucket) == {"a": ["one", "two", "three"]}


def test_other_metadata_are_put_with_the_stored_vectors(open_store: Open, vector_bucket: VectorBucket) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document("a", "one", "two", "three", author="Ada")])
    store.replace(target, [document("a", *WORDS, keep=WORDS, author="Eve")])
    assert texts(vector_bucket) == {"a": ["one", "two", "three"]}
    assert {vector["metadata"]["author"] for vector in vectors_of(vector_bucket, "airbyte.docs")} == {"Eve"}


def test_documents_are_looked_up_a_hundred_at_a_time_and_never_by_listing(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document(str(number), "one", "two", "three") for number in range(250)])
    log = vector_bucket.emulator.service.log
    log.clear()
    same = [document(str(number), "one", "two", "three").document for number in range(250)]
    known = store.known(target, same)
    assert all(known[document.id].hash == document.hash for document in same)
    calls = {name: counts["calls"] for name, counts in log.state().items()}
    assert calls == {"GetVectors": 6}  # the first chunks and the last ones


def test_a_cut_document_is_written_again_whatever_its_hash(open_store: Open, vector_bucket: VectorBucket) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    whole = document("a", "one", "two", "three")
    store.replace(target, [whole])
    last = next(vector["key"] for vector in vectors_of(vector_bucket, "airbyte.docs") if vector["key"].endswith("#2"))
    connect(vector_bucket).delete_vectors(vectorBucketName=vector_bucket.name, indexName="airbyte.docs", keys=[last])
    known = store.known(target, [whole.document])["a"]
    assert (known.hash, known.chunks) == (None, frozenset([digest("one"), digest("two")]))
    store.replace(target, [changed(whole, [2])])
    assert texts(vector_bucket) == {"a": ["one", "two", "three"]}


def test_an_overwrite_is_seen_document_by_document_and_swept_when_whole(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    store = open_store()
    store.replace(store.prepare(DOCS), [document("a", "old"), document("b", "old", "older")])
    store.close()
    store = open_store()
    target = store.prepare(OVERWRITE)
    store.replace(target, [document("b", "new"), document("c", "new")])
    assert texts(vector_bucket) == {"a": ["old"], "b": ["new"], "c": ["new"]}
    store.finish(target, complete=False)
    assert set(texts(vector_bucket)) == {"a", "b", "c"}
    store.close()
    store = open_store()
    target = store.prepare(OVERWRITE)
    store.replace(target, [document("b", "new")])
    store.finish(target, complete=True)
    assert texts(vector_bucket) == {"b": ["new"]}


def test_a_model_that_filled_half_of_a_cut_overwrite_is_not_taken_for_the_only_one(open_store: Open) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document("a", "one"), document("b", "one")])
    store.finish(target, complete=True)
    store.close()
    store = open_store("model/2")
    target = store.prepare(OVERWRITE)
    store.replace(target, [document("a", "one")])
    store.close()
    for model in ("model/1", "model/2"):
        store = open_store(model)
        with pytest.raises(ConfigError, match=r"model/1 and model/2.*[Rr]efresh"):
            store.prepare(DOCS)
        store.close()


def test_another_model_is_found_even_without_the_account(open_store: Open, vector_bucket: VectorBucket) -> None:
    store = open_store()
    store.replace(store.prepare(DOCS), [document("a", "one")])
    store.close()
    connect(vector_bucket).delete_index(vectorBucketName=vector_bucket.name, indexName="airbyte.ingest--account")
    store = open_store("model/2")
    with pytest.raises(ConfigError, match="model/2"):
        store.prepare(DOCS)
    store.close()
    assert open_store("model/1").prepare(DOCS).live == "airbyte.docs"


def test_a_document_that_is_too_long_is_refused_and_what_was_there_stands(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document("a", "one", "two")])
    (refused,) = store.replace(target, [document("a", "one", "x" * 41_000), document("b", "three")])
    assert refused.document_id == "a"
    assert "40,960" in refused.reason
    assert texts(vector_bucket) == {"a": ["one", "two"], "b": ["three"]}


def test_streams_of_one_namespace_share_an_index_and_touch_nothing_of_each_other(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    streams = [Stream(name, "shop", "overwrite", (("id",),)) for name in ("orders", "returns")]
    for turn in range(2):
        for stream in streams:
            store = open_store(indexing={"index_for": {"type": "namespace"}})
            target = store.prepare(stream)
            store.replace(target, [document(f"{stream.name} {turn}", "one", "two")])
            store.finish(target, complete=True)
            store.close()
    assert set(index_names(vector_bucket)) == {"airbyte.shop", "airbyte.ingest--account"}
    keys = {vector["key"].split("#")[0] for vector in vectors_of(vector_bucket, "airbyte.shop")}
    assert keys == {"shop.orders", "shop.returns"}
    assert len(vectors_of(vector_bucket, "airbyte.shop")) == 4


def test_nothing_of_the_connector_stays_among_the_vectors_that_users_search(
    open_store: Open, vector_bucket: VectorBucket
) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    store.replace(target, [document("a", "one")])
    store.finish(target, complete=True)
    assert len(vectors_of(vector_bucket, "airbyte.docs")) == 1
    store.close()
    account = vectors_of(vector_bucket, "airbyte.ingest--account")
    assert [vector["key"] for vector in account] == ["stream#docs"]


def test_metadata_longer_than_one_vector_takes_lie_with_several_chunks_and_are_read_back_whole(
    open_store: Open,
) -> None:
    store = open_store()
    target = store.prepare(DOCS)
    pieces = [f"text {number}" for number in range(20)]
    body = "".join(f"{number} é\n" for number in range(15_000))
    assert not store.replace(target, [document("a", *pieces, body=body), document("b", "one", title="short")])
    found = {(stored.document_id, stored.number): stored.metadata for stored in store.scan(target)}
    assert found.keys() == {("a", number) for number in range(20)} | {("b", 0)}
    assert all(metadata == {"body": body} for (identity, _), metadata in found.items() if identity == "a")
    (refused,) = store.replace(target, [document("a", "one chunk", body=body)])
    assert "`body`" in refused.reason
    assert len(list(store.scan(target))) == 21


def test_a_search_by_another_model_of_as_many_dimensions_is_refused(open_store: Open) -> None:
    """Distances between vectors of two models look like answers. The chunker is no matter of a question."""
    ours = open_store("m/1 c/1")
    target = ours.prepare(DOCS)
    ours.replace(target, [document("a", "x", _ab_stream="docs")])
    ours.finish(target, complete=True)
    with pytest.raises(ConfigError, match="`docs` was filled by the model m/1, but set now is m/2: "):
        open_store("m/2 c/1").nearest(Scope("docs"), vector_of("x"), 1)
    found = open_store("m/1 c/2").nearest(Scope("docs"), vector_of("x"), 1)
    assert [entry[0] for entry in found] == ["a"]


def test_a_name_that_has_no_room_in_what_is_remembered_is_refused(open_store: Open) -> None:
    told = r"can't keep what is remembered of a stream \(.*\): .*40960 bytes.* too long: shorten it"
    with pytest.raises(ConfigError, match=told):
        open_store().prepare(replace(DOCS, name="x" * 41_000))
    by_tenant = open_store(indexing={"index_for": {"type": "tenant", "tenant_field": "id"}})
    target = by_tenant.prepare(DOCS)
    with pytest.raises(ConfigError, match=told):
        by_tenant.known(target, [document("a", "one", tenant="x" * 41_000).document])
