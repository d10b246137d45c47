"""What is known to go wrong when S3 Vectors is loaded with other open-source clients, and does not with this connector.

Found by reading and running graphrag-toolkit, langchain-aws, llama-index and s3vectors-embed-cli in November 2026, each
for its own purpose a fair choice: none of them was made for syncs. The section's heading says where it was seen.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from destination_s3vectors.config import Config
from destination_s3vectors.connector import CONNECTOR
from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.service.client import THREADS
from destination_s3vectors.store import S3VectorsStore
from destination_s3vectors.vectors.metadata import restored
from tests.conftest import VectorBucket
from tests.destination_commands import catalog, config, stream
from tests.destination_s3vectors.commands import ACCOUNT, COMPLETE, INDEX, record, state, stored
from tests.destination_s3vectors.contents import connect, index_names, vectors_of
from tests.destination_s3vectors.stores import DOCS
from vector_ingest.command.pipeline import find, write_lines
from vector_ingest.command.search import Scope
from vector_ingest.document import Chunk, Document, Embedded, Target
from vector_ingest.errors import ConfigError, DataError

KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_TEXT_IN_METADATA = {"chunk_size": 1000, "text_fields": ["text"], "metadata_fields": ["id", "title"]}


def load(bucket: VectorBucket, *lines: bytes, mode: str = "append_dedup", **options: Any) -> list[int]:
    """One sync; the states that came back. With an error, they are its note."""
    output: list[bytes] = []
    key = options.pop("primary_key", [["id"]])
    settings = config(bucket.indexing(**options.pop("indexing", {})), **{"processing": NO_TEXT_IN_METADATA, **options})
    chosen = catalog(stream("docs", mode, primary_key=key))
    try:
        write_lines(CONNECTOR, settings, chosen, BytesIO(b"".join(line + b"\n" for line in lines)), output.append)
    except (ConfigError, DataError) as error:
        error.add_note(f"states: {numbers(output)}")
        raise
    return numbers(output)


def numbers(output: Sequence[bytes]) -> list[int]:
    messages = [orjson.loads(line) for line in output]
    return [message["state"]["stream"]["stream_state"]["n"] for message in messages if message["type"] == "STATE"]


def connections_to(endpoint: str) -> int:
    """How many there were in the last minute: the kernel keeps those that were closed so long."""
    port = f":{int(endpoint.rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = {frozenset(line[1:3]) for line in lines if line[1].endswith(port) != line[2].endswith(port)}
    return len([pair for pair in ends if not any(end.endswith(":0000") for end in pair)])


@pytest.fixture
def store(vector_bucket: VectorBucket) -> Iterator[S3VectorsStore]:
    options = Config.model_validate(config(vector_bucket.indexing()))
    store = S3VectorsStore(options, 4096, "a model")
    yield store
    store.close()


def embedded(number: int) -> Embedded:
    vector = np.random.default_rng(number).standard_normal(4096, np.float32)
    text, digest = f"text {number}", number.to_bytes(16, "big")
    return Embedded(Document(f"doc {number}", text, {}, digest), [Chunk(0, text, 0, len(text), digest)], [vector])


# graphrag-toolkit


def test_one_title_of_over_2_kb_costs_neither_its_batch_nor_itself(vector_bucket: VectorBucket) -> None:
    titles = ["short"] * 299 + ["long title " * 200]
    lines = [record(number, f"text {number}", title=title) for number, title in enumerate(titles)]
    assert load(vector_bucket, *lines, state(1), COMPLETE) == [1]
    found = [restored(vector["metadata"]).metadata for vector in vectors_of(vector_bucket, INDEX)]
    assert Counter(metadata["title"] for metadata in found) == Counter(titles)


def test_a_vector_that_the_service_refuses_is_an_error_and_not_only_a_line_in_the_log(
    vector_bucket: VectorBucket,
) -> None:
    with pytest.raises(DataError, match=r"Stream_docs_Key_7.*40,960") as found:
        load(vector_bucket, record(1, "a"), record(7, "b", title="x" * 50_000), state(1), COMPLETE)
    assert found.value.__notes__ == ["states: []"]


@pytest.mark.parametrize("made", ["by the load", "before, without a key"])
def test_the_kms_key_that_is_set_encrypts_what_is_made(vector_bucket: VectorBucket, made: str) -> None:
    client, name = connect(vector_bucket), vector_bucket.name
    if made != "by the load":
        client.create_vector_bucket(vectorBucketName=name)
    load(vector_bucket, record(1, "a"), COMPLETE, indexing={"kms_key_arn": KEY_ARN})
    encrypted = {"sseType": "aws:kms", "kmsKeyArn": KEY_ARN}
    index = client.get_index(vectorBucketName=name, indexName=INDEX)["index"]
    assert index["encryptionConfiguration"] == encrypted
    bucket = client.get_vector_bucket(vectorBucketName=name)["vectorBucket"]
    assert (bucket["encryptionConfiguration"] == encrypted) == (made == "by the load")


def test_tenants_whose_names_differ_in_a_sign_only_have_indexes_of_their_own(vector_bucket: VectorBucket) -> None:
    tenants = ["a_b", "a-b", "a.b", "A-B", "a b"]
    indexing = {"index_for": {"type": "tenant", "tenant_field": "tenant"}}
    lines = [record(1, f"of {tenant}", tenant=tenant) for tenant in tenants]
    load(vector_bucket, *lines, COMPLETE, indexing=indexing, primary_key=[["tenant"], ["id"]])
    names = [name for name in index_names(vector_bucket) if name != ACCOUNT]
    assert len(names) == len(tenants)
    assert all(len(vectors_of(vector_bucket, name)) == 1 for name in names)


def test_the_count_of_deletions_is_that_of_documents_that_were_there(
    vector_bucket: VectorBucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    processing = {"chunk_size": 20, "text_fields": ["text"], "metadata_fields": ["id"]}
    load(vector_bucket, *(record(n, "word " * 100) for n in range(3)), COMPLETE, processing=processing)
    gone = [record(n, "", _ab_cdc_deleted_at="2026-01-01") for n in (0, 1, 17)]
    load(vector_bucket, *gone, COMPLETE, processing=processing)
    assert "0 documents written in 0 chunks, 2 deleted" in caplog.text
    assert set(stored(vector_bucket)) == {"2"}


def test_a_missing_vector_bucket_is_made(vector_bucket: VectorBucket) -> None:
    assert index_names(vector_bucket) == []
    load(vector_bucket, record(1, "a"), COMPLETE)
    assert index_names(vector_bucket) == [INDEX, ACCOUNT]


def test_a_name_with_quotes_does_not_break_the_filter_of_a_search(vector_bucket: VectorBucket) -> None:
    name = """the "quoted" stream's {"$or": []} name"""
    line = record(1, "a", name)
    options = config(vector_bucket.indexing())
    write_lines(CONNECTOR, options, catalog(stream(name, "append")), BytesIO(line + b"\n"), lambda _: None)
    assert [found.text for found in find(CONNECTOR, options, Scope(name), "a question", 3)] == ["text: a"]


# langchain-aws


def test_a_text_of_3000_characters_is_stored_whole(vector_bucket: VectorBucket) -> None:
    text = "ryegrass " * 333 + "end"
    load(vector_bucket, record(1, text), COMPLETE)
    assert stored(vector_bucket) == {"1": [f"text: {text}"]}


def test_a_load_outlasts_more_refusals_in_a_row_than_the_sdk_tries(vector_bucket: VectorBucket) -> None:
    load(vector_bucket, COMPLETE)
    vector_bucket.emulator.faults.set([Rule("throttle", operation="PutVectors", times=5)])
    assert load(vector_bucket, *(record(n, "a") for n in range(20)), state(1), COMPLETE) == [1]
    assert vector_bucket.emulator.faults.state()[0]["fired"] == 5
    assert len(stored(vector_bucket)) == 20


def test_deleting_nothing_leaves_the_index_and_its_vectors(vector_bucket: VectorBucket, store: S3VectorsStore) -> None:
    target = store.prepare(DOCS)
    store.replace(target, [embedded(1)])
    assert store.delete(target, []) == 0
    assert len(vectors_of(vector_bucket, INDEX)) == 1


@pytest.mark.parametrize("mode", ["append", "append_dedup", "overwrite"])
def test_a_rerun_doubles_nothing(vector_bucket: VectorBucket, mode: str) -> None:
    lines = [record(n, f"text {n}") for n in range(10)]
    for _ in range(2):
        load(vector_bucket, *lines, COMPLETE, mode=mode)
        assert len(vectors_of(vector_bucket, INDEX)) == 10


