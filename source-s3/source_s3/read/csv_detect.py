"""The dialect of a CSV file from its head, by DuckDB's sniffer: delimiter, quote and escape character."""

import logging
from itertools import islice
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from source_s3.read.csv_text import BOM, chunks
from source_s3.read.options import CsvFormat

SAMPLE = 256 * 1024  # bytes
NONE = "(empty)"
# Names before the rows, and rows of another length, must not move it to another delimiter.
SNIFF = "SELECT delimiter, quote, escape FROM sniff_csv(?, skip=0, header=true, ignore_errors=true)"
logger = logging.getLogger("airbyte")


def detected(file: BinaryIO, options: CsvFormat) -> CsvFormat:
    """The options as they are, or with `detect_dialect` those of this file. What shows nowhere stays as it is set."""
    if not options.detect_dialect:
        return options
    found = _sniffed(_sample(file, options)) or {}
    options = options.model_copy(update={**found, "detect_dialect": False})
    logger.info(
        "%s: %s delimiter %r, quote character %r, escape character %r",
        getattr(file, "name", "A file"),
        "found the" if found else "could not tell the dialect, so it is read with",
        options.delimiter,
        options.quote_char,
        options.escape_char or "",
    )
    return options


def _sample(file: BinaryIO, options: CsvFormat) -> bytes:
    """Whole rows, without the lines before the header: the sniffer gives up where a quoted value is cut off."""
    text = b"".join(islice(chunks(file, options.encoding or "utf-8", size=SAMPLE), 1)).removeprefix(BOM)
    lines = text.splitlines(keepends=True)
    if len(text) >= SAMPLE:
        lines.pop()
    lines = lines[options.skip_rows_before_header :]
    marks = sum(line.count(b'"') for line in lines)
    while lines and marks % 2:
        marks -= lines.pop().count(b'"')
    return b"".join(lines).replace(b"\0", b"")


def _sniffed(sample: bytes) -> dict[str, str | None] | None:
    import duckdb

    with NamedTemporaryFile(suffix=".csv") as file, duckdb.connect() as connection:
        file.write(sample)
        file.flush()
        try:
            row = connection.execute(SNIFF, [file.name]).fetchone()
        except duckdb.Error:  # no dialect fits, or the sample is no text
            return None
    if row is None:
        return None
    delimiter, quote, escape = row
    found: dict[str, str | None] = {"delimiter": delimiter}
    if quote != NONE:
        found["quote_char"] = quote
        if escape != NONE:
            found["escape_char"] = escape if escape != quote else None
    return found
