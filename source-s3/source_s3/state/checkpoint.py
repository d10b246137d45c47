"""When a state leaves: not more often than the platform wants it, nor than its size is worth."""

import logging
from time import monotonic

from source_s3.state.stream_state import StreamState
from vector_ingest.messages import state_line

logger = logging.getLogger("airbyte")
INTERVAL = 60.0  # seconds: Airbyte asks for at most one state a minute
WORTH = 50  # bytes of records for each byte of state, so that states add 2 % at most
LARGE = 8_000_000  # bytes: lines of over 20,000,000 characters make the platform complain


class Checkpoint:
    """Counts what left since the last state of one stream."""

    def __init__(self, name: str, namespace: str | None, interval: float = INTERVAL) -> None:
        """`interval`: the seconds between two states."""
        self._interval = interval
        self._name = name
        self._namespace = namespace
        self._records = 0
        self._bytes = 0
        self._left = monotonic()
        self._size = 0  # of the last state
        self._warned = False

    def count(self, records: int, size: int) -> None:
        self._records += records
        self._bytes += size

    @property
    def counts_something(self) -> bool:
        return bool(self._records or self._bytes)

    def is_due(self) -> bool:
        return monotonic() - self._left >= self._interval and self._bytes > WORTH * self._size

    def line(self, state: StreamState) -> bytes:
        line = state_line(self._name, self._namespace, state.to_json(), self._records)
        self._records = self._bytes = 0
        self._left = monotonic()
        self._size = len(line)
        if self._size > LARGE and not self._warned:
            self._warned = True
            logger.warning(
                "The state of stream `%s` has %.0f MB, which the platform may refuse. Split the stream by narrower "
                "globs.",
                self._name,
                self._size / 1e6,
            )
        return line
