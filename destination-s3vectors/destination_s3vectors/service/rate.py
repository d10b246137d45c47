"""How fast one index is written: a pace under the service's limits, slower while it refuses."""

import random
from collections.abc import Callable
from threading import Lock

from destination_s3vectors.service import limits

SHARE = 0.98  # of the limits: 2,450 vectors and 980 requests a second. Calls of 500 then come 5 in any second, not 6
SLACK = 0.05  # seconds that a late start is made good: threads wake up late, and lost slots are lost throughput
CUT = 0.7  # of the pace, by a refusal
RECOVERY = 0.05  # of the full pace, each second
LEAST = 0.02  # of the full pace
GROWTH_SECONDS = 10.0  # until a batch size that was halved is doubled
LONGEST_WAIT = 20.0  # seconds between two tries
# Spreads load, guards nothing. Of its own: a thread that waits must not change what others draw from a seed.
_chance = random.Random()  # noqa: S311


class Pacer:
    """Slots for the writes of one index, one after the other and never in a burst. Shared by all threads."""

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        vectors_per_second: float = limits.VECTORS_PER_SECOND * SHARE,
        requests_per_second: float = limits.REQUESTS_PER_SECOND * SHARE,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._vectors_per_second, self._requests_per_second = vectors_per_second, requests_per_second
        self._lock = Lock()
        self._next = clock()  # when the next slot begins
        self._pace, self._pace_at = 1.0, clock()
        self._round = 0  # requests that began before a cut tell nothing about the pace after it

    @property
    def pace(self) -> float:
        """Share of the full pace, 0 to 1."""
        with self._lock:
            return self._recovered()

    def take(self, vectors: int) -> int:
        """Wait for the slot of a request with so many vectors. The answer is for `refused`."""
        with self._lock:
            now = self._clock()
            begin = max(self._next, now - SLACK)
            seconds = max(vectors / self._vectors_per_second, 1 / self._requests_per_second)
            self._next = begin + seconds / self._recovered()
            current = self._round
        if begin > now:
            self._sleep(begin - now)
        return current

    def refused(self, taken: int) -> None:
        """The request of this slot was throttled (429)."""
        with self._lock:
            if taken == self._round:
                self._pace = max(LEAST, self._recovered() * CUT)
                self._round += 1

    def _recovered(self) -> float:
        now = self._clock()
        self._pace = min(1.0, self._pace + RECOVERY * (now - self._pace_at))
        self._pace_at = now
        return self._pace


class BatchSize:
    """Most vectors of one put: halved when the index can't take a batch (503), doubled again as time passes."""

    def __init__(self, clock: Callable[[], float], most: int = limits.PUT_VECTORS) -> None:
        self._clock, self._most = clock, most
        self._lock = Lock()
        self._size, self._changed = most, clock()

    @property
    def vectors(self) -> int:
        with self._lock:
            while self._size < self._most and self._clock() - self._changed >= GROWTH_SECONDS:
                self._size = min(self._most, self._size * 2)
                self._changed += GROWTH_SECONDS
            return self._size

    def refused(self, vectors: int) -> None:
        """So many vectors were too many. Batches that failed together halve the size once, small ones not at all."""
        with self._lock:
            if vectors * 2 > self._size:
                self._size = max(1, vectors // 2)
                self._changed = self._clock()


def wait_before(tries: int) -> float:
    """Seconds before the try after `tries` failed ones: exponential with full jitter, so that threads spread out.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return _chance.uniform(0, min(LONGEST_WAIT, 0.1 * 2 ** min(tries, 20)))
