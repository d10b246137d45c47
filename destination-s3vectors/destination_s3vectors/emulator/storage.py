"""The file behind the emulator: SQLite, so that what was acknowledged outlives a killed process.

Not a killed machine: `synchronous=NORMAL` leaves the last writes to the operating system.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson

from destination_s3vectors.emulator.records import Records

Kind = Literal["bucket", "index"]
Step = tuple[str, Sequence[tuple[Any, ...]]]  # a statement, and the values of each time it runs
DROP = "DELETE FROM resources WHERE kind = ? AND arn = ?"
EMPTY = "DELETE FROM vectors WHERE id >= ? AND id < ?"
SEQUENCE_BITS = 40  # below the index's number in a row's id: one integer key, and new rows come at its end
ROWS_AT_ONCE = 1_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (kind TEXT, arn TEXT, record BLOB, PRIMARY KEY (kind, arn));
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, key TEXT, data BLOB, metadata BLOB);
"""


class Storage:
    def __init__(self, file: Path | None) -> None:
        """None: nothing is kept. The file is locked against a second emulator."""
        self._lock = threading.Lock()
        self._connection = None if file is None else _open(file)

    def close(self) -> None:
        if self._connection is not None:
            with self._lock:
                self._connection.close()

    def save(self, kind: Kind, arn: str, record: Mapping[str, Any]) -> None:
        self._write(("INSERT OR REPLACE INTO resources VALUES (?, ?, ?)", [(kind, arn, orjson.dumps(record))]))

    def drop_bucket(self, arn: str) -> None:
        self._write((DROP, [("bucket", arn)]))

    def drop_index(self, arn: str, number: int) -> None:
        """With all its vectors, or not at all: a later index may get the same number."""
        self._write((DROP, [("index", arn)]), (EMPTY, [(_id(number, 0), _id(number + 1, 0))]))

    def load(self, kind: Kind) -> list[dict[str, Any]]:
        rows = self._read("SELECT record FROM resources WHERE kind = ?", (kind,))
        return [orjson.loads(record) for (record,) in rows]

    def put(self, number: int, sequences: Sequence[int], records: Records) -> None:
        if self._connection is None:
            return
        rows = [
            (_id(number, sequence), key, vector.tobytes(), None if metadata is None else orjson.dumps(metadata))
            for sequence, key, vector, metadata in zip(
                sequences, records.keys, records.vectors, records.metadata, strict=True
            )
        ]
        self._write(("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows))

    def delete(self, number: int, sequences: Sequence[int]) -> None:
        self._write(("DELETE FROM vectors WHERE id = ?", [(_id(number, sequence),) for sequence in sequences]))

    def rows(self, number: int, dimension: int) -> Iterator[tuple[list[int], Records]]:
        """The vectors of an index with their sequence numbers, in their order, some at a time."""
        last, end = _id(number, 0), _id(number + 1, 0)
        query = "SELECT id, key, data, metadata FROM vectors WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
        while rows := self._read(query, (last, end, ROWS_AT_ONCE)):
            last = rows[-1][0]
            matrix = np.frombuffer(b"".join(data for _, _, data, _ in rows), np.float32).reshape(-1, dimension)
            metadata = [None if found is None else orjson.loads(found) for _, _, _, found in rows]
            sequences = [row[0] - _id(number, 0) for row in rows]
            yield sequences, Records([row[1] for row in rows], matrix, metadata)

    def _write(self, *steps: Step) -> None:
        """In one transaction."""
        if self._connection is not None:
            with self._lock, self._connection:
                for statement, rows in steps:
                    self._connection.executemany(statement, rows)

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, timeout=1)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(SCHEMA)
    return connection


def _id(number: int, sequence: int) -> int:
    return (number << SEQUENCE_BITS) + sequence
