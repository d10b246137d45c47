"""How many requests may be in flight, and how long to wait before the next try."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from vector_ingest.errors import TransientError

LONGEST_WAIT = 60.0  # seconds between two tries, where the service names no time


def wait_before(error: TransientError, tries: int) -> float:
    """Seconds: what the service asks for and a little more, else exponential with full jitter.

    Some say 0 for "soon": ten minutes of requests without a pause would be no answer to that.
    Without jitter, all that were refused together would come back together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    if error.retry_after:
        return error.retry_after * random.uniform(1, 1.1)  # noqa: S311  spreads load, guards nothing
    return random.uniform(0, min(LONGEST_WAIT, 2.0 ** min(tries, 9)))  # noqa: S311


class Gate:
    """How many requests may be in flight: halved when one fails, one more for each round that succeeds (AIMD).

    With a `start` below the most, each success adds one until the first failure.
    """

    def __init__(self, most: int, start: int | None = None) -> None:
        self.limit = float(start or most)
        self._most = most
        self._in_flight = 0
        self._round = 0  # requests that began before a cut tell nothing about the limit after it
        self._changed = Condition()

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Wait for a place and hold it. A TransientError that passes through narrows the gate."""
        with self._changed:
            self._changed.wait_for(self.is_open)
            began = self.enter()
        try:
            yield
        except TransientError:
            self._left(began, failed=True)
            raise
        except BaseException:
            self._left(began, failed=None)
            raise
        self._left(began, failed=False)

    def is_open(self) -> bool:
        return self._in_flight < int(self.limit)

    def enter(self) -> int:
        """For those that hold a lock of their own, and `leave` with what this returns."""
        self._in_flight += 1
        return self._round

    def leave(self, began: int, failed: bool | None) -> None:
        """None: it failed for a reason that says nothing about the service."""
        self._in_flight -= 1
        if failed and began == self._round:
            self.limit = max(1.0, self.limit / 2)
            self._round += 1
        elif failed is False:
            more = 1.0 if self._round == 0 else 1 / self.limit
            self.limit = min(float(self._most), self.limit + more)

    def _left(self, began: int, failed: bool | None) -> None:
        with self._changed:
            self.leave(began, failed)
            self._changed.notify_all()
