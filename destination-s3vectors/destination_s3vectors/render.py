"""Vectors as the JSON of a request, and their checks: botocore's own take fifty times as long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import orjson

from destination_s3vectors import limits

# Our count of the body is exact. Whether the service counts the headers as well is not documented; with a long session
# token they take a few KiB.
MARGIN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector to put. `data` has the shape (dimension,); `metadata` is a rendered JSON object."""

    key: str
    data: npt.NDArray[np.float32]
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A vector's part of a request's body."""

    key: str
    json: bytes


def piece(vector: Vector) -> Piece:
    """The numbers in the fewest digits that give the same float32 again."""
    data = np.ascontiguousarray(vector.data, np.float32)
    record = {"key": vector.key, "data": {"float32": data}, "metadata": orjson.Fragment(vector.metadata)}
    return Piece(vector.key, orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY))


def body(index: str, pieces: Sequence[Piece]) -> bytes:
    """Of a PutVectors request. `index` is an ARN."""
    return b'{"indexArn":%b,"vectors":[%b]}' % (orjson.dumps(index), b",".join([piece.json for piece in pieces]))


def cut(pieces: Sequence[Piece], index: str, most: int = limits.PUT_VECTORS) -> Iterator[Sequence[Piece]]:
    """Runs that one request may hold: `most` vectors, and a body under the service's limit."""
    room = limits.BODY_BYTES - MARGIN_BYTES - len(body(index, ()))
    start = size = 0
    for end, each in enumerate(pieces):
        added = len(each.json) + 1
        if end > start and (end - start == most or size + added > room):
            yield pieces[start:end]
            start, size = end, 0
        size += added
    if start < len(pieces):
        yield pieces[start:]


def unacceptable(
    vectors: npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]],
    metric: Literal["cosine", "euclidean"],
    dimension: int,
) -> Sequence[str | None]:
    """For each vector, why the service would refuse it; None for a good one. `vectors`: (n, dimension), or n arrays."""
    fitting = [row for row, vector in enumerate(vectors) if vector.shape == (dimension,)]
    reasons: list[str | None] = [None] * len(vectors)
    for row in set(range(len(vectors))).difference(fitting):
        reasons[row] = f"The vector has the shape {vectors[row].shape}; the index takes ({dimension},)."
    if not fitting:
        return reasons
    matrix = vectors if isinstance(vectors, np.ndarray) else np.stack([vectors[row] for row in fitting])
    for at in np.flatnonzero(~np.isfinite(matrix).all(axis=1)):
        reasons[fitting[at]] = "The vector holds NaN or infinity; the service takes finite numbers only."
    if metric == "cosine":
        for at in np.flatnonzero(~matrix.any(axis=1)):
            reasons[fitting[at]] = "All numbers of the vector are zero: it has no direction, so no cosine distance."
    return reasons
