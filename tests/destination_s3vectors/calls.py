"""A transport before a scripted service, and what the tests send through it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from destination_s3vectors.service.transport import Transport, Vector, client_for
from tests.destination_s3vectors.scripted_service import Fault, Request, Script, ScriptedService
from tests.servers.running import running
from tests.sessions import signed_in

SLOW_DOWN = Fault(429, "TooManyRequestsException")
TOO_MUCH = Fault(503, "ServiceUnavailableException", "Currently unable to handle the request")


def keys(count: int) -> list[str]:
    return [f"key {number}" for number in range(count)]


def vectors(count: int, dimension: int = 4) -> list[Vector]:
    data = np.random.default_rng(1).standard_normal((count, dimension), np.float32)
    return [Vector(key, row, b'{"n":%d}' % at) for at, (key, row) in enumerate(zip(keys(count), data, strict=True))]


class Time:
    """A clock that only moves when somebody sleeps; several threads that sleep each move it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@contextmanager
def connected(script: Script, patience: float = 300, threads: int = 8) -> Iterator[tuple[ScriptedService, Transport]]:
    with running(ScriptedService(script)) as service:
        client = client_for(signed_in("the-key", "secret"), "eu-west-1", service.endpoint, threads=threads)
        time = Time()
        transport = Transport(client, threads, patience, time.clock, time.sleep)
        try:
            yield service, transport
        finally:
            transport.close()
            client.close()


def fine(_: Request) -> None:
    return None


def on(operation: str, fault: Fault, numbers: Callable[[int], bool]) -> Script:
    """The fault for those requests of an operation whose number of all requests is chosen."""
    return lambda request: fault if request.operation == operation and numbers(request.number) else None
