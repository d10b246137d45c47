"""JSON lines: each line stays the text it is, so that no number loses a digit and no column must have one type.

A batch has one column, RAW, of JSON objects. Each line is parsed once, to be sure that it is one.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from source_s3.read import Batch, Reading
from source_s3.read.options import JsonlFormat
from source_s3.schema import Properties, properties_of_rows
from vector_ingest.errors import DataError

BLOCK = 4 * 1024 * 1024  # bytes read at once
LINE = 64 * 1024 * 1024  # bytes: a longer line is no record that any destination takes
BOM = b"\xef\xbb\xbf"
SAMPLE = 1024 * 1024  # bytes of lines that the schema is taken from, as Airbyte's source-s3 does
RAW = pa.field("json", pa.large_string(), nullable=False, metadata={"raw": "object"})


def schema(file: BinaryIO, options: JsonlFormat) -> Properties:  # noqa: ARG001  every reader has the same signature
    rows: list[dict[str, Any]] = []
    size = 0
    for number, raw_line in enumerate(file, start=1):
        line = raw_line.removeprefix(BOM) if number == 1 else raw_line
        if line.strip():
            rows.append(_parsed(line, number))
        size += len(line)
        if size > SAMPLE:
            break
    return properties_of_rows(rows)


def read(file: BinaryIO, options: JsonlFormat, reading: Reading) -> Iterator[Batch]:  # noqa: ARG001
    """`reading.resume` is {"byte", "row", "line"}: where the next line begins, and what it is the number of."""
    byte, row, line = (resume["byte"], resume["row"], resume["line"]) if (resume := reading.resume) else (0, 0, 0)
    file.seek(byte)
    for block in _blocks(file):
        lines = (block.removeprefix(BOM) if byte == 0 else block).split(b"\n")
        objects = [_checked(text, line + number) for number, text in enumerate(lines, start=1) if text.strip()]
        byte += len(block)
        line += len(lines) - 1
        if objects:
            rows = pa.RecordBatch.from_arrays(
                [pa.array(objects, pa.large_binary()).cast(RAW.type)], schema=pa.schema([RAW])
            )
            yield Batch(rows, row, {"byte": byte, "row": row + len(objects), "line": line})
            row += len(objects)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks that end with a whole line. A line may be longer than a block."""
    rest: list[bytes] = []
    size = 0
    while block := file.read(BLOCK):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest = [block[end:]]
            size = len(block) - end
        else:
            rest.append(block)
            size += len(block)
        if size > LINE:
            raise DataError("the file", f"expected lines of at most {LINE} bytes, found a longer one")
    if any(rest):
        yield b"".join(rest)


def _checked(line: bytes, number: int) -> bytes:
    _parsed(line, number)
    return line.strip()


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DataError(f"line {number}", f"expected one JSON object, found text that is none: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"line {number}", f"expected one JSON object, found a value of type {type(value).__name__}")
    return value
