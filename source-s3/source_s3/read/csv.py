"""CSV by Arrow's streaming reader: every column is text, as with Airbyte's source-s3 by default.

The header is read by Python's csv module, which takes the same dialect, and checked as Airbyte's source-s3 does.
"""

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from source_s3.read import Batch, Reading
from source_s3.read.options import CsvFormat, FromCsv, UserProvided
from source_s3.schema import Properties, properties_of
from vector_ingest.errors import DataError

BLOCK = 1024 * 1024  # bytes parsed at once; Arrow's default, and as fast as larger ones
LINE = 16 * 1024 * 1024  # bytes: the longest row, which blocks grow to by steps; Arrow reads 32 of them ahead
logger = logging.getLogger("airbyte")


def schema(file: BinaryIO, options: CsvFormat) -> Properties:
    head = _head(file, options)
    return properties_of(pa.schema([(name, pa.large_string()) for name in head.names]))


def read(file: BinaryIO, options: CsvFormat, reading: Reading) -> Iterator[Batch]:  # noqa: ARG001
    """A quoted value may hold line breaks, so no place in the file is known to begin a row: nothing to resume from."""
    head = _head(file, options)
    if head.is_all:
        return
    bad_rows, row, size = _BadRows(options.ignore_errors_on_fields_mismatch), 0, BLOCK
    while size:
        next_size = 0
        try:
            for rows in _from_row(row, _batches(file, options, head, size, bad_rows)):
                yield Batch(_named(rows, head, row), row, None)
                row += rows.num_rows
        except _RowTooLongError as error:
            if size >= LINE:
                raise DataError(
                    f"after row {row}",
                    f"expected rows of at most {LINE} bytes, found a longer one. Is a quoted value never closed?",
                ) from error
            next_size, bad_rows = 4 * size, _BadRows(options.ignore_errors_on_fields_mismatch)
        size = next_size
    bad_rows.tell()


class _RowTooLongError(Exception):
    """A row reaches over the end of the block that follows its first one."""


@dataclass(frozen=True, slots=True)
class _Head:
    """`raw_names` has names for the nameless columns at the end, too. `lines`: those before the first row of values.

    `is_all`: the file ends here.
    """

    names: list[str]
    raw_names: list[str]
    lines: int
    is_all: bool


@dataclass(slots=True)
class _BadRows:
    """Rows with too many or too few values: passed over and counted, or the first one ends the reading."""

    pass_over: bool
    count: int = 0
    first: DataError | None = None
    examples: list[str] = field(default_factory=list)

    def __call__(self, row: pacsv.InvalidRow) -> str:
        self.count += 1
        if self.first is None:
            line = f"line {row.number} (line breaks inside values not counted)" if row.number else "a row"
            self.first = DataError(
                line,
                f"expected {row.expected_columns} values, found {row.actual_columns}. Mend the file, or set "
                "`ignore_errors_on_fields_mismatch` to pass over such rows",
            )
        return "skip" if self.pass_over else "error"

    def tell(self) -> None:
        if self.count:
            logger.warning("Passed over %s rows with a wrong number of values, the first: %s", self.count, self.first)


def _batches(
    file: BinaryIO, options: CsvFormat, head: _Head, size: int, bad_rows: _BadRows
) -> Iterator[pa.RecordBatch]:
    parse = pacsv.ParseOptions(
        delimiter=options.delimiter,
        quote_char=options.quote_char or False,
        escape_char=options.escape_char or False,
        double_quote=options.double_quote,
        newlines_in_values=True,
        invalid_row_handler=bad_rows,
    )
    null_values = options.null_values if options.strings_can_be_null else []
    convert = pacsv.ConvertOptions(
        column_types={name: pa.large_string() for name in head.raw_names},
        null_values=null_values,
        strings_can_be_null=bool(null_values),
        quoted_strings_can_be_null=bool(null_values),
    )
    reading = pacsv.ReadOptions(
        use_threads=False,
        block_size=size,
        column_names=head.raw_names,
        skip_rows=head.lines,
        encoding=options.encoding or "utf8",
    )
    file.seek(0)
    try:
        with pacsv.open_csv(file, reading, parse, convert) as batches:
            yield from batches
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        if "straddl" in str(error) or "larger than block size" in str(error):
            raise _RowTooLongError from error
        raise bad_rows.first or DataError("the file", f"expected CSV in {options.encoding}, found: {error}") from error
    except UnicodeDecodeError as error:
        raise _not_encoded(options, error) from error


def _not_encoded(options: CsvFormat, error: UnicodeError) -> DataError:
    return DataError("the file", f"expected text in the encoding {options.encoding}, found other bytes: {error}")


def _from_row(first: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Without the first rows."""
    for rows in batches:
        if first < rows.num_rows:
            yield rows.slice(first)
        first = max(0, first - rows.num_rows)


def _head(file: BinaryIO, options: CsvFormat) -> _Head:
    definition = options.header_definition
    before = options.skip_rows_before_header
    if isinstance(definition, FromCsv):
        names, lines, is_all = _first_row(file, options, before, options.skip_rows_after_header)
        count = _named_columns(names, f"line {before + 1}")
        raw_names = [*names[:count], *(f"\0{index}" for index in range(count, len(names)))]
        return _Head(names[:count], raw_names, lines, is_all)
    lines = before + options.skip_rows_after_header
    first, _, _ = _first_row(file, options, lines, 0)
    if isinstance(definition, UserProvided):
        names = definition.column_names
    else:
        names = [f"f{index}" for index in range(len(first))]
    return _Head(names, names, lines, not first)


def _named_columns(names: list[str], where: str) -> int:
    """How many columns there are, without the nameless ones at the end."""
    count = len(names)
    while count and not names[count - 1].strip():
        count -= 1
    if (names and not count) or not all(name.strip() for name in names[:count]):
        raise DataError(where, f"expected a name for each column in the header, found {names}")
    if len(set(names[:count])) < count:
        raise DataError(where, f"expected a header without equal names, found {names}")
    return count


def _first_row(file: BinaryIO, options: CsvFormat, skip: int, skip_after: int) -> tuple[list[str], int, bool]:
    """The first row after `skip` lines, the number of lines to its end and `skip_after` more, and whether that is all.

    Empty lines before it count as its lines. The row is empty where there is none.
    """
    file.seek(0)
    encoding = "utf-8-sig" if options.encoding in {"utf-8", "utf8"} else options.encoding
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    csv.field_size_limit(LINE)
    reader = csv.reader(
        text,
        delimiter=options.delimiter,
        quotechar=options.quote_char or None,
        quoting=csv.QUOTE_MINIMAL if options.quote_char else csv.QUOTE_NONE,
        escapechar=options.escape_char or None,
        doublequote=options.double_quote,
    )
    try:
        for _ in range(skip):
            text.readline()
        row = next((row for row in reader if row), [])
        for _ in range(skip_after):
            text.readline()
        return row, skip + reader.line_num + skip_after, not text.read(1)
    except UnicodeError as error:
        raise _not_encoded(options, error) from error
    except csv.Error as error:
        raise DataError(f"line {skip + 1}", f"expected a row of CSV, found: {error}") from error
    finally:
        text.detach()


def _named(rows: pa.RecordBatch, head: _Head, first_row: int) -> pa.RecordBatch:
    """Without the nameless columns, which must be empty."""
    if len(head.names) == len(head.raw_names):
        return rows
    for column in rows.columns[len(head.names) :]:
        for number, value in enumerate(column.to_pylist(), start=first_row + 1):
            if value and value.strip():
                raise DataError(f"row {number}", "expected nothing in a column whose header is empty, found a value")
    return rows.select(head.names)
