"""The vectors of one PutVectors, checked: what the model cannot say about them.

Facts marked "measured" are those that others published after calling the service; the README names the source.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from destination_s3vectors.emulator.errors import ServiceError, validation
from destination_s3vectors.service import limits

KINDS_OF_LIST = (frozenset({str}), frozenset({int}), frozenset({float}), frozenset({int, float}))


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of `keys`, `vectors` (float32, shape (n, dimension)) and `metadata` belong together."""

    keys: Sequence[str]
    vectors: NDArray[np.float32]
    metadata: Sequence[Mapping[str, Any] | None]

    def sizes(self) -> list[int]:
        """Bytes of each vector with its key and metadata: what a listing counts as processed."""
        # Guess: the service may count otherwise.
        numbers = self.vectors.shape[1] * self.vectors.itemsize
        metadata = (metadata_bytes(found) if found else 0 for found in self.metadata)
        return [len(key.encode()) + numbers + size for key, size in zip(self.keys, metadata, strict=True)]


def records(
    vectors: Sequence[Mapping[str, Any]], dimension: int, metric: str, non_filterable: frozenset[str]
) -> Records:
    """All of one call, or a ValidationException that names the first bad key and refuses the whole call."""
    # Guess: nothing of a call is written if one vector is bad.
    keys = [vector["key"] for vector in vectors]
    check_keys(keys)
    # Guess: one client's code says that a later vector then replaces an earlier one, another's that it is refused.
    check_distinct(keys)
    matrix = np.empty((len(vectors), dimension), np.float32)
    for row, vector in enumerate(vectors):
        matrix[row] = _numbers(vector["data"]["float32"], dimension, keys[row], row)
    _check_numbers(matrix, metric, keys)
    metadata = [vector.get("metadata") for vector in vectors]
    for row, found in enumerate(metadata):
        if found is not None:
            _check_metadata(found, non_filterable, keys[row], row)
    return Records(keys, matrix, [found or None for found in metadata])


def check_keys(keys: Sequence[str]) -> None:
    """Measured: a key is limited in bytes too, beyond the model's characters; for reading and deleting alike."""
    if any(len(key.encode()) > limits.KEY_CHARACTERS for key in keys if not key.isascii()):
        raise validation("Record key length exceeds the maximum allowed")


def check_distinct(keys: Sequence[str]) -> None:
    """Measured for DeleteVectors."""
    if len(set(keys)) != len(keys):
        raise validation("Request must not contain duplicate keys")


def metadata_bytes(metadata: Mapping[str, Any]) -> int:
    """As the service counts (measured): 4, and for each entry 8, the key's bytes and the value's.

    A string counts its UTF-8 bytes, a number 4, a boolean 0, a list 4 for each element and the element.
    """
    return 4 + sum(8 + len(key.encode()) + _value_bytes(value) for key, value in metadata.items())


def _value_bytes(value: Any) -> int:
    match value:
        case str():
            return len(value.encode())
        case bool():
            return 0
        case list():
            return sum(4 + _value_bytes(item) for item in value)
        case _:
            return 4


def _numbers(numbers: Sequence[Any], dimension: int, key: str, row: int) -> NDArray[np.float32]:
    if len(numbers) != dimension:
        raise _invalid(key, f"vectors[{row}]", f"vector must have length {dimension}, but has length {len(numbers)}")
    return as_float32(numbers)


def as_float32(numbers: Sequence[Any]) -> NDArray[np.float32]:
    """Rounded; infinite where float32 is too small."""
    try:
        with np.errstate(over="ignore"):
            # A string here is "NaN" or "Infinity": the model allows no other.
            return np.asarray(numbers, np.float32)
    except OverflowError:  # an integer beyond all floats
        return np.full(len(numbers), np.inf, np.float32)


def _check_numbers(matrix: NDArray[np.float32], metric: str, keys: Sequence[str]) -> None:
    """Measured: judged after the conversion to float32, so 1e39 is infinite and 1e-46 is zero."""
    for row in np.flatnonzero(~np.isfinite(matrix).all(axis=1))[:1]:
        raise _invalid(keys[row], f"vectors[{row}]", "vector contains NaNs or Infs")
    if metric == "cosine":
        for row in np.flatnonzero(~matrix.any(axis=1))[:1]:
            raise _invalid(keys[row], f"vectors[{row}]", "cosine distance does not support vectors with zero norm")


def _check_metadata(metadata: Any, non_filterable: frozenset[str], key: str, row: int) -> None:
    path = f"vectors[{row}].metadata"
    if not isinstance(metadata, dict):
        # Guess: the wording.
        raise _invalid(key, path, "Metadata must be an object")
    if len(metadata) > limits.METADATA_KEYS:
        raise _invalid(key, path, f"Metadata object must have at most {limits.METADATA_KEYS} keys")
    for value in metadata.values():
        if reason := _bad_value(value):
            raise _invalid(key, path, reason)
    size = metadata_bytes(metadata)
    if size > limits.FILTERABLE_BYTES:
        filterable = {name: value for name, value in metadata.items() if name not in non_filterable}
        if metadata_bytes(filterable) > limits.FILTERABLE_BYTES:
            raise _invalid(key, path, f"Filterable metadata must have at most {limits.FILTERABLE_BYTES} bytes")
    if size > limits.METADATA_BYTES:
        raise _invalid(key, path, f"Metadata object must have at most {limits.METADATA_BYTES} bytes")


def _bad_value(value: Any) -> str | None:
    """Measured: a list must have elements, all strings or all numbers."""
    match value:
        case float() if not math.isfinite(value):
            return "Metadata values must be strings, numbers, booleans, or arrays"
        case str() | bool() | int() | float():
            return None
        case []:
            return "Empty arrays are not allowed in metadata"
        case list():
            alike = frozenset(map(type, value)) in KINDS_OF_LIST
            finite = not isinstance(value[0], int | float) or all(map(math.isfinite, value)) if alike else False
            return None if finite else "Metadata array values must be strings or numbers"
        case _:
            return "Metadata values must be strings, numbers, booleans, or arrays"


def _invalid(key: str, path: str, reason: str) -> ServiceError:
    return validation(f"Invalid record for key '{key}': {reason}", (path, reason))
