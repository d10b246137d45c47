"""Vectors as the JSON of a request, and their checks: botocore's own take fifty times as long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import orjson

# The longest body: 500 vectors of 1,536 dimensions with 5 KB each. The service takes limits.BODY_BYTES, headers perhaps
# included; but every thread that writes keeps one body, and requests half as long are as fast.
BODY_BYTES = 12 * 1024 * 1024
TOGETHER = 256  # vectors checked at a time: a copy of a whole batch would be a tenth of the process's memory


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector to put. `data` has the shape (dimension,); `metadata` is a rendered JSON object."""

    key: str
    data: npt.NDArray[np.float32]
    metadata: bytes


def request_buffer() -> memoryview:
    """Room for one body, to be used again and again: the system takes longer to give 10 MB than we to copy them.

    It takes memory only as far as it was filled.
    """
    return np.empty(BODY_BYTES, np.uint8).data


def fill(buffer: memoryview, index: str, vectors: Sequence[Vector]) -> tuple[memoryview, int]:
    """The body of a PutVectors request with the first of `vectors`, as many as find room, and how many these are.

    `index` is an ARN. The body is a part of the buffer. A vector that has no room even alone gets memory of its own.
    """
    begin = b'{"indexArn":%b,"vectors":[' % orjson.dumps(index)
    end = len(begin)
    buffer[:end] = begin
    for count, vector in enumerate(vectors):
        json = rendered(vector)
        after = end + len(json)
        if after + len(b"]}") > len(buffer):
            if count == 0:
                return memoryview(begin + json + b"]}"), 1
            return _closed(buffer, end), count
        buffer[end:after] = json
        buffer[after : after + 1] = b","
        end = after + 1
    return _closed(buffer, end), len(vectors)


def rendered(vector: Vector) -> bytes:
    """The numbers in the fewest digits that give the same float32 again."""
    data = np.ascontiguousarray(vector.data, np.float32)
    record = {"key": vector.key, "data": {"float32": data}, "metadata": orjson.Fragment(vector.metadata)}
    return orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)


def _closed(buffer: memoryview, end: int) -> memoryview:
    buffer[end - 1 : end + 1] = b"]}"  # in the place of the last comma
    return buffer[: end + 1]


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
    for start in range(0, len(fitting), TOGETHER):
        rows = fitting[start : start + TOGETHER]
        matrix = np.stack([vectors[row] for row in rows])
        for at in np.flatnonzero(~np.isfinite(matrix).all(axis=1)):
            reasons[rows[at]] = "The vector holds NaN or infinity; the service takes finite numbers only."
        if metric == "cosine":
            for at in np.flatnonzero(~matrix.any(axis=1)):
                reasons[rows[at]] = "All numbers of the vector are zero: it has no direction, so no cosine distance."
    return reasons
