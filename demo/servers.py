"""The servers for as long as a `with` block lasts, however it ends."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.s3_server import S3Server
from demo.stores import STORES, Store


@dataclass(frozen=True, slots=True)
class Servers:
    s3: S3Server
    store: Store
    folder: Path  # for the data of further ones


@contextmanager
def running_servers(store: str) -> Iterator[Servers]:
    """`store` is one of STORES. Their data lie in a temporary folder and in memory, and go with them."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True))
        vectors = STORES[store](Path(folder))
        s3 = S3Server()
        for server in (vectors, s3):
            stack.callback(server.stop)  # before the start: a start that is broken off leaves a process too
            server.start()
        yield Servers(s3, vectors, Path(folder))
