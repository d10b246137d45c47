"""Exact nearest neighbours: the service answers approximately, the emulator exactly."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 4_096  # in float64: 50 MB at 1,536 dimensions
FUSION_K = 60  # Guess: the constant of Cormack et al. 2009; the service names only the method

Rows = NDArray[np.intp]
Distances = NDArray[np.float32]


def distances(vectors: NDArray[np.float32], query: NDArray[np.float32], metric: str) -> Distances:
    """One for each row, shape (n,): 1 - cosine, or euclidean."""
    measure = _cosine if metric == "cosine" else _euclidean
    found = np.empty(len(vectors), np.float32)
    wanted = query.astype(np.float64)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        block = vectors[start : start + ROWS_AT_ONCE].astype(np.float64)
        found[start : start + ROWS_AT_ONCE] = measure(block, wanted)
    return found


def nearest(found: Distances, rows: Rows, keys: Sequence[str], most: int) -> list[int]:
    """The first `most` of `rows` by distance, then by key. `found` has the distance of every row of the index."""
    candidates = rows
    if most < len(rows):
        mine = found[rows]
        last = mine[np.argpartition(mine, most - 1)[most - 1]]
        candidates = rows[mine <= last]  # all that tie with the last: the key decides, not the partition
    ordered = sorted(candidates.tolist(), key=lambda row: (found[row], keys[row]))
    return ordered[:most]


def best(scores: Mapping[int, float], keys: Sequence[str], most: int) -> list[int]:
    """The rows with the highest scores, then by key."""
    return sorted(scores, key=lambda row: (-scores[row], keys[row]))[:most]


def fuse(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """Reciprocal rank fusion: a row's score is the sum of 1 / (k + rank) over the rankings that have it.

    Guess: all rankings weigh the same, and each text field is a ranking of its own.
    """
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            fused[row] = fused.get(row, 0.0) + 1 / (FUSION_K + rank)
    return fused


def _cosine(block: NDArray[np.float64], query: NDArray[np.float64]) -> NDArray[np.float64]:
    # einsum adds each row up in the same order; BLAS does not, and equal vectors would not tie.
    products = np.einsum("ij,j->i", block, query)
    lengths = np.sqrt(np.einsum("ij,ij->i", block, block) * (query @ query))
    clipped: NDArray[np.float64] = np.clip(1 - products / lengths, 0, 2)
    return clipped


def _euclidean(block: NDArray[np.float64], query: NDArray[np.float64]) -> NDArray[np.float64]:
    block -= query
    # Guess: the service could answer the square.
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return lengths
