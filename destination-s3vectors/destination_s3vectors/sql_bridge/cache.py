"""Answers to queries, kept for a while: bounded in time and in bytes, and never past a write through the same handler.

What others write to the index is seen when the time is up. An instance of the function has its own.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from destination_s3vectors.sql_bridge.calls import Event, Json

Marks = tuple[int, ...]
NOT_ASKED = ("timeout_ms",)  # of an event: no part of the question


class Answers:
    """`seconds` 0: nothing is kept. `clock` is that of `time.monotonic`."""

    def __init__(self, seconds: float, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most_bytes, clock
        self._kept: OrderedDict[str, tuple[float, frozenset[str], str]] = OrderedDict()
        self._writes: dict[str, int] = {}  # begun and ended, by index
        self._bytes = 0
        self._lock = threading.Lock()

    def answer(self, event: Event, indexes: Sequence[str], ask: Callable[[], Json]) -> tuple[Json, bool]:
        """And whether it was kept. What began before a write is given, but not kept."""
        if not self._seconds:
            return ask(), False
        key = json.dumps({name: event[name] for name in event if name not in NOT_ASKED}, sort_keys=True)
        with self._lock:
            at, _, kept = self._kept.get(key, (0.0, None, ""))
            if kept and self._clock() - at < self._seconds:
                return json.loads(kept), True
            before = self._marks(indexes)
        answer = ask()
        text = json.dumps(answer)
        with self._lock:
            if before == self._marks(indexes):
                self._keep(key, frozenset(indexes), text)
        return answer, False

    @contextmanager
    def writing(self, indexes: Sequence[str]) -> Iterator[None]:
        """Forgets the answers of these, and those that are given meanwhile."""
        self._forget(indexes)
        try:
            yield
        finally:
            self._forget(indexes)

    def _forget(self, indexes: Sequence[str]) -> None:
        with self._lock:
            for index in indexes if self._seconds else ():
                self._writes[index] = self._writes.get(index, 0) + 1
            for key in [key for key, (_, of, _) in self._kept.items() if of.intersection(indexes)]:
                self._drop(key)

    def _keep(self, key: str, indexes: frozenset[str], text: str) -> None:
        if key in self._kept:
            self._drop(key)
        self._kept[key] = (self._clock(), indexes, text)
        self._bytes += len(key) + len(text)
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        self._bytes -= len(key) + len(self._kept.pop(key)[2])

    def _marks(self, indexes: Sequence[str]) -> Marks:
        return tuple(self._writes.get(index, 0) for index in indexes)


def answers_from(environment: Mapping[str, str]) -> Answers:
    """S3VL_CACHE_SECONDS, by default 0, and S3VL_CACHE_MB, by default 32."""
    seconds = float(environment.get("S3VL_CACHE_SECONDS") or 0)
    return Answers(seconds, int(float(environment.get("S3VL_CACHE_MB") or 32) * 1_000_000))
