"""The servers' addresses as configuration files, and the CDK's way to parametrize its suites."""

import json
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from airbyte_cdk.test.standard_tests.pytest_hooks import pytest_generate_tests  # noqa: F401 (a hook)

from demo.postgres_server import PostgresServer
from demo.s3_server import S3Server, connect
from destination_s3vectors.emulator.server import Emulator
from tests.acceptance.shared_config import CONFIGS
from tests.conftest import Bucket, Database, VectorBucket
from tests.servers.running import running


@pytest.fixture(scope="session", autouse=True)
def configs(s3_server: S3Server, postgres_server: PostgresServer, vector_server: Emulator) -> Iterator[None]:
    database = f"acceptance_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {database}".encode())
    files = {
        "source-s3": source_configs(filled_bucket(s3_server)),
        "destination-pgvector": destination_configs(
            Database(database, postgres_server.port, postgres_server.dsn(database))
        ),
        "destination-s3vectors": s3vectors_configs(VectorBucket(f"acceptance-{uuid.uuid4().hex}", vector_server)),
    }
    for connector, contents in files.items():
        folder = CONFIGS / connector / "secrets"
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / f"{name}.json").write_text(json.dumps(content))
    yield
    shutil.rmtree(CONFIGS)


@pytest.fixture(scope="session")
def vector_server() -> Iterator[Emulator]:
    with running(Emulator(region="eu-central-1")) as emulator:
        yield emulator


def filled_bucket(server: S3Server) -> Bucket:
    client = connect(server.endpoint)
    bucket = Bucket(f"acceptance-{uuid.uuid4().hex}", server.endpoint, client)
    client.create_bucket(Bucket=bucket.name)
    bucket.put("papers/one.md", "# One\n\nRye is sown in autumn.")
    bucket.put("papers/two.html", "<h1>Two</h1><p>Oats are sown in spring.")
    bucket.put("jars.csv", "number,name,weight\n" + "".join(f"{n},jar {n},{n / 4}\n" for n in range(25)))
    bucket.put("events.jsonl", "".join(json.dumps({"id": n, "tags": ["a"], "at": None}) + "\n" for n in range(5)))
    return bucket


def source_configs(bucket: Bucket) -> dict[str, dict[str, Any]]:
    ours = bucket.sign_in() | {
        "streams": [
            {"name": "papers", "globs": ["papers/*"], "format": {"filetype": "unstructured"}},
            {"name": "jars", "globs": ["*.csv"], "format": {"filetype": "csv"}},
            {"name": "events", "globs": ["*.jsonl"], "format": {"filetype": "jsonl"}},
        ]
    }
    return {
        "config": ours,
        "airbyte_config": airbyte_source_config(bucket),
        "no_such_bucket": ours | {"bucket": "no-such-bucket-here"},
    }


def airbyte_source_config(bucket: Bucket) -> dict[str, Any]:
    """As a user of Airbyte's source-s3 4.16.1 has it."""
    return {
        **bucket.sign_in(),
        "start_date": "2021-01-01T00:00:00.000000Z",
        "delivery_method": {"delivery_type": "use_records_transfer"},
        "streams": [
            {
                "name": "jars",
                "globs": ["*.csv"],
                "validation_policy": "Emit Record",
                "schemaless": False,
                "days_to_sync_if_history_is_full": 3,
                "format": {
                    "filetype": "csv",
                    "delimiter": ",",
                    "quote_char": '"',
                    "double_quote": True,
                    "encoding": "utf8",
                    "header_definition": {"header_definition_type": "From CSV"},
                },
            },
        ],
    }


def destination_configs(database: Database) -> dict[str, dict[str, Any]]:
    ours = {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 200},
        "indexing": database.indexing(),
    }
    return {
        "config": ours,
        "airbyte_config": airbyte_destination_config(database),
        "wrong_password": ours | {"indexing": database.indexing() | {"credentials": {"password": "not-the-one"}}},
    }


def airbyte_destination_config(database: Database) -> dict[str, Any]:
    """As a user of Airbyte's destination-pgvector 0.1.13 has it."""
    return {
        "embedding": {"mode": "fake"},
        "processing": {
            "chunk_size": 1000,
            "chunk_overlap": 50,
            "text_fields": ["content"],
            "metadata_fields": ["document_key"],
            "text_splitter": {"mode": "separator", "separators": ['"\\n\\n"', '" "'], "keep_separator": False},
            "field_name_mappings": [{"from_field": "document_key", "to_field": "key"}],
        },
        "indexing": {
            "host": "127.0.0.1",
            "port": database.port,
            "database": database.name,
            "default_schema": "public",
            "username": "postgres",
            "credentials": {"password": database.indexing()["credentials"]["password"]},
        },
        "omit_raw_text": False,
    }


def s3vectors_configs(bucket: VectorBucket) -> dict[str, dict[str, Any]]:
    ours = {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 200},
        "indexing": bucket.indexing(),
    }
    address = bucket.indexing(vector_bucket=f"s3vectors://{bucket.name}/handbook", index_for={"type": "namespace"})
    return {
        "config": ours,
        "address_config": ours | {"indexing": address},
        "no_such_bucket": ours | {"indexing": bucket.indexing(vector_bucket="no-such", create_missing=False)},
    }
