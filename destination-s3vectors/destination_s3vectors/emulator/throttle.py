"""The documented rates of writes to one index, as token buckets: puts and deletes together."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from destination_s3vectors.emulator.errors import too_many_requests
from destination_s3vectors.service import limits


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one index; `burst_seconds` says for how long a pause may be made up for."""

    requests_per_second: float = limits.REQUESTS_PER_SECOND
    vectors_per_second: float = limits.VECTORS_PER_SECOND
    # Guess: one second's worth. Others measured that the service bears far more for a while.
    burst_seconds: float = 1.0


@dataclass(slots=True)
class _Tokens:
    requests: float
    vectors: float
    at: float


class Throttle:
    def __init__(self, rates: Rates | None, clock: Callable[[], float] = time.monotonic) -> None:
        """None: nothing is refused."""
        self._rates = rates
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, _Tokens] = {}

    def take(self, index: str, vectors: int) -> None:
        """One request with so many vectors. Raises TooManyRequestsException; a refused one costs nothing."""
        if self._rates is None:
            return
        with self._lock:
            tokens = self._refilled(index, self._rates)
            # A call above the whole burst passes when the bucket is full, or it never could.
            needed = min(vectors, self._rates.vectors_per_second * self._rates.burst_seconds)
            if tokens.requests < 1 or tokens.vectors < needed:
                raise too_many_requests("The request was denied due to request throttling")
            tokens.requests -= 1
            tokens.vectors -= vectors

    def _refilled(self, index: str, rates: Rates) -> _Tokens:
        now = self._clock()
        most_requests = max(1.0, rates.requests_per_second * rates.burst_seconds)
        most_vectors = rates.vectors_per_second * rates.burst_seconds
        tokens = self._tokens.setdefault(index, _Tokens(most_requests, most_vectors, now))
        passed = now - tokens.at
        tokens.requests = min(most_requests, tokens.requests + passed * rates.requests_per_second)
        tokens.vectors = min(most_vectors, tokens.vectors + passed * rates.vectors_per_second)
        tokens.at = now
        return tokens
