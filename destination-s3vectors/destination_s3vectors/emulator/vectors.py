"""The vectors of one index: a dense float32 matrix, and the order in which a listing walks through them."""

import weakref
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from destination_s3vectors.emulator.records import Records

FIRST_ROWS = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """One vector as it is answered. `sequence` tells its place in a listing, `size` is in bytes."""

    key: str
    vector: NDArray[np.float32]
    metadata: Mapping[str, Any] | None
    sequence: int
    size: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows of `keys`, `matrix` and `metadata` belong together; later writes don't change them."""

    keys: Sequence[str]
    matrix: NDArray[np.float32]
    metadata: Sequence[Mapping[str, Any] | None]


class Vectors:
    """Not locked in itself: its owner lets one thread at a time in."""

    def __init__(self, dimension: int) -> None:
        self.keys: list[str] = []
        self.metadata: list[Mapping[str, Any] | None] = []
        self._copies: tuple[list[str], list[Mapping[str, Any] | None]] | None = None
        self._shown: list[weakref.ref[NDArray[np.float32]]] = []  # what snapshots that are in use show of the matrix
        self._matrix = np.empty((FIRST_ROWS, dimension), np.float32)
        self._rows: dict[str, int] = {}
        self._sequences: list[int] = []
        self._sizes: list[int] = []
        # A key keeps its sequence number while it lives, so a listing that remembers the last number it gave meets
        # each key once, whatever is put or deleted meanwhile. Numbers of deleted keys stay until there are many.
        self._order: list[tuple[int, str]] = []
        self._next = 1

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def matrix(self) -> NDArray[np.float32]:
        """Shape (n, dimension), the rows of `keys` and `metadata`. No copy: the next write changes it."""
        return self._matrix[: len(self.keys)]

    def snapshot(self) -> Snapshot:
        """Keys and metadata are the same objects until the next write.

        The matrix is copied only when a write changes a row of it while somebody still holds a snapshot's `matrix`.
        """
        if self._copies is None:
            self._copies = self.keys.copy(), self.metadata.copy()
        keys, metadata = self._copies
        matrix = self.matrix
        self._shown = [shown for shown in self._shown if shown() is not None]
        self._shown.append(weakref.ref(matrix))
        return Snapshot(keys, matrix, metadata)

    def sequences(self, keys: Sequence[str]) -> list[int]:
        """The numbers that `put` will give these keys, for those who write them down first."""
        new = iter(range(self._next, self._next + len(keys)))
        return [self._sequences[self._rows[key]] if key in self._rows else next(new) for key in keys]

    def known(self, keys: Sequence[str]) -> list[int]:
        """The sequence numbers of those of `keys` that exist."""
        return [self._sequences[self._rows[key]] for key in keys if key in self._rows]

    def put(self, records: Records, sequences: Sequence[int]) -> None:
        """Whole vectors are replaced, data and metadata. Keys are distinct."""
        self._copies = None
        known = len(self.keys)
        self._grow(len(self.keys) + len(records.keys))
        columns = (records.keys, records.metadata, sequences, records.sizes())
        rows = [self._place(*entry) for entry in zip(*columns, strict=True)]
        if rows and min(rows) < known:
            self._leave_to_snapshots()
        self._matrix[rows] = records.vectors

    def delete(self, keys: Sequence[str]) -> None:
        """The last row moves into a gap, so that the rows stay dense."""
        self._copies = None
        self._leave_to_snapshots()
        for key in keys:
            row = self._rows.pop(key, None)
            if row is None:
                continue
            last = len(self.keys) - 1
            if row != last:
                self._matrix[row] = self._matrix[last]
                self._rows[self.keys[last]] = row
            for column in (self.keys, self.metadata, self._sequences, self._sizes):
                _fill_gap(column, row)
        if len(self._order) > 2 * len(self.keys) + FIRST_ROWS:
            self._order = [entry for entry in self._order if self._lives(*entry)]

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """Those that exist, each once, in the order of their rows."""
        rows = sorted({self._rows[key] for key in keys if key in self._rows})
        return [self._stored(row) for row in rows]

    def after(self, sequence: int, segment: int, segments: int) -> Iterator[Stored]:
        """In order of sequence numbers, those beyond `sequence` that belong to the segment."""
        start = bisect_right(self._order, sequence, key=lambda entry: entry[0])
        for position in range(start, len(self._order)):
            number, key = self._order[position]
            if number % segments == segment and self._lives(number, key):
                yield self._stored(self._rows[key])

    def _stored(self, row: int) -> Stored:
        return Stored(
            self.keys[row], self._matrix[row].copy(), self.metadata[row], self._sequences[row], self._sizes[row]
        )

    def _lives(self, sequence: int, key: str) -> bool:
        row = self._rows.get(key)
        return row is not None and self._sequences[row] == sequence

    def _place(self, key: str, metadata: Mapping[str, Any] | None, sequence: int, size: int) -> int:
        row = self._rows.get(key)
        if row is not None:
            self.metadata[row], self._sizes[row] = metadata, size
            return row
        self._rows[key] = row = len(self.keys)
        self.keys.append(key)
        self.metadata.append(metadata)
        self._sequences.append(sequence)
        self._sizes.append(size)
        self._order.append((sequence, key))
        self._next = sequence + 1
        return row

    def _leave_to_snapshots(self) -> None:
        if any(shown() is not None for shown in self._shown):
            self._matrix = self._matrix.copy()
        self._shown = []

    def _grow(self, rows: int) -> None:
        capacity = self._matrix.shape[0]
        if rows > capacity:
            grown = np.empty((max(rows, capacity * 3 // 2), self._matrix.shape[1]), np.float32)
            grown[: len(self.keys)] = self.matrix
            self._matrix = grown
            self._shown = []


def _fill_gap(column: list[Any], row: int) -> None:
    last = column.pop()
    if row < len(column):
        column[row] = last
