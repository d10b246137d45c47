"""PyAirbyte, a client that we did not write, runs our connectors. It has an environment of its own."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from destination_s3vectors.vectors.names import key_of, stream_key
from tests.conftest import Bucket, Database, VectorBucket
from tests.destination_s3vectors.contents import index_names, vectors_of

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
ENVIRONMENT = ROOT / ".venv-pyairbyte" / "bin"


def environment(folder: Path) -> dict[str, str]:
    """One without network look-ups; all that PyAirbyte writes goes into `folder`."""
    if not (ENVIRONMENT / "pyairbyte").exists():
        pytest.fail(f"PyAirbyte's environment is missing ({ENVIRONMENT}): run `make .venv-pyairbyte/.ok`")
    return {
        "PATH": f"{ENVIRONMENT}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
    }


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def destination_config(indexing: dict[str, Any]) -> dict[str, Any]:
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 200, "text_fields": ["content", "name"], "metadata_fields": []},
        "indexing": indexing,
    }


@contextmanager
def syncing(folder: Path, bucket: Bucket, destination: str, indexing: dict[str, Any]) -> Iterator[Callable[[], int]]:
    """What is given makes one sync, and returns how many records were delivered."""
    source_config = bucket.sign_in() | {
        "sync_deletions": True,
        "streams": [
            {"name": "papers", "globs": ["papers/*"], "format": {"filetype": "unstructured"}},
            {"name": "jars", "globs": ["*.csv"], "format": {"filetype": "csv"}},
        ],
    }
    command: list[str | Path] = [
        ENVIRONMENT / "python",
        Path(__file__).parents[1] / "pyairbyte" / "sync.py",
        COMMANDS / "source-s3",
        json.dumps(source_config),
        COMMANDS / destination,
        json.dumps(destination_config(indexing)),
        folder / "state.duckdb",
    ]
    errors = folder / "stderr.txt"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        requests, answers = process.stdin, process.stdout
        assert requests is not None
        assert answers is not None

        def sync() -> int:
            requests.write("sync\n")
            requests.flush()
            for line in answers:
                if line.startswith("delivered: "):
                    return int(line.split()[1])
            raise AssertionError(f"PyAirbyte has ended:\n{errors.read_text()[-3000:]}")

        yield sync
        requests.close()
        assert process.wait() == 0


def rows(connection: psycopg.Connection, table: str, column: str = "document_content") -> list[str]:
    return [row[0] for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY {column}".encode())]


def filled(bucket: Bucket) -> None:
    bucket.put("papers/a.md", "# Seeds\n\nRye is sown in autumn.")
    bucket.put("papers/b.txt", "Oats are sown in spring.")
    bucket.put("jars.csv", "number,name\n" + "".join(f"{number},jar {number}\n" for number in range(40)))


def test_a_second_sync_sends_nothing_and_a_third_what_is_new(
    tmp_path: Path, bucket: Bucket, database: Database
) -> None:
    filled(bucket)
    with (
        syncing(tmp_path, bucket, "destination-pgvector", database.indexing()) as sync,
        database.connect() as connection,
    ):
        assert sync() == 42
        first = rows(connection, "papers"), rows(connection, "jars")
        assert [len(table) for table in first] == [2, 40]

        assert sync() == 0
        assert (rows(connection, "papers"), rows(connection, "jars")) == first

        bucket.put("papers/c.md", "Barley keeps for ten years.")
        assert sync() == 1
        assert len(rows(connection, "papers")) == 3


def texts(bucket: VectorBucket, index: str) -> list[str]:
    return sorted(vector["metadata"]["_text"] for vector in vectors_of(bucket, index))


def test_a_second_sync_into_s3_vectors_sends_nothing_and_a_third_what_is_new(
    tmp_path: Path, bucket: Bucket, vector_bucket: VectorBucket
) -> None:
    filled(bucket)
    with syncing(tmp_path, bucket, "destination-s3vectors", vector_bucket.indexing()) as sync:
        assert sync() == 42
        first = texts(vector_bucket, "airbyte.papers"), texts(vector_bucket, "airbyte.jars")
        assert [len(found) for found in first] == [2, 40]

        assert sync() == 0
        assert (texts(vector_bucket, "airbyte.papers"), texts(vector_bucket, "airbyte.jars")) == first

        bucket.put("papers/c.md", "Barley keeps for ten years.")
        assert sync() == 1
        assert len(texts(vector_bucket, "airbyte.papers")) == 3


def smoke_test(folder: Path, destination: str, indexing: dict[str, Any], **processing: Any) -> dict[str, Any]:
    """What PyAirbyte's own test of destinations tells, with all its scenarios, in the namespace `smoke`."""
    config = destination_config(indexing) | {"processing": {"chunk_size": 200, **processing}}
    output = run(
        folder,
        ENVIRONMENT / "pyairbyte",
        "destination-smoke-test",
        "--destination",
        COMMANDS / destination,
        "--config",
        json.dumps(config),
        "--scenarios",
        "all",
        "--reuse-namespace",
        "smoke",
    )
    result: dict[str, Any] = json.loads(output[output.index("{") :])
    assert result["success"], result
    assert result["preflight_passed"]
    return result


def test_the_destination_passes_the_smoke_test_of_pyairbyte(tmp_path: Path, database: Database) -> None:
    result = smoke_test(tmp_path, "destination-pgvector", database.indexing())
    with database.connect() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'smoke'").fetchall()
        stored = {name: len(set(rows(connection, f'smoke."{name}"', "document_id"))) for (name,) in tables}
    # On top come the preflight's three; six records share three keys; an empty stream has a table all the same.
    assert len(stored) == 23
    assert stored["empty_stream"] == 0
    assert stored["duplicate_primary_keys"] == 3
    assert sum(stored.values()) == result["records_delivered"] + stored["_preflight_basic_types"] - 3


def test_the_destination_of_s3_vectors_passes_the_smoke_test_of_pyairbyte(
    tmp_path: Path, vector_bucket: VectorBucket
) -> None:
    # One scenario has a value of 100 KB, and metadata take 40 KB: as text it is stored.
    result = smoke_test(tmp_path, "destination-s3vectors", vector_bucket.indexing(), metadata_fields=["id", "name"])
    vectors = [vector for index in index_names(vector_bucket) for vector in vectors_of(vector_bucket, index)]
    keys = [key for vector in vectors if (key := key_of(vector["key"]))]
    stored = Counter(stream for stream, _ in {(key.stream, key.document) for key in keys})
    # On top come the preflight's three; six records share three keys; the empty stream has an index without vectors.
    assert len(stored) == 22
    assert stored[stream_key("duplicate_primary_keys", "smoke")] == 3
    assert stored.total() == result["records_delivered"] + stored[stream_key("_preflight_basic_types", "smoke")] - 3
