"""An emulator with two indexes, the bridge in front of it, and a database whose aws_lambda reaches that."""

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from botocore.session import Session

from demo.aws_lambda import AwsLambda
from demo.postgres_server import PostgresServer
from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.emulator.server import REGION, Emulator
from destination_s3vectors.sql_bridge.embedding import Model
from destination_s3vectors.sql_bridge.handler import Bridge, client_config
from destination_s3vectors.sql_bridge.providers import providers
from tests.conftest import Database, fresh_database
from tests.servers.embedding_server import KEY, EmbeddingServer
from vector_ingest.embed.fake import FakeEmbedder

BUCKET = "shop"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:s3vl"


def statements(name: str) -> str:
    """Those of a file of the package."""
    return files("destination_s3vectors.sql_bridge").joinpath(name).read_text()


@dataclass(frozen=True, slots=True)
class Service:
    """`products` (cosine) and `places` (euclidean) are ARNs of indexes of three dimensions.

    `environment` is that of the function; its embedders are the product's, and the fake one.
    """

    emulator: Emulator
    bridge: Bridge
    client: Any
    products: str
    places: str
    regions: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

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
    create: Any = _session().create_client
    return create("s3vectors", region_name=region, endpoint_url=endpoint, config=client_config())


@functools.cache
def _session() -> Session:
    """One for all: it reads the description of the service, which takes longer than many a test."""
    session = Session()
    session.set_credentials("any", "any")
    return session


def embed_fake(_model: Model, text: str, _region: str, _seconds: float) -> list[float]:
    """An embedder that a user of the bridge brings along."""
    vectors, _ = FakeEmbedder().embed([text], "query")
    return [float(number) for number in vectors[0]]


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
    environment: dict[str, str] = {}
    bridge = Bridge(client_for, logged.append, {**providers(environment), "fake": embed_fake})
    yield Service(emulator, bridge, client, products, places, regions, logged, environment)
    client.close()
    emulator.stop()


@dataclass(frozen=True, slots=True)
class Sql:
    """A database with s3vl installed, configured, and both indexes registered. `connection` is the superuser's."""

    database: Database
    service: Service
    aws_lambda: AwsLambda
    connection: psycopg.Connection

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, parameters or None).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        ((value,),) = self.rows(query, *parameters)
        return value

    def error(self, query: str, *parameters: Any) -> tuple[str, str]:
        """SQLSTATE and message."""
        with pytest.raises(psycopg.Error) as caught:
            self.connection.execute(query, parameters or None)
        return str(caught.value.sqlstate), str(caught.value.diag.message_primary)


@pytest.fixture(scope="session")
def bridge_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """One for all tests, which takes less than the making of one for each."""
    with fresh_database(postgres_server) as made:
        yield made


@pytest.fixture
def sql(service: Service, bridge_database: Database) -> Iterator[Sql]:
    def crash(event: dict[str, Any]) -> Any:
        raise ZeroDivisionError(event["operation"])

    functions = {
        FUNCTION: service.bridge.answer,
        f"{FUNCTION}:live": service.bridge.answer,
        f"{FUNCTION}-crash": crash,
        f"{FUNCTION}-large": lambda _: {"success": True, "text": "x" * 7_000_000},
        f"{FUNCTION}-strange": lambda _: {"statusCode": 200, "errorMessageless": True},
        f"{FUNCTION}-brief": lambda _: {"success": True, "result": {"vectors": []}},
        f"{FUNCTION}-slow": lambda _: threading.Event().wait(2),
    }
    with AwsLambda(functions) as aws_lambda, bridge_database.connect() as connection:
        # Nothing is left of the test before: extensions are in `public`.
        connection.execute(
            "DROP SCHEMA IF EXISTS aws_lambda, s3vl, trap, public CASCADE;"
            "CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"
        )
        connection.execute(aws_lambda.install)
        connection.execute(statements("s3vl.sql"))
        connection.execute("SELECT s3vl.configure(%s)", [FUNCTION])
        connection.execute("SELECT s3vl.register_index('products', %s, 'what is sold')", [service.products])
        connection.execute("SELECT s3vl.register_index('places', %s)", [service.places])
        yield Sql(bridge_database, service, aws_lambda, connection)


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    """Amazon Bedrock on loopback, where the function finds it."""
    server = EmbeddingServer()
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    yield server
    server.stop()
