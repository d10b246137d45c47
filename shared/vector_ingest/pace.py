"""Any number of texts to vectors: packed into requests, tried again when throttled, as many at once as is good."""

import time
from collections.abc import Iterator, Sequence
from threading import Semaphore

import numpy as np
import numpy.typing as npt

from vector_ingest.embed import Embedder, Limits, Usage
from vector_ingest.errors import TransientError


class Paced:
    def __init__(self, embedder: Embedder, concurrency: int = 8, deadline: float = 600.0) -> None:
        """`concurrency`: requests at once, over all threads. `deadline`: seconds until a request is given up."""
        self.embedder = embedder
        self._gate = Semaphore(concurrency)
        self._deadline = deadline

    def embed(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], Usage]:
        """Vectors of shape (len(texts), dimensions), in the order of the texts. Called from many threads."""
        vectors = np.empty((len(texts), self.embedder.dimensions), np.float32)
        tokens = requests = 0
        for part in requests_of(texts, self.embedder):
            vectors[part], usage = self._request(texts[part])
            tokens, requests = tokens + usage.tokens, requests + usage.requests
        return vectors, Usage(tokens, requests)

    def _request(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], Usage]:
        give_up = time.monotonic() + self._deadline
        while True:
            try:
                with self._gate:
                    return self.embedder.embed(texts)
            except TransientError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(1)


def requests_of(texts: Sequence[str], embedder: Embedder) -> Iterator[slice]:
    """The texts in runs that one request may hold."""
    limits: Limits = embedder.limits
    start = tokens = 0
    for end, text in enumerate(texts):
        more = embedder.count_tokens(text) if limits.tokens is not None else 0
        full = end - start == limits.texts or (limits.tokens is not None and tokens + more > limits.tokens)
        if full and end > start:
            yield slice(start, end)
            start, tokens = end, 0
        tokens += more
    if start < len(texts):
        yield slice(start, len(texts))
