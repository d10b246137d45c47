"""CSV by Arrow's parser, block by block: every column is text, as with Airbyte's source-s3 by default."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO

from source_s3.read import BadRow, Batch, Reading
from source_s3.read.csv_block import Parsed, layout_of, parse, parse_with_care
from source_s3.read.csv_detect import detected
from source_s3.read.csv_head import read_head
from source_s3.read.csv_infer import SAMPLE, infer
from source_s3.read.csv_rows import BLOCK, Dialect, whole_rows
from source_s3.read.csv_text import chunks
from source_s3.read.options import CsvFormat
from source_s3.schema import STRING, Properties

logger = logging.getLogger("airbyte")


def schema(file: BinaryIO, options: CsvFormat) -> Properties:
    """Types other than text only with `inference_type`, from the first rows."""
    options = detected(file, options)
    head = read_head(file, options, dialect_of(options))
    if options.inference_type == "None":
        return dict.fromkeys(head.names, STRING)
    every = options.model_copy(update={"null_values": []})
    batches = (batch.rows for batch in _batches(file, every, Reading(), SAMPLE))
    return infer(head.names, batches, options)


def read(file: BinaryIO, options: CsvFormat, reading: Reading) -> Iterator[Batch]:
    """`reading.resume` is {"byte", "row", "line"}: where the next row begins in the text as UTF-8, and its numbers."""
    return _batches(file, detected(file, options), reading, BLOCK)


def _batches(file: BinaryIO, options: CsvFormat, reading: Reading, size: int) -> Iterator[Batch]:
    dialect, encoding = dialect_of(options), options.encoding or "utf-8"
    head = read_head(file, options, dialect)
    if not head.names:
        return
    layout = layout_of(head, options, dialect)
    start = reading.resume or {"byte": head.byte, "row": 0, "line": head.lines}
    row, passed_over = start["row"], _PassedOver()
    text = chunks(file, encoding, start["byte"], size)
    for rows in whole_rows(text, dialect, start["byte"], start["line"], partial(parse, layout=layout)):
        parsed = parse_with_care(rows, layout)
        if options.ignore_errors_on_fields_mismatch:
            passed_over.add(parsed.miscounted)
        refused = [*rows.refused, *_in_order(parsed, options)]
        end = {"byte": rows.byte + len(rows.text), "row": row + parsed.rows.num_rows, "line": rows.end_line}
        if parsed.rows.num_rows or refused:
            yield Batch(parsed.rows, row, end, refused)
        row = end["row"]
    passed_over.tell()


def dialect_of(options: CsvFormat) -> Dialect:
    """An escape character that is the quote character says what `double_quote` does."""
    quote, escape = options.quote_char, options.escape_char or ""
    doubled = bool(quote) and quote == escape
    return Dialect(options.delimiter, quote, "" if doubled else escape, options.double_quote or doubled)


class _PassedOver:
    """Rows with a wrong number of values that the options say to pass over."""

    def __init__(self) -> None:
        self.count = 0
        self.first: BadRow | None = None

    def add(self, rows: Sequence[tuple[int, BadRow]]) -> None:
        self.count += len(rows)
        if rows and self.first is None:
            self.first = rows[0][1]

    def tell(self) -> None:
        if self.first is not None:
            logger.warning(
                "Passed over %s rows with a wrong number of values, the first: %s: %s",
                self.count,
                self.first.where,
                self.first.reason,
            )


def _in_order(parsed: Parsed, options: CsvFormat) -> Iterator[BadRow]:
    miscounted = () if options.ignore_errors_on_fields_mismatch else parsed.miscounted
    for _, bad in sorted([*parsed.refused, *miscounted], key=lambda found: found[0]):
        yield bad
