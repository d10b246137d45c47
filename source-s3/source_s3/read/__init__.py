"""Files to Arrow batches or documents: one module for each format.

A table format has two functions, `schema` and `read`, and a line in `table_reader`; documents are in `documents/`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from source_s3.read.options import CsvFormat, JsonlFormat, ParquetFormat
from source_s3.schema import Properties

TableFormat = CsvFormat | JsonlFormat | ParquetFormat
Resume = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """`first_row`: the number of its first row in the file, from 0.

    `resume` is what `read` takes to go on after this batch, JSON-able; None where the format can't tell.
    """

    rows: pa.RecordBatch
    first_row: int
    resume: Resume | None


class TableReader(Protocol):
    """`file` is binary and seekable. What it raises in mid-read passes through: it is never the end of the file.

    DataError (its `where` is the place inside the file): the content is not of the format.
    """

    def schema(self, file: BinaryIO, options: Any) -> Properties:
        """The columns, from the head of the file or from a sample of its rows."""

    def read(self, file: BinaryIO, options: Any, resume: Resume | None) -> Iterator[Batch]:
        """All rows in the file's order, in bounded memory; with `resume`, those after it."""


def table_reader(options: TableFormat) -> TableReader:
    match options:
        case CsvFormat():
            from source_s3.read import csv

            return csv
        case JsonlFormat():
            from source_s3.read import jsonl

            return jsonl
        case ParquetFormat():
            from source_s3.read import parquet

            return parquet
