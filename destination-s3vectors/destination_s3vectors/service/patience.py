"""Trying again, and what was counted on the way."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from destination_s3vectors.service.rate import wait_before
from destination_s3vectors.service.service_errors import Failure
from vector_ingest.errors import TransientError

PATIENCE = 300.0  # seconds without success
MENDED_BY_WAITING = ("throttled", "unavailable", "broken", "conflict")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of all requests so far. `refused` were answered with 429 or 503; `vectors` are those put and deleted."""

    requests: int = 0
    refused: int = 0
    retries: int = 0
    vectors: int = 0


class Tally:
    """The counts, and when the last request succeeded. Shared by all threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self.counts = Counts()
        self.last_success = clock()

    def answered(self, vectors: int) -> None:
        with self._lock:
            now = self.counts
            self.counts = replace(now, requests=now.requests + 1, vectors=now.vectors + vectors)
            self.last_success = self._clock()

    def failed(self, failure: Failure) -> None:
        refused = failure.kind in ("throttled", "unavailable")
        again = failure.kind in MENDED_BY_WAITING
        with self._lock:
            now = self.counts
            self.counts = replace(
                now, requests=now.requests + 1, refused=now.refused + refused, retries=now.retries + again
            )


class Patience:
    """Of one call with its tries: waits longer each time, until nothing has succeeded for too long."""

    def __init__(
        self,
        tally: Tally,
        explain: Callable[[Failure], Exception],
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        seconds: float = PATIENCE,
    ) -> None:
        self._tally, self._explain, self._clock, self._sleep, self._seconds = tally, explain, clock, sleep, seconds
        self._began, self._tries = clock(), 0

    def succeeded(self) -> None:
        """A part of the call is done."""
        self._began, self._tries = self._clock(), 0

    def wait(self, failure: Failure) -> None:
        """Until the next try. Raises what the user is told if there is none."""
        if failure.kind not in MENDED_BY_WAITING:
            raise self._explain(failure) from failure.cause
        self._tries += 1
        seconds = failure.retry_after + wait_before(self._tries)
        # Where others are let through, being throttled is only a matter of turns.
        since = max(self._began, self._tally.last_success) if failure.kind == "throttled" else self._began
        if self._clock() + seconds - since > self._seconds:
            message = f"Gave up after {self._tries} tries and {self._seconds:.0f} seconds. {self._explain(failure)}"
            raise TransientError(message) from failure.cause
        self._sleep(seconds)
