"""An emulator with two indexes, and the bridge in front of it."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.session import Session

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.emulator.server import REGION, Emulator
from destination_s3vectors.sql_bridge.handler import Bridge, client_config

BUCKET = "shop"


@dataclass(frozen=True, slots=True)
class Service:
    """`products` (cosine) and `places` (euclidean) are ARNs of indexes of three dimensions."""

    emulator: Emulator
    bridge: Bridge
    client: Any
    products: str
    places: str
    regions: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def answer(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.bridge.answer({"operation": operation, "index_arn": self.products, **parameters})

    def result(self, operation: str, **parameters: Any) -> dict[str, Any]:
        answer = self.answer(operation, **parameters)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    def kind(self, operation: str, **parameters: Any) -> str:
        answer = self.answer(operation, **parameters)
        assert not answer["success"]
        return str(answer["error"]["kind"])

    def put(self, index: str, *vectors: tuple[str, list[float], dict[str, Any]]) -> None:
        given = [{"key": key, "data": {"float32": data}, "metadata": metadata} for key, data, metadata in vectors]
        self.client.put_vectors(indexArn=index, vectors=given)

    def fail(self, *rules: Rule) -> None:
        self.emulator.faults.set(rules)


def connect(endpoint: str, region: str) -> Any:
    session = Session()
    session.set_credentials("any", "any")
    create: Any = session.create_client
    return create("s3vectors", region_name=region, endpoint_url=endpoint, config=client_config())


@pytest.fixture
def service() -> Iterator[Service]:
    emulator = Emulator()
    emulator.start()
    regions: list[str] = []
    logged: list[str] = []
    connected: Callable[[str], Any] = functools.cache(functools.partial(connect, emulator.endpoint))

    def client_for(region: str) -> Any:
        regions.append(region)
        return connected(region)

    client = connected(REGION)
    client.create_vector_bucket(vectorBucketName=BUCKET)
    products, places = (
        client.create_index(
            vectorBucketName=BUCKET, indexName=name, dataType="float32", dimension=3, distanceMetric=metric
        )["indexArn"]
        for name, metric in (("products", "cosine"), ("places", "euclidean"))
    )
    yield Service(emulator, Bridge(client_for, logged.append), client, products, places, regions, logged)
    client.close()
    emulator.stop()
