"""PyAirbyte, a client that we did not write, runs our connectors. It has an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Bucket, Database

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
ENVIRONMENT = ROOT / ".venv-pyairbyte" / "bin"


def run(folder: Path, *command: str | Path) -> str:
    """In an environment without network look-ups; all that PyAirbyte writes goes into `folder`."""
    if not (ENVIRONMENT / "pyairbyte").exists():
        pytest.fail(f"PyAirbyte's environment is missing ({ENVIRONMENT}): run `make .venv-pyairbyte/.ok`")
    environment = {
        "PATH": f"{ENVIRONMENT}:{os.environ['PATH']}",
        "HOME": str(folder),
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def destination_config(database: Database) -> dict[str, Any]:
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 200, "text_fields": ["content", "name"], "metadata_fields": []},
        "indexing": database.indexing(),
    }


def sync(folder: Path, bucket: Bucket, database: Database) -> int:
    """The records that were delivered."""
    source_config = bucket.sign_in() | {
        "sync_deletions": True,
        "streams": [
            {"name": "papers", "globs": ["papers/*"], "format": {"filetype": "unstructured"}},
            {"name": "jars", "globs": ["*.csv"], "format": {"filetype": "csv"}},
        ],
    }
    output = run(
        folder,
        ENVIRONMENT / "python",
        Path(__file__).parents[1] / "pyairbyte" / "sync.py",
        COMMANDS / "source-s3",
        json.dumps(source_config),
        COMMANDS / "destination-pgvector",
        json.dumps(destination_config(database)),
        folder / "state.duckdb",
    )
    return int(output.splitlines()[-1])


def rows(connection: psycopg.Connection, table: str, column: str = "document_content") -> list[str]:
    return [row[0] for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY {column}".encode())]


def test_a_second_sync_sends_nothing_and_a_third_what_is_new(
    tmp_path: Path, bucket: Bucket, database: Database
) -> None:
    bucket.put("papers/a.md", "# Seeds\n\nRye is sown in autumn.")
    bucket.put("papers/b.txt", "Oats are sown in spring.")
    bucket.put("jars.csv", "number,name\n" + "".join(f"{number},jar {number}\n" for number in range(40)))

    assert sync(tmp_path, bucket, database) == 42
    with database.connect() as connection:
        first = rows(connection, "papers"), rows(connection, "jars")
        assert [len(table) for table in first] == [2, 40]

        assert sync(tmp_path, bucket, database) == 0
        assert (rows(connection, "papers"), rows(connection, "jars")) == first

        bucket.put("papers/c.md", "Barley keeps for ten years.")
        assert sync(tmp_path, bucket, database) == 1
        assert len(rows(connection, "papers")) == 3


def test_the_destination_passes_the_smoke_test_of_pyairbyte(tmp_path: Path, database: Database) -> None:
    output = run(
        tmp_path,
        ENVIRONMENT / "pyairbyte",
        "destination-smoke-test",
        "--destination",
        COMMANDS / "destination-pgvector",
        "--config",
        json.dumps(destination_config(database) | {"processing": {"chunk_size": 200}}),
        "--scenarios",
        "all",
        "--reuse-namespace",
        "smoke",
    )
    result = json.loads(output[output.index("{") :])
    assert result["success"], result
    assert result["preflight_passed"]
    with database.connect() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'smoke'").fetchall()
        stored = {name: len(set(rows(connection, f'smoke."{name}"', "document_id"))) for (name,) in tables}
    # On top come the preflight's three; six records share three keys; an empty stream has a table all the same.
    assert len(stored) == 23
    assert stored["empty_stream"] == 0
    assert stored["duplicate_primary_keys"] == 3
    assert sum(stored.values()) == result["records_delivered"] + stored["_preflight_basic_types"] - 3
