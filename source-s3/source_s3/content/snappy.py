"""The three forms of snappy files: framed, Hadoop's blocks, and one raw block; told by their first bytes."""

import io
from collections.abc import Iterator

import cramjam

from vector_ingest.errors import DataError

IDENTIFIER = b"\xff\x06\x00\x00sNaPpY"
COMPRESSED, PLAIN = 0, 1  # types of chunks; those from 2 to 127 must be known, others may be passed over
GROUP = 4  # chunks of up to 64 KiB decoded at once
BLOCK = 64 * 1024 * 1024  # bytes of a block, decoded or not: it is decoded whole
REMEDY = "The object is damaged, was cut, or is no snappy: upload it again"


def decode(source: io.BufferedReader) -> Iterator[bytes]:
    start = source.read(14)
    source.seek(0)
    if start.startswith(IDENTIFIER[: len(start)]):
        return _framed(source)
    return _hadoop(source) if _is_hadoop(start) else _raw(source)


def _framed(source: io.BufferedReader) -> Iterator[bytes]:
    group: list[bytes] = []
    while head := source.read(4):
        kind, size = head[0], int.from_bytes(head[1:], "little")
        chunk = _exactly(source, size, head)
        if kind in {COMPRESSED, PLAIN}:
            group.append(head + chunk)
        elif kind < 0x80 or (kind == IDENTIFIER[0] and head + chunk != IDENTIFIER):
            raise DataError("the file", f"expected a chunk of framed snappy, found one of type {kind}. {REMEDY}")
        if len(group) == GROUP:
            yield _decoded(group)
            group = []
    if group:
        yield _decoded(group)


def _decoded(group: list[bytes]) -> bytes:
    """The checksums of the chunks are compared, too."""
    try:
        return bytes(cramjam.snappy.decompress(IDENTIFIER + b"".join(group)))
    except cramjam.DecompressionError as error:
        raise _damaged(error) from error


def _is_hadoop(start: bytes) -> bool:
    """Two lengths, and then a block that says how long it is decoded: not more than the first."""
    if len(start) < 9:
        return False
    total, size = int.from_bytes(start[:4], "big"), int.from_bytes(start[4:8], "big")
    decoded = sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(_varint(start[8:])))
    return 0 < total <= BLOCK and 0 < size <= BLOCK and 0 < decoded <= total


def _varint(data: bytes) -> bytes:
    return data[: next((place + 1 for place, byte in enumerate(data) if byte < 0x80), len(data))]


def _hadoop(source: io.BufferedReader) -> Iterator[bytes]:
    while head := source.read(4):
        left = int.from_bytes(_whole(head, 4), "big")
        while left > 0:
            size = int.from_bytes(_exactly(source, 4, b"1234"), "big")
            piece = _block(_exactly(source, size, b"1234"))
            left -= len(piece)
            yield piece
        if left:
            raise DataError("the file", f"a block of Hadoop's snappy is longer than it says. {REMEDY}")


def _raw(source: io.BufferedReader) -> Iterator[bytes]:
    block = source.read(BLOCK + 1)
    if len(block) > BLOCK:
        raise DataError("the file", f"expected framed snappy, or at most {BLOCK} bytes of raw snappy, found more")
    yield _block(block)


def _block(block: bytes) -> bytes:
    try:
        if (size := cramjam.snappy.decompress_raw_len(block)) > BLOCK:
            raise DataError("the file", f"expected blocks of at most {BLOCK} bytes, found one of {size}. {REMEDY}")
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> DataError:
    return DataError("the file", f"its compressed content can't be decoded: {error}. {REMEDY}")


def _exactly(source: io.BufferedReader, size: int, head: bytes) -> bytes:
    _whole(head, 4)
    if size > BLOCK:
        raise DataError("the file", f"expected chunks of at most {BLOCK} bytes, found one of {size}. {REMEDY}")
    return _whole(source.read(size), size)


def _whole(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise DataError("the file", f"its compressed content ends too early. {REMEDY}")
    return data
