"""A block of whole CSV rows to an Arrow batch. If Arrow stumbles over one of them, the block is read with care."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from source_s3.read import BadRow
from source_s3.read.csv_head import Head
from source_s3.read.csv_rows import Dialect, Rows, row_slices
from source_s3.read.options import CsvFormat
from vector_ingest.errors import DataError


@dataclass(frozen=True, slots=True)
class Layout:
    """What all blocks of a file have in common."""

    names: Sequence[str]
    nameless: Sequence[str]  # columns after them, which must be empty
    encoding: str
    dialect: Dialect
    convert: pacsv.ConvertOptions


@dataclass(frozen=True, slots=True)
class Parsed:
    """`miscounted` are the rows with too many or too few values, `refused` the other bad ones; by line, from 1."""

    rows: pa.RecordBatch
    refused: Sequence[tuple[int, BadRow]] = ()
    miscounted: Sequence[tuple[int, BadRow]] = ()


def layout_of(head: Head, options: CsvFormat, dialect: Dialect) -> Layout:
    nameless = [f"\0{index}" for index in range(head.nameless)]  # a name that no header has
    null_values = options.null_values if options.strings_can_be_null else []
    convert = pacsv.ConvertOptions(
        column_types={name: pa.large_string() for name in (*head.names, *nameless)},
        null_values=null_values,
        strings_can_be_null=bool(null_values),
        quoted_strings_can_be_null=bool(null_values),
    )
    return Layout(head.names, nameless, options.encoding or "utf-8", dialect, convert)


def parse(text: memoryview, layout: Layout) -> pa.RecordBatch | None:
    """The rows if all are good, and the last one whole; None if not, or in doubt.

    A quoted value that goes on behind the text is taken by Arrow as one that ends with the text's last line break.
    """
    try:
        batch = _arrow(text, layout, None)
    except pa.ArrowInvalid:
        return None
    if batch.num_rows and (batch.columns[-1][-1].as_py() or "").endswith(("\n", "\r")):
        return None
    return None if layout.nameless and _misplaced(batch, layout).true_count else batch.select(layout.names)


def parse_with_care(rows: Rows, layout: Layout) -> Parsed:
    """Without the rows that can't be read, which are handed over one by one."""
    batch = rows.batch if rows.batch is not None else parse(rows.text, layout)
    return Parsed(batch) if batch is not None else _one_by_one(rows, layout)


class _Counts:
    """Arrow's handler of rows with a wrong number of values: their index (blank lines do not count), and the number."""

    def __init__(self) -> None:
        self.found: dict[int, int] = {}

    def __call__(self, row: pacsv.InvalidRow) -> str:
        self.found[row.number - 1] = row.actual_columns
        return "skip"


def _arrow(text: bytes | memoryview, layout: Layout, counts: _Counts | None) -> pa.RecordBatch:
    names = [*layout.names, *layout.nameless]
    if not text:
        return pa.RecordBatch.from_pydict({name: pa.array([], pa.large_string()) for name in names})
    dialect = layout.dialect
    parsing = pacsv.ParseOptions(
        delimiter=dialect.delimiter,
        quote_char=dialect.quote or False,
        escape_char=dialect.escape or False,
        double_quote=dialect.double_quote,
        newlines_in_values=True,
        invalid_row_handler=counts,
    )
    reading = pacsv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names)
    # Not read_csv, which reads ahead in a thread: of a small file that takes three times as long.
    with pacsv.open_csv(pa.BufferReader(text), reading, parsing, layout.convert) as reader:
        return next(reader, None) or _arrow(b"", layout, None)


def _one_by_one(rows: Rows, layout: Layout) -> Parsed:
    text = bytes(rows.text)
    slices = row_slices(text, layout.dialect)
    encoded = [index for index, (begin, end) in enumerate(slices) if _is_text(text[begin:end])]
    reasons = dict.fromkeys(
        set(range(len(slices))).difference(encoded), f"expected text in the encoding {layout.encoding}, found others"
    )
    counts = _Counts()
    _arrow_or_error(b"".join(text[slice(*slices[index])] for index in encoded), layout, counts, rows.line)
    kept, least, most = [], len(layout.names), len(layout.names) + len(layout.nameless)
    miscounted: dict[int, str] = {}
    for position, index in enumerate(encoded):
        count = counts.found.get(position, most)
        if least <= count <= most:
            kept.append((index, _padded(text[slice(*slices[index])], most - count, layout)))
        else:
            miscounted[index] = f"expected {least} values, found {count}"
    batch = _arrow_or_error(b"".join(row for _, row in kept), layout, None, rows.line)
    misplaced = _misplaced(batch, layout)
    for position in pc.indices_nonzero(misplaced).to_pylist():
        reasons[kept[position][0]] = "expected nothing in a column whose header is empty, found a value"
    batch = batch.filter(pc.invert(misplaced)).select(layout.names)
    return Parsed(
        batch, list(_bad_rows(text, rows.line, slices, reasons)), list(_bad_rows(text, rows.line, slices, miscounted))
    )


def _arrow_or_error(text: bytes, layout: Layout, counts: _Counts | None, line: int) -> pa.RecordBatch:
    try:
        return _arrow(text, layout, counts)
    except pa.ArrowInvalid as error:
        raise DataError(f"the lines after line {line}", f"expected CSV, found what is none: {error}") from error


def _is_text(row: bytes) -> bool:
    try:
        row.decode()
    except UnicodeDecodeError:
        return False
    return True


def _padded(row: bytes, missing: int, layout: Layout) -> bytes:
    """A row may end before the nameless columns do."""
    if not missing:
        return row
    return row.removesuffix(b"\n").removesuffix(b"\r") + missing * layout.dialect.delimiter.encode() + b"\n"


def _misplaced(batch: pa.RecordBatch, layout: Layout) -> pa.BooleanArray:
    """Which rows have a value in a nameless column."""
    found = pa.repeat(pa.scalar(False), batch.num_rows)
    for column in batch.columns[len(layout.names) :]:
        found = pc.or_(found, pc.not_equal(pc.utf8_trim_whitespace(column), "").fill_null(False))
    return found


def _bad_rows(
    text: bytes, line: int, slices: Sequence[tuple[int, int]], reasons: dict[int, str]
) -> Iterator[tuple[int, BadRow]]:
    mark = b"\n" if b"\n" in text else b"\r"
    line, done = line + 1, 0
    for index in sorted(reasons):
        begin, end = slices[index]
        line, done = line + text.count(mark, done, begin), begin
        yield line, BadRow(f"line {line}", reasons[index], text[begin:end].removesuffix(b"\n").removesuffix(b"\r"))
