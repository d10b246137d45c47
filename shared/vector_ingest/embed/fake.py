"""Vectors made from a hash of the text: the same text always gives the same vector, and it means nothing."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b, shake_128

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.embedder import Limits, Purpose, Usage

_TABLE = 1 << 20  # two places in it give 2^40 vectors
_AT_ONCE = 32  # vectors: what is worked on stays in a core's cache


class FakeEmbedder:
    fingerprint = "fake/1536"
    dimensions = 1536
    limits = Limits(texts=512, tokens=None, tokens_per_text=8191, at_once=4)  # 512 vectors: 3 MiB

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[npt.NDArray[np.float32], Usage]:  # noqa: ARG002
        """A question has the vector of a document with the same text."""
        digests = b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts)
        places = np.frombuffer(digests, "<u4").reshape(-1, 2) % _TABLE
        windows, vectors = _windows(), np.empty((len(texts), self.dimensions), np.float32)
        for first in range(0, len(texts), _AT_ONCE):
            some, block = places[first : first + _AT_ONCE], vectors[first : first + _AT_ONCE]
            np.add(windows[some[:, 0]], windows[some[:, 1]], out=block)
            block /= np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
        return vectors, Usage(tokens=sum(map(self.count_tokens, texts)), requests=1 if texts else 0)

    def count_tokens(self, text: str) -> int:
        """Four bytes a token, as English has about: counting must not be slower than the vectors."""
        return (len(text.encode()) + 3) // 4

    def close(self) -> None:
        """It holds nothing."""


@cache
def _windows() -> npt.NDArray[np.float32]:
    """Every run of 1,536 in a table of numbers in [-1, 1), the same on every machine. A view: 4 MiB in all."""
    size = _TABLE + FakeEmbedder.dimensions
    numbers = np.frombuffer(shake_128(b"vector_ingest fake").digest(size * 4), "<i4")
    table = (numbers / 2.0**31).astype(np.float32)
    return np.lib.stride_tricks.sliding_window_view(table, FakeEmbedder.dimensions)
