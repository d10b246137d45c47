"""A server for as long as a block lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar


class Server(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


S = TypeVar("S", bound=Server)


@contextmanager
def running(server: S) -> Iterator[S]:
    """It is started here, and stopped at the end."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
