"""Any number of texts to vectors: packed into requests, tried again when throttled, as many at once as is good."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition

import numpy as np
import numpy.typing as npt

from vector_ingest.embed import Embedder, Usage
from vector_ingest.errors import TransientError

LONGEST_WAIT = 60.0  # seconds between two tries, where the service names no time


class Paced:
    """Shared by all threads of a pool."""

    def __init__(
        self,
        embedder: Embedder,
        concurrency: int = 8,
        deadline: float = 600.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`concurrency`: most requests at once, over all threads. `deadline`: seconds until a request is given up."""
        self.embedder = embedder
        self._gate = Gate(concurrency)
        self._deadline = deadline
        self._sleep = sleep
        self._clock = clock

    def embed(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], Usage]:
        """Vectors of shape (len(texts), dimensions), in the order of the texts."""
        vectors = np.empty((len(texts), self.embedder.dimensions), np.float32)
        tokens = requests = 0
        for part in requests_of(texts, self.embedder):
            vectors[part], usage = self._request(texts[part])
            tokens, requests = tokens + usage.tokens, requests + usage.requests
        return vectors, Usage(tokens, requests)

    def _request(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], Usage]:
        give_up = self._clock() + self._deadline
        tries = 0
        while True:
            tries += 1
            try:
                with self._gate.passage():
                    return self.embedder.embed(texts)
            except TransientError as error:
                wait = _wait(error, tries)
                if self._clock() + wait > give_up:
                    message = f"Gave up after {tries} tries within {self._deadline:.0f} seconds. {error}"
                    raise TransientError(message, error.retry_after) from error
            self._sleep(wait)


def _wait(error: TransientError, tries: int) -> float:
    """Seconds: what the service asks for and a little more, else exponential with full jitter.

    Without jitter, all threads that were throttled together would come back together.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    if error.retry_after is not None:
        return error.retry_after * random.uniform(1, 1.1)  # noqa: S311  spreads load, guards nothing
    return random.uniform(0, min(LONGEST_WAIT, 2.0**tries))  # noqa: S311


class Gate:
    """How many requests may be in flight: halved when one fails, one more for each round that succeeds (AIMD)."""

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self._most = most
        self._in_flight = 0
        self._round = 0  # requests that began before a cut tell nothing about the limit after it
        self._changed = Condition()

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Wait for a place and hold it. A TransientError that passes through narrows the gate."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight < int(self.limit))
            self._in_flight += 1
            began = self._round
        try:
            yield
        except TransientError:
            self._leave(began, failed=True)
            raise
        except BaseException:
            self._leave(began, failed=None)
            raise
        self._leave(began, failed=False)

    def _leave(self, began: int, failed: bool | None) -> None:
        with self._changed:
            self._in_flight -= 1
            if failed and began == self._round:
                self.limit = max(1.0, self.limit / 2)
                self._round += 1
            elif failed is False:
                self.limit = min(float(self._most), self.limit + 1 / self.limit)
            self._changed.notify_all()


def requests_of(texts: Sequence[str], embedder: Embedder) -> Iterator[slice]:
    """The texts in runs that one request may hold."""
    limits = embedder.limits
    start = tokens = 0
    for end, text in enumerate(texts):
        more = 0 if limits.tokens is None else embedder.count_tokens(text)
        full = end - start == limits.texts or (limits.tokens is not None and tokens + more > limits.tokens)
        if full and end > start:
            yield slice(start, end)
            start, tokens = end, 0
        tokens += more
    if start < len(texts):
        yield slice(start, len(texts))
