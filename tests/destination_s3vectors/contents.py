"""What a reader sees in the vector bucket of a test: through boto3 alone, without the connector's own reading."""

import json
from typing import Any

import boto3
import numpy as np

from destination_s3vectors.vectors.names import index_name, stream_key
from tests.conftest import VectorBucket
from vector_ingest.document import Stream, Vector

Row = tuple[str, Vector]


def connect(bucket: VectorBucket) -> Any:
    return boto3.client(
        "s3vectors",
        endpoint_url=bucket.emulator.endpoint,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def index_names(bucket: VectorBucket) -> list[str]:
    client = connect(bucket)
    if bucket.name not in [found["vectorBucketName"] for found in client.list_vector_buckets()["vectorBuckets"]]:
        return []
    return [found["indexName"] for found in client.list_indexes(vectorBucketName=bucket.name)["indexes"]]


def vectors_of(bucket: VectorBucket, index: str) -> list[dict[str, Any]]:
    """All of an index, in the order of their keys, with data and metadata."""
    if index not in index_names(bucket):
        return []
    pages = connect(bucket).get_paginator("list_vectors")
    found = [
        vector
        for page in pages.paginate(vectorBucketName=bucket.name, indexName=index, returnData=True, returnMetadata=True)
        for vector in page["vectors"]
    ]
    return sorted(found, key=lambda vector: str(vector["key"]))


def read_stream(bucket: VectorBucket, stream: Stream, prefix: str = "airbyte") -> dict[str, list[Row]]:
    """The text and vector of each chunk, by document id."""
    rows: dict[str, dict[int, Row]] = {}
    for vector in vectors_of(bucket, index_name(prefix, stream.name, stream.namespace)):
        key, _, number = vector["key"].split("#")
        assert key == stream_key(stream.name, stream.namespace)
        metadata = vector["metadata"]
        identity = json.loads(metadata["_account"])["id"]
        row = metadata["_text"], np.array(vector["data"]["float32"], np.float32)
        rows.setdefault(identity, {})[int(number)] = row
    for identity, chunks in rows.items():
        assert set(chunks) == set(range(len(chunks))), f"{identity} has a gap: {sorted(chunks)}"
    return {identity: [chunks[number] for number in sorted(chunks)] for identity, chunks in rows.items()}
