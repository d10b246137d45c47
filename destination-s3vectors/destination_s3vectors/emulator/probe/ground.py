"""What the checks stand on: a bucket of their own with four small indexes, made for one run and removed after it."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

PLAIN, EUCLIDEAN, SEARCH, CLASSIC = "plain", "euclidean", "search", "classic"
BUILD_SECONDS = 120.0
NON_FILTERABLE = ["text", "note"]
MOVIES: Sequence[tuple[str, list[float], dict[str, Any]]] = (
    ("a", [1, 0], {"genre": "drama", "year": 2019, "seen": True, "text": "the old gray grumpy cat"}),
    ("b", [1, 1], {"genre": ["drama", "romance"], "year": 2020, "path": "/m/b", "text": "one cat, two cats and a dog"}),
    ("c", [0, 1], {"genre": "comedy", "year": 2021, "seen": False, "path": "/x/c", "text": "a dog"}),
    ("d", [-1, 0.5], {}),
)
FILLERS = 120  # vectors of the euclidean index: more than a page of answers


@dataclass(frozen=True, slots=True)
class Ground:
    client: Any
    bucket: str
    has_classic: bool
    first_mode: str | None  # of the bucket when it was made

    def on(self, index: str) -> dict[str, str]:
        """The parameters that name an index of the bucket."""
        return {"vectorBucketName": self.bucket, "indexName": index}

    def put(self, index: str, *vectors: Mapping[str, Any]) -> Any:
        return self.client.put_vectors(**self.on(index), vectors=list(vectors))

    def put_one(self, data: Sequence[Any] = (1.0, 2.0), metadata: Any = None, key: str = "one") -> Any:
        """Into the plain index."""
        return self.put(PLAIN, vector(key, data, metadata))

    def get_one(self, key: str = "one") -> dict[str, Any]:
        found = self.client.get_vectors(**self.on(PLAIN), keys=[key], returnData=True, returnMetadata=True)["vectors"]
        return dict(found[0]) if found else {}

    def query(self, index: str = SEARCH, **request: Any) -> Any:
        given = {"topK": 10, "queryVector": {"float32": [1.0, 0.0]}} | request
        named = self.on(index) if "indexArn" not in given else {}
        return self.client.query_vectors(**named, **{name: value for name, value in given.items() if value is not None})

    def found(self, index: str = SEARCH, **request: Any) -> list[str]:
        return [each["key"] for each in self.query(index, **request)["vectors"]]

    def create(self, name: str, **changes: Any) -> Any:
        given = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine", **changes}
        return self.client.create_index(**self.on(name), **given)


def vector(key: str, data: Sequence[Any], metadata: Any = None) -> dict[str, Any]:
    return {"key": key, "data": {"float32": list(data)}} | ({} if metadata is None else {"metadata": metadata})


@contextmanager
def prepared(client: Any, prefix: str) -> Iterator[Ground]:
    bucket = f"{prefix}-{uuid.uuid4().hex[:12]}"
    client.create_vector_bucket(vectorBucketName=bucket)
    try:
        mode = client.get_vector_bucket(vectorBucketName=bucket)["vectorBucket"].get("defaultIndexMode")
        ground = Ground(client, bucket, _make_classic(client, bucket), mode)
        _fill(ground)
        yield ground
    finally:
        _remove(client, bucket)


def _make_classic(client: Any, bucket: str) -> bool:
    """Whether the endpoint lets a new bucket have a CLASSIC index."""
    name = {"vectorBucketName": bucket, "indexName": CLASSIC}
    shape = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine"}
    try:
        client.put_vector_bucket_default_index_mode(vectorBucketName=bucket, defaultIndexMode="CLASSIC")
        client.create_index(**name, **shape)
    except ClientError:
        return False
    finally:
        client.put_vector_bucket_default_index_mode(vectorBucketName=bucket, defaultIndexMode="ENHANCED")
    return bool(client.get_index(**name)["index"].get("indexMode") == "CLASSIC")


def _fill(ground: Ground) -> None:
    ground.create(PLAIN)
    ground.create(EUCLIDEAN, distanceMetric="euclidean")
    text = [{"metadataKey": "text", "language": "en"}]
    configuration = {"nonFilterableMetadataKeys": NON_FILTERABLE, "textSearchConfigurations": text}
    ground.create(SEARCH, metadataConfiguration=configuration)
    _wait_for_text(ground)
    for index in (SEARCH, CLASSIC) if ground.has_classic else (SEARCH,):
        ground.put(index, *(vector(*movie) for movie in MOVIES))
    ground.put(EUCLIDEAN, *(vector(f"{number:03}", [3.0 * number, 4.0 * number]) for number in range(FILLERS)))


def _wait_for_text(ground: Ground) -> None:
    end = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < end:
        configuration = ground.client.get_index(**ground.on(SEARCH))["index"].get("metadataConfiguration", {})
        if all(each.get("status") == "ACTIVE" for each in configuration.get("textSearchConfigurations", ())):
            return
        time.sleep(1)


def _remove(client: Any, bucket: str) -> None:
    for page in client.get_paginator("list_indexes").paginate(vectorBucketName=bucket):
        for index in page["indexes"]:
            client.delete_index(indexArn=index["indexArn"])
    client.delete_vector_bucket(vectorBucketName=bucket)
