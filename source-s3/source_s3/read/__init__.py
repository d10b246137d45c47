"""Files to Arrow batches or documents: one module for each format, called as its `filetype` in `options`.

A table format has two functions, `schema` and `read`; documents are in `documents/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from source_s3.read.options import ExcelFormat, OrcFormat, ParquetFormat, TableFormat
from source_s3.schema import Properties

Resume = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row, or a block of them, that can't be read. `where`: its place in the file, such as `line 7`.

    `reason` says what was expected and found. `raw`: as it stands in the file, where that can be told.
    """

    where: str
    reason: str
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """`first_row`: the number of its first row in the file, from 0; rows that are refused are not counted.

    `resume` is what `read` takes to go on after this batch, JSON-able; None where the format can't tell.
    `refused` stood among the rows, or between them and those of the batch before. `left_out`: the file's columns that
    were not wanted.
    """

    rows: pa.RecordBatch
    first_row: int
    resume: Resume | None
    refused: Sequence[BadRow] = ()
    left_out: Sequence[str] = ()


def without_columns(count: int) -> pa.RecordBatch:
    """So many rows of which no column is wanted."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


@dataclass(frozen=True, slots=True)
class Reading:
    """What `read` is asked for. `columns`: those wanted, where a format can leave others out; None: all."""

    resume: Resume | None = None
    columns: frozenset[str] | None = None


class TableReader(Protocol):
    """`file` is binary and seekable. What it raises in mid-read passes through: it is never the end of the file.

    DataError (its `where` is the place inside the file): the content is not of the format.
    """

    def schema(self, file: BinaryIO, options: Any) -> Properties:
        """The columns, from the head of the file or from a sample of its rows."""

    def read(self, file: BinaryIO, options: Any, reading: Reading) -> Iterator[Batch]:
        """All rows in the file's order, in bounded memory; with `reading.resume`, those after it.

        What can't be read is handed over in `refused`, if the rest can be; whether it ends the stream is not decided
        here. A DataError is for what leaves no way to go on.
        """


SEEKING = (ParquetFormat, OrcFormat, ExcelFormat)  # what is not read from begin to end


def table_reader(options: TableFormat) -> TableReader:
    """The module of the format, imported at its first use."""
    reader: TableReader = import_module(f"{__name__}.{options.filetype}")
    return reader
