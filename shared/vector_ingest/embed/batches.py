"""Tokens of texts to a model in batches of like length: all texts of a batch are padded to its longest."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.vectors import Vectors

Ids = Sequence[int]


def in_batches(encoded: Sequence[Ids], run: Callable[[Sequence[Ids]], Vectors], size: int, dimensions: int) -> Vectors:
    """What `run` makes of them, in the order given."""
    vectors = np.empty((len(encoded), dimensions), np.float32)
    by_length = sorted(range(len(encoded)), key=lambda index: len(encoded[index]))
    for start in range(0, len(encoded), size):
        batch = by_length[start : start + size]
        vectors[batch] = run([encoded[index] for index in batch])
    return vectors


def padded(batch: Sequence[Ids], padding: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The ids, and a mask that is 1 where they are no padding."""
    width = max(map(len, batch))
    ids = np.full((len(batch), width), padding, np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask
