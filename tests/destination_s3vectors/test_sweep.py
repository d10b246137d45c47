"""What goes at the end of a refresh or an overwrite: only what is old, in whole documents, and not too much at once."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.service import limits
from tests.conftest import VectorBucket
from tests.destination_s3vectors.contents import connect, index_names, vectors_of
from tests.destination_s3vectors.killed_sync import calls_of
from tests.destination_s3vectors.stores import DOCS, opened
from tests.embedded_documents import document
from vector_ingest.document import Embedded, Stream
from vector_ingest.errors import ConfigError

NAMESPACE = {"type": "namespace"}
TENANT = {"type": "tenant", "tenant_field": "customer"}
OVERWRITE = replace(DOCS, mode="overwrite")
BY_TENANT = replace(DOCS, primary_key=(("id",), ("customer",)))


def generation(number: int, minimum: int, stream: Stream = DOCS) -> Stream:
    return replace(stream, generation=number, minimum_generation=minimum)


def sync(bucket: VectorBucket, stream: Stream, *documents: Embedded, complete: bool = True, **changes: Any) -> None:
    with opened(bucket, **changes) as store:
        target = store.prepare(stream)
        assert not store.replace(target, documents)
        store.finish(target, complete)


def chunks(bucket: VectorBucket, index: str = "airbyte.docs") -> Mapping[str, int]:
    """How many each document has, by stream key and first text."""
    found: dict[str, int] = {}
    names = {v["key"].rpartition("#")[0]: v["metadata"]["_text"] for v in vectors_of(bucket, index) if is_first(v)}
    for vector in vectors_of(bucket, index):
        name = names[vector["key"].rpartition("#")[0]]
        found[name] = found.get(name, 0) + 1
    return found


def is_first(vector: Mapping[str, Any]) -> bool:
    return str(vector["key"]).endswith("#0")


def test_a_truncating_refresh_deletes_whole_documents_that_did_not_come_again(vector_bucket: VectorBucket) -> None:
    sizes = {"a": 1, "b": 2, "c": 3, "d": 6}
    old = [document(name, *(f"{name} {number}" for number in range(size))) for name, size in sizes.items()]
    sync(vector_bucket, generation(1, 0), *old)
    sync(vector_bucket, generation(2, 2), old[2], document("e", "e 0", "e 1"))
    assert chunks(vector_bucket) == {"c 0": 3, "e 0": 2}


def test_generations_above_the_minimum_stay(vector_bucket: VectorBucket) -> None:
    for number in (1, 2, 3):
        sync(vector_bucket, generation(number, 0), document(str(number), f"of {number}"))
    sync(vector_bucket, generation(4, 2), document("4", "of 4"))
    assert chunks(vector_bucket) == {"of 2": 1, "of 3": 1, "of 4": 1}


def test_an_overwrite_deletes_what_did_not_come_again_with_and_without_generations(vector_bucket: VectorBucket) -> None:
    a, b, c = (document(name, name, f"{name} 1") for name in "abc")
    for stream in (OVERWRITE, generation(1, 1, OVERWRITE), generation(2, 2, OVERWRITE), OVERWRITE):
        sync(vector_bucket, stream, a, b)
        sync(vector_bucket, replace(stream, generation=stream.generation and stream.generation + 10), b, c)
        assert chunks(vector_bucket) == {"b": 2, "c": 2}


def test_an_overwrite_that_sends_the_same_generation_in_every_sync_replaces_all(vector_bucket: VectorBucket) -> None:
    stream = generation(1, 1, OVERWRITE)
    for name in "abc":
        sync(vector_bucket, stream, document(name, name))
        assert chunks(vector_bucket) == {name: 1}


def test_a_cut_overwrite_of_the_same_generation_goes_on(vector_bucket: VectorBucket) -> None:
    stream = generation(1, 1, OVERWRITE)
    sync(vector_bucket, stream, document("a", "a"))
    sync(vector_bucket, stream, document("b", "b"), complete=False)  # acknowledged, so it does not come again
    sync(vector_bucket, stream, document("c", "c"))
    assert chunks(vector_bucket) == {"b": 1, "c": 1}


def test_the_rerun_of_an_overwrite_that_was_killed_after_its_end_deletes_nothing(vector_bucket: VectorBucket) -> None:
    stream = generation(1, 1, OVERWRITE)
    sync(vector_bucket, stream, document("a", "a"))
    for _ in range(2):
        sync(vector_bucket, stream)  # all was acknowledged, so nothing comes again
        assert chunks(vector_bucket) == {"a": 1}


def test_nothing_is_deleted_while_the_stream_is_not_complete(vector_bucket: VectorBucket) -> None:
    sync(vector_bucket, generation(1, 0), document("a", "a"))
    sync(vector_bucket, generation(2, 2), document("b", "b"), complete=False)
    assert chunks(vector_bucket) == {"a": 1, "b": 1}
    assert calls_of(vector_bucket.emulator, "DeleteVectors") == 2  # of the leases


def test_the_index_is_listed_once_in_segments(vector_bucket: VectorBucket) -> None:
    sync(vector_bucket, generation(1, 0), document("a", "a"), document("b", "b"))
    with opened(vector_bucket) as store:
        target = store.prepare(generation(2, 2))
        before = calls_of(vector_bucket.emulator, "ListVectors")
        store.finish(target, complete=True)
        # And once more for the connector's own index: what was refused before is out of date too.
        assert calls_of(vector_bucket.emulator, "ListVectors") - before == limits.SEGMENTS + 1
    assert chunks(vector_bucket) == {}


def test_a_sync_without_anything_old_lists_nothing_the_next_time(vector_bucket: VectorBucket) -> None:
    for number in range(3):
        before = calls_of(vector_bucket.emulator, "ListVectors")
        sync(vector_bucket, generation(2, 2), document("a", f"a {number}"))
    assert calls_of(vector_bucket.emulator, "ListVectors") == before


def test_more_than_the_largest_sweep_deletes_nothing_and_says_how_much_it_was(
    vector_bucket: VectorBucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    names = [str(number) for number in range(20)]
    sync(vector_bucket, generation(1, 0), *(document(name, name, f"{name} 1") for name in names))
    again = [document(name, name, f"{name} 1") for name in names[:9]]
    message = (
        r"The sync of docs would delete 11 of 20 documents \(55 %\), since it did not bring them\. At most 50 % are "
        r"allowed \(largest_sweep\), so nothing was deleted\. Check that the source still sends all"
    )
    for _ in range(2):
        with pytest.raises(ConfigError, match=message):
            sync(vector_bucket, generation(2, 2), *again, largest_sweep=50)
        assert len(chunks(vector_bucket)) == 20
    sync(vector_bucket, generation(2, 2), largest_sweep=55)
    assert chunks(vector_bucket) == dict.fromkeys(names[:9], 2)
    assert "11 of 20 documents are of earlier generations" in caplog.text


@pytest.mark.parametrize(
    "stream", [generation(2, 2), OVERWRITE, generation(2, 2, OVERWRITE)], ids=["refresh", "overwrite", "both"]
)
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_an_interrupted_sweep_is_completed_by_the_next_sync(
    vector_bucket: VectorBucket, stream: Stream, calls: int
) -> None:
    old = [document(name, *(f"{name} {number}" for number in range(4))) for name in "abc"]
    sync(vector_bucket, generation(1, 0), *old)
    denied = [Rule("error", "DeleteVectors", calls=[calls], status=403, code="AccessDeniedException")]
    vector_bucket.emulator.faults.set(denied)
    with pytest.raises(ConfigError, match="DeleteVectors"):
        sync(vector_bucket, stream, old[0])
    vector_bucket.emulator.faults.set([])
    sync(vector_bucket, stream, old[0])
    assert chunks(vector_bucket) == {"a 0": 4}


def test_other_streams_of_the_index_and_foreign_keys_are_untouched(vector_bucket: VectorBucket) -> None:
    others = replace(DOCS, name="others")
    a, b = document("a", "a 0", "a 1"), document("b", "b 0")
    for stream in (DOCS, others):
        sync(vector_bucket, generation(1, 0, stream), a, b, index_for=NAMESPACE)
    foreign = ["by hand", "docs", "docs#1", "docs#zz#0", f"docs#{'0' * 24}#x", f"docs2#{'0' * 24}#0"]
    connect(vector_bucket).put_vectors(
        vectorBucketName=vector_bucket.name,
        indexName="airbyte.default",
        vectors=[{"key": key, "data": {"float32": [1, 2, 3]}} for key in foreign],
    )
    before = vectors_of(vector_bucket, "airbyte.default")
    sync(vector_bucket, generation(2, 2), index_for=NAMESPACE, largest_sweep=100)
    after = vectors_of(vector_bucket, "airbyte.default")
    assert after == [vector for vector in before if vector["key"] in foreign or vector["key"].startswith("others#")]
    assert len(after) == len(foreign) + 3


def test_the_share_is_that_of_the_stream_not_of_the_index(vector_bucket: VectorBucket) -> None:
    others = replace(DOCS, name="others")
    sync(vector_bucket, others, *(document(str(number), str(number)) for number in range(9)), index_for=NAMESPACE)
    sync(vector_bucket, generation(1, 0), document("a", "a"), index_for=NAMESPACE)
    with pytest.raises(ConfigError, match="1 of 1 documents"):
        sync(vector_bucket, generation(2, 2), index_for=NAMESPACE, largest_sweep=50)


def test_the_indexes_of_all_tenants_are_swept(vector_bucket: VectorBucket) -> None:
    sync(
        vector_bucket,
        generation(1, 0, BY_TENANT),
        *(document(name, f"{name} 0", f"{name} 1", tenant=name) for name in "abc"),
        index_for=TENANT,
    )
    kept = document("a", "a 0", "a 1", tenant="a")
    sync(vector_bucket, generation(2, 2, BY_TENANT), kept, document("d", "d", tenant="d"), index_for=TENANT)
    assert {name for name in index_names(vector_bucket) if name.startswith("airbyte.docs")} == {
        f"airbyte.docs-{name}" for name in "abcd"
    }
    assert [chunks(vector_bucket, f"airbyte.docs-{name}") for name in "abcd"] == [{"a 0": 2}, {}, {}, {"d": 1}]


def test_a_sweep_of_tenants_that_is_too_large_as_a_whole_deletes_in_none(vector_bucket: VectorBucket) -> None:
    documents = [document(f"{name}{number}", f"{name}{number}", tenant=name) for name in "abc" for number in range(4)]
    sync(vector_bucket, generation(1, 0, BY_TENANT), *documents, index_for=TENANT)
    before = [vectors_of(vector_bucket, f"airbyte.docs-{name}") for name in "abc"]
    with pytest.raises(ConfigError, match="10 of 12 documents"):
        sync(vector_bucket, generation(2, 2, BY_TENANT), *documents[:2], index_for=TENANT, largest_sweep=80)
    assert [len(vectors_of(vector_bucket, f"airbyte.docs-{name}")) for name in "abc"] == [len(each) for each in before]
    sync(vector_bucket, generation(2, 2, BY_TENANT), index_for=TENANT, largest_sweep=90)
    assert [len(chunks(vector_bucket, f"airbyte.docs-{name}")) for name in "abc"] == [2, 0, 0]


def test_one_tenant_that_is_gone_is_small_against_the_stream(vector_bucket: VectorBucket) -> None:
    documents = [document(str(number), str(number), tenant="big") for number in range(9)]
    gone = document("x", "x", tenant="small")
    sync(vector_bucket, generation(1, 0, BY_TENANT), *documents, gone, index_for=TENANT)
    sync(vector_bucket, generation(2, 2, BY_TENANT), *documents, index_for=TENANT, largest_sweep=20)
    assert chunks(vector_bucket, "airbyte.docs-small") == {}
    assert len(chunks(vector_bucket, "airbyte.docs-big")) == 9