# llama-index


def test_a_document_is_deleted_among_many_pages_of_others_without_listing_them(vector_bucket: VectorBucket) -> None:
    processing = {"chunk_size": 20, "text_fields": ["text"], "metadata_fields": ["id"]}
    short = [record(n, f"text {n}") for n in range(1200)]
    load(vector_bucket, *short, record(1200, "word " * 100), COMPLETE, processing=processing)
    pages = vector_bucket.emulator.service.log.state()["ListVectors"]["calls"]
    load(vector_bucket, record(1200, "", _ab_cdc_deleted_at="2026-01-01"), COMPLETE, processing=processing)
    # Of the connector's own index alone, a page of each segment.
    assert vector_bucket.emulator.service.log.state()["ListVectors"]["calls"] - pages <= 16
    assert set(stored(vector_bucket)) == {str(n) for n in range(1200)}


def test_what_lies_beyond_the_first_page_of_a_listing_is_swept_too(vector_bucket: VectorBucket) -> None:
    load(vector_bucket, *(record(n, f"text {n}") for n in range(1200)), COMPLETE, mode="overwrite")
    load(vector_bucket, record(3, "text 3"), COMPLETE, mode="overwrite")
    assert set(stored(vector_bucket)) == {"3"}


def test_a_hundred_calls_go_through_the_connections_of_one_client(
    vector_bucket: VectorBucket, store: S3VectorsStore
) -> None:
    target = store.prepare(DOCS)
    for number in range(40):
        store.known(target, [embedded(number).document])
        store.replace(target, [embedded(number)])
    log = vector_bucket.emulator.service.log.state()
    assert sum(operation["calls"] for operation in log.values()) > 80
    assert 0 < connections_to(vector_bucket.emulator.endpoint) <= 2 * THREADS + 1


# s3vectors-embed-cli


def test_a_batch_that_fails_ends_the_run_before_its_state_and_a_rerun_completes_it(vector_bucket: VectorBucket) -> None:
    load(vector_bucket, record(0, "first"), state(1), COMPLETE)
    vector_bucket.emulator.faults.set([Rule("deny", operation="PutVectors", action="s3vectors:PutVectors", calls=[3])])
    lines = [record(n, f"text {n}") for n in range(700)]
    with pytest.raises(ConfigError, match="s3vectors:PutVectors") as found:
        load(vector_bucket, *lines, state(2), COMPLETE)
    assert found.value.__notes__ == ["states: []"]
    vector_bucket.emulator.faults.set([])
    assert load(vector_bucket, *lines, state(2), COMPLETE) == [2]
    assert len(vectors_of(vector_bucket, INDEX)) == 700


# All of them


def test_a_document_that_shrinks_leaves_no_old_chunks(vector_bucket: VectorBucket) -> None:
    processing = {"chunk_size": 20, "text_fields": ["text"], "metadata_fields": ["id"]}
    load(vector_bucket, record(1, "word " * 200), COMPLETE, processing=processing)
    assert len(vectors_of(vector_bucket, INDEX)) > 5
    load(vector_bucket, record(1, "little"), COMPLETE, processing=processing)
    assert stored(vector_bucket) == {"1": ["text: little"]}


def test_500_vectors_of_4096_dimensions_are_stored_although_one_body_can_not_hold_them(
    vector_bucket: VectorBucket, store: S3VectorsStore
) -> None:
    target: Target = store.prepare(DOCS)
    assert store.replace(target, [embedded(number) for number in range(500)]) == []
    pages = connect(vector_bucket).get_paginator("list_vectors")
    found = pages.paginate(vectorBucketName=vector_bucket.name, indexName=INDEX)
    assert sum(len(page["vectors"]) for page in found) == 500
    assert vector_bucket.emulator.service.log.state()["PutVectors"]["refused"] == {}
