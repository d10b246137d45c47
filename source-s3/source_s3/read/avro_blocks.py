"""Avro's container: a header with the schema, then blocks of rows, each compressed for itself and closed by a marker.

A block that is damaged is handed over as a bad row, and the reading goes on behind the next marker.
"""

import bz2
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, BinaryIO

import cramjam
import fastavro

from source_s3.read import BadRow
from source_s3.varint import encoded
from vector_ingest.errors import DataError

MARKER = 16  # bytes
LARGEST = 256 * 1024 * 1024  # bytes: a block said to be larger is taken for damage; writers make 16 kB to 64 MB
SCAN = 1024 * 1024  # bytes read at once in search of a marker


@dataclass(frozen=True, slots=True)
class Header:
    """`end`: the byte where the first block begins."""

    schema: Any
    codec: str
    marker: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """`data`: its rows, decompressed. `begin` and `end`: its bytes in the file."""

    begin: int
    end: int
    rows: int
    data: bytes


class _DamageError(Exception):
    """Why a block can't be read."""


def read_header(file: BinaryIO) -> Header:
    """DataError: not Avro, or a codec that is not known here."""
    file.seek(0)
    try:
        found = fastavro.reader(file)
        schema = json.loads(found.metadata["avro.schema"])
    except (ValueError, TypeError, KeyError, EOFError, IndexError, fastavro.schema.SchemaParseException) as error:
        raise DataError("the file's header", f"expected Avro with a schema, found: {error}") from error
    except RecursionError as error:
        raise too_deep() from error
    codec, end = str(found.metadata.get("avro.codec", "null")), file.tell()
    if codec not in CODECS:
        known = ", ".join(CODECS)
        raise DataError("the file's header", f"expected one of the codecs {known}, found `{codec}`: write with another")
    file.seek(end - MARKER)
    return Header(schema, codec, file.read(MARKER), end)


def too_deep() -> DataError:
    return DataError("the file's header", "expected a schema of some hundred levels in each other at most, found more")


def read_blocks(file: BinaryIO, header: Header, begin: int) -> Iterator[Block | BadRow]:
    """From the block at this byte to the end of the file."""
    position = begin
    file.seek(position)
    while file.read(1):
        file.seek(position)
        try:
            rows, body = _body(file, header)
            end = file.tell()
            yield Block(position, end, rows, _decompressed(body, header.codec))
        except _DamageError as damage:
            end = _next_block(file, header, position)
            file.seek(position)
            yield BadRow(f"the block at byte {position}", str(damage), file.read(min(end - position, SCAN)))
            file.seek(end)
        position = end


def _body(file: BinaryIO, header: Header) -> tuple[int, bytes]:
    rows, size = _number(file), _number(file)
    if rows < 0 or not 0 <= size <= LARGEST:
        raise _DamageError(f"expected a block's number of rows and of bytes, found {rows} and {size}")
    body, marker = _exactly(file, size), _exactly(file, MARKER)
    if marker != header.marker:
        raise _DamageError("expected the file's marker at the end of the block, found other bytes")
    return rows, body


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _DamageError("expected a whole block, found the end of the file")
    return data


def _number(file: BinaryIO) -> int:
    """Avro's long: seven bits a byte, the lowest first, the sign in the last bit."""
    value = 0
    for shift in range(0, 70, 7):
        byte = _exactly(file, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1)
    raise _DamageError("expected a number of at most ten bytes, found a longer one")


def _next_block(file: BinaryIO, header: Header, after: int) -> int:
    """Where the next marker ends; the end of the file if there is none."""
    file.seek(after)
    position, tail = after, b""
    while data := file.read(SCAN):
        window = tail + data
        found = window.find(header.marker)
        if found >= 0:
            return position - len(tail) + found + MARKER
        position += len(data)
        tail = window[1 - MARKER :]
    return position


def _decompressed(body: bytes, codec: str) -> bytes:
    try:
        return CODECS[codec](body)
    except (zlib.error, lzma.LZMAError, cramjam.DecompressionError, OSError, EOFError, ValueError) as error:
        raise _DamageError(f"expected data of the codec {codec}, found other bytes: {error}") from error


def _snappy(body: bytes) -> bytes:
    data = bytes(cramjam.snappy.decompress_raw(body[:-4]))
    if zlib.crc32(data) != int.from_bytes(body[-4:], "big"):
        raise ValueError("the checksum differs")
    return data


CODECS: Mapping[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": lambda body: zlib.decompress(body, -15),
    "snappy": _snappy,
    "zstandard": lambda body: bytes(cramjam.zstd.decompress(body)),
    "bzip2": bz2.decompress,
    "xz": lzma.decompress,
}


class Container:
    """Blocks' rows as Python values, read with one schema."""

    def __init__(self, schema: Any) -> None:
        header = io.BytesIO()
        fastavro.writer(header, schema, [])
        self._head = header.getvalue()

    def rows(self, data: bytes, count: int) -> Iterator[dict[str, Any]]:
        """As fastavro gives them; a value of a union with several named types is a pair of name and value.

        One row more is asked for than there are, which nobody sees: where it comes, the count is wrong, and it would
        be lost. ValueError: it came. Rows without a byte can't be told from none.
        """
        asked = count + 1 if data else count
        # Avro's numbers have their sign in the last bit.
        parts = (self._head, encoded(asked << 1), encoded(len(data) << 1), data, self._head[-MARKER:])
        found: Iterator[dict[str, Any]] = fastavro.reader(  # type: ignore[assignment]
            io.BytesIO(b"".join(parts)), return_named_type=True, return_named_type_override=True
        )
        return chain(islice(found, count), _none(found, count))


def _none(rows: Iterator[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    """ValueError: there is one."""
    with suppress(EOFError):
        if next(rows, None) is not None:
            raise ValueError(f"the block says that it has {count}, and has more")
    yield from ()
