"""Lines to JSON objects that stay the texts they are, so that no number loses a digit and no column needs one type.

What counts as JSON is what orjson takes. Most blocks are checked by msgspec, which leaves the values text; the few
things that it takes and orjson does not are looked for first, and the lines that may have them given to orjson.
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from source_s3.read import BadRow, Batch
from source_s3.read.json_split import depth_of
from source_s3.render.marks import RAW_OBJECT
from source_s3.schema import Properties, properties_of_rows
from vector_ingest.errors import DataError

RAW = pa.field("json", pa.large_string(), nullable=False, metadata=RAW_OBJECT)
SAMPLE = 1024 * 1024  # bytes that the schema is taken from, as Airbyte's source-s3 does of lines
SPACE = b" \t\r\n"  # what JSON takes for blank
DEPTH = 900  # levels: the record's line adds two, and readers take 1,000 (Jackson, Python's json) or 1,024 (orjson)
CHECKER = msgspec.json.Decoder(msgspec.Raw)  # values stay text
STRIDE = 16  # bytes: 12 digits in a row at this distance belong to a number that may be too large for a float

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


def batch_of(objects: pa.Array | Sequence[bytes]) -> pa.RecordBatch:
    texts = objects if isinstance(objects, pa.Array) else pa.array(objects, pa.large_binary()).cast(RAW.type)
    return pa.RecordBatch.from_arrays([texts], schema=pa.schema([RAW]))


def schema_of(batches: Iterable[Batch], file: BinaryIO) -> Properties:
    """From the objects at the head of the file. DataError: there is something, and no object."""
    texts: list[str] = []
    refused: list[BadRow] = []
    for batch in batches:
        texts += batch.rows.column(0).to_pylist()
        refused += batch.refused
        if file.tell() >= SAMPLE and texts:
            break
    if refused and not texts:
        raise DataError(refused[0].where, refused[0].reason)
    return properties_of_rows(orjson.loads(text) for text in texts)


def problem_of(text: bytes) -> orjson.JSONDecodeError | str | None:
    """Why `text` is not one JSON object; None if it is."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return error
    if not isinstance(value, dict):
        return f"a value of type {type(value).__name__}"
    is_deep = len(text) > 2 * DEPTH and _may_be_deep(text) and depth_of(text) > DEPTH
    return f"more than {DEPTH} levels in each other" if is_deep else None


def reason_of(problem: orjson.JSONDecodeError | str) -> str:
    if isinstance(problem, str):
        return f"expected one JSON object, found {problem}"
    return f"expected one JSON object, found text that is none: {problem}"


def objects_of(lines: bytes) -> pa.Array | None:
    """The objects with their line ends, one in each line without anything else; None if it is not so, or in doubt.

    In valid JSON an object's line that ends with } and is followed by { ends the object: with as many objects as lines,
    each line is one.
    """
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == 0x0A)
    if not len(ends) or ends[-1] != len(data) - 1:
        return None
    begins = np.concatenate([[0], ends[:-1] + 1])
    ends = ends - (data[ends - 1] == 0x0D)
    if not ((data[begins] == ord("{")).all() and (data[ends - 1] == ord("}")).all() and (ends > begins + 1).all()):
        return None
    doubtful = np.unique(np.searchsorted(ends, _doubts(lines, data)))
    if any(problem_of(lines[begins[index] : ends[index]]) is not None for index in doubtful.tolist()):
        return None
    if any(_may_be_deep(lines[begins[index] : ends[index]]) for index in np.flatnonzero(ends - begins > 2 * DEPTH)):
        return None
    return _checked(lines, begins)


def _checked(lines: bytes, begins: Positions) -> pa.Array | None:
    try:
        return _texts(lines, begins) if len(CHECKER.decode_lines(lines)) == len(begins) else None
    except (msgspec.DecodeError, RecursionError, pa.ArrowInvalid):
        return None


def _texts(lines: bytes, begins: Positions) -> pa.Array:
    """The lines with their ends, without a copy. ArrowInvalid: one is not UTF-8."""
    offsets = np.append(begins, len(lines)).astype(np.int64)
    texts = pa.Array.from_buffers(RAW.type, len(begins), [None, pa.py_buffer(offsets), pa.py_buffer(lines)])
    texts.validate(full=True)
    return texts


def _doubts(lines: bytes, data: Bytes) -> Positions:
    """Where there may be a number that is infinite as a float."""
    found = [_long_digits(data)]
    powers = _powers(lines)
    if powers:
        at = np.concatenate(powers) + 2
        at += np.isin(data[at], (ord("+"), ord("-")))
        at = at[at + 2 < len(data)]
        found.append(at[((data[at[:, None] + np.arange(3)] - np.uint8(0x30)) < 10).all(axis=1)])
    return np.concatenate(found)


def _powers(lines: bytes) -> list[Positions]:
    """Where a digit (or one of : to ?) stands before e or E, compared as numbers of 16 bits: a third of the time of a
    search byte by byte.
    """
    found = []
    for start in (0, 1):
        pairs = np.frombuffer(lines, "<u2", (len(lines) - start) // 2, start)
        hits = (pairs & np.uint16(0xDFF0)) == int.from_bytes(b"0E", "little")
        if hits.any():  # ten times as fast as to ask where
            found.append(np.flatnonzero(hits) * 2 + start)
    return found


def _long_digits(data: Bytes) -> Positions:
    """Where about 200 digits follow each other, looking at some of them only."""
    digits = (data[::STRIDE] - np.uint8(0x30)) < 10
    for shift in (1, 2, 4, 4):  # 2, 4, 8, then 12 of them in a row
        digits = digits[: max(0, len(digits) - shift)] & digits[shift:]
    return np.flatnonzero(digits) * STRIDE


def _may_be_deep(line: bytes) -> bool:
    return line.count(b"{") + line.count(b"[") > DEPTH
