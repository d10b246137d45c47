"""boto3's client for the emulator, and indexes of its own for each test."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from destination_s3vectors.emulator.server import REGION, Emulator


@dataclass(frozen=True, slots=True)
class Index:
    """An index of its own for one test. `name` holds the parameters that mean it."""

    client: Any
    name: Mapping[str, str]
    arn: str

    def put(self, *vectors: Mapping[str, Any]) -> None:
        self.client.put_vectors(**self.name, vectors=list(vectors))

    def get(self, *keys: str) -> list[dict[str, Any]]:
        """With data and metadata, by key."""
        answer = self.client.get_vectors(**self.name, keys=list(keys), returnData=True, returnMetadata=True)
        return sorted(answer["vectors"], key=lambda vector: str(vector["key"]))

    def pages(self, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        for page in self.client.get_paginator("list_vectors").paginate(**self.name, **parameters):
            yield page["vectors"]

    def keys(self, **parameters: Any) -> list[str]:
        return [vector["key"] for page in self.pages(**parameters) for vector in page]


MakeIndex = Callable[..., Index]


def connect(endpoint: str) -> Any:
    """A client that neither checks nor tries again: the emulator is to be seen as it is."""
    return boto3.client(
        "s3vectors",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=5),
    )


def vector(key: str, data: Sequence[float] = (1.0, 2.0), metadata: Any = None) -> dict[str, Any]:
    return {"key": key, "data": {"float32": list(data)}} | ({} if metadata is None else {"metadata": metadata})


def refused(call: Any, **parameters: Any) -> tuple[str, int, str, list[dict[str, str]]]:
    """Code, status, message and fields of the error that the call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer: Any = caught.value.response
    error = answer["Error"]
    fields = answer.get("fieldList", [])
    return error["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], error["Message"], fields


@pytest.fixture
def client(emulator: Emulator) -> Any:
    return connect(emulator.endpoint)


@pytest.fixture
def bucket(client: Any) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    client.create_vector_bucket(vectorBucketName=name)
    return name


@pytest.fixture
def make_index(client: Any, bucket: str) -> MakeIndex:
    """Takes the parameters of create_index that matter; the rest has a default."""

    def make(**parameters: Any) -> Index:
        given = {"dataType": "float32", "dimension": 2, "distanceMetric": "cosine", **parameters}
        name = {"vectorBucketName": bucket, "indexName": given.pop("indexName", f"index-{uuid.uuid4().hex}")}
        return Index(client, name, client.create_index(**name, **given)["indexArn"])

    return make


@pytest.fixture
def index(make_index: MakeIndex) -> Index:
    """Two dimensions, cosine."""
    return make_index()
