"""The head of a CSV file: the names of its columns, and where its rows begin.

The header is read by Python's csv module, which takes the same dialect, and checked as Airbyte's source-s3 does.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from source_s3.read.csv_rows import LINE, Dialect
from source_s3.read.csv_text import BOM, chunks
from source_s3.read.options import CsvFormat, FromCsv, UserProvided
from vector_ingest.errors import DataError

FIRST = 4096  # bytes: in them is the byte order mark, if there is one


@dataclass(frozen=True, slots=True)
class Head:
    """`names` of the columns; after them come `nameless` ones. The rows begin at `byte` of the text, after `lines`."""

    names: list[str]
    nameless: int
    byte: int
    lines: int


def read_head(file: BinaryIO, options: CsvFormat, dialect: Dialect) -> Head:
    """DataError: there is no header that names the columns."""
    definition, encoding = options.header_definition, options.encoding or "utf-8"
    start = len(BOM) if next(chunks(file, encoding, size=FIRST), b"").startswith(BOM) else 0
    lines = _Lines(chunks(file, encoding, start), start)
    lines.skip(options.skip_rows_before_header)
    if isinstance(definition, FromCsv):
        names = [name.strip() for name in _row(lines, options, dialect)]
        count = _count_named(names, f"line {options.skip_rows_before_header + 1}")
        lines.skip(options.skip_rows_after_header)
        return Head(names[:count], len(names) - count, lines.byte, lines.number)
    lines.skip(options.skip_rows_after_header)
    byte, number = lines.byte, lines.number
    if isinstance(definition, UserProvided):
        names = definition.column_names
    else:
        names = [f"f{index}" for index, _ in enumerate(_row(lines, options, dialect))]
    return Head(names, 0, byte, number)


class _Lines:
    """Line by line, with the place after the last one. DataError: a head that is too long to be one."""

    def __init__(self, text: Iterator[bytes], start: int) -> None:
        self._lines = _lines(text)
        self.byte, self.number = start, 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.byte += len(line)
            self.number += 1
            if self.byte > LINE:
                raise DataError("the file", f"expected a header within {LINE} bytes. Is a quoted value never closed?")
            yield line.decode("utf-8", "surrogateescape")

    def skip(self, count: int) -> None:
        for _ in islice(self, count):
            pass


def _lines(text: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in text:
        lines = (rest + chunk).splitlines(keepends=True)
        rest = lines.pop() if lines else b""  # it may go on in the next chunk
        yield from lines
        if len(rest) > LINE:
            break
    if rest:
        yield rest


def _row(lines: _Lines, options: CsvFormat, dialect: Dialect) -> list[str]:
    """The next row that is not blank; empty where there is none."""
    first = lines.number + 1
    csv.field_size_limit(LINE)
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        doublequote=dialect.double_quote,
    )
    try:
        row = next((row for row in reader if row), [])
        "".join(row).encode()
    except UnicodeError as error:
        raise DataError(
            f"line {first}", f"expected text in the encoding {options.encoding}, found other bytes"
        ) from error
    except csv.Error as error:
        raise DataError(f"line {first}", f"expected a row of CSV, found: {error}") from error
    return row


def _count_named(names: list[str], where: str) -> int:
    """How many columns there are, without the nameless ones at the end."""
    count = len(names)
    while count and not names[count - 1]:
        count -= 1
    if (names and not count) or not all(names[:count]):
        raise DataError(where, f"expected a name for each column in the header, found {names}")
    if len(set(names[:count])) < count:
        raise DataError(
            where,
            f"expected a header without equal names, found {names}. Mend the file, or name the columns yourself: "
            "`header_definition` User Provided, and `skip_rows_before_header` one more",
        )
    return count
