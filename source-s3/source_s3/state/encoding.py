"""Bytes of the ledger: rows sorted by key, front-coded and compressed in blocks.

A segment's bytes are its blocks, each as varint length + zlib. An unpacked block holds columns, because like beside
like compresses best: varint n; n shared prefix lengths; n suffix lengths; the suffixes (UTF-8); n fingerprints of
5 bytes; and n row counts, if any is not 0. Varints are little-endian base 128, as in Protocol Buffers.
"""

import base64
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from source_s3.varint import decoded, encoded

BLOCK = 4096
FINGERPRINT_BYTES = 5
TOMBSTONE = (1 << 8 * FINGERPRINT_BYTES) - 1
"""In place of a fingerprint: the key is removed, whatever older segments say."""

Kind = Literal["exact", "mtime"]
"""What the fingerprints of a segment are made of."""


class Row(NamedTuple):
    key: str
    fingerprint: int
    rows: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Immutable rows in the order of their keys. Code points sort as their UTF-8 bytes do, so `str` order is S3's."""

    kind: Kind
    entries: int
    blocks: tuple[bytes, ...]
    firsts: tuple[str, ...]  # the first key of each block

    def __iter__(self) -> Iterator[Row]:
        for block in self.blocks:
            yield from decode_block(block)

    def find(self, key: str) -> Row | None:
        at = bisect_right(self.firsts, key) - 1
        return _block_by_key(self.blocks[at]).get(key) if at >= 0 else None


def encode(kind: Kind, rows: Iterable[Row]) -> Segment:
    """`rows` in the order of their keys, each key once. One block at a time is held unpacked."""
    source = iter(rows)
    entries, blocks, firsts = 0, [], []
    while chunk := list(islice(source, BLOCK)):
        entries += len(chunk)
        blocks.append(encode_block(chunk))
        firsts.append(chunk[0].key)
    return Segment(kind, entries, tuple(blocks), tuple(firsts))


def to_text(segment: Segment) -> str:
    data = b"".join(encoded(len(block)) + block for block in segment.blocks)
    return base64.b64encode(data).decode("ascii")


def from_text(kind: Kind, entries: int, text: str) -> Segment:
    """Reads every block once, so that damage shows here and not in the middle of a sync. Raises ValueError on any."""
    try:
        blocks = tuple(_split(base64.b64decode(text, validate=True)))
        firsts, found, last = [], 0, None
        for block in blocks:
            rows = decode_block(block)
            if last is not None and rows[0].key <= last:
                raise ValueError("blocks are not in the order of their keys")
            firsts.append(rows[0].key)
            found, last = found + len(rows), rows[-1].key
    except (IndexError, zlib.error) as error:
        raise ValueError(f"damaged block: {error}") from error
    if found != entries:
        raise ValueError(f"{entries} entries expected, {found} found")
    return Segment(kind, entries, blocks, tuple(firsts))


def encode_block(rows: list[Row]) -> bytes:
    prefixes, suffixes, previous, shared = [], [], b"", 0
    for row in rows:
        key = row.key.encode()
        shared = _shared_prefix(previous, key, shared)
        prefixes.append(shared)
        suffixes.append(key[shared:])
        previous = key
    columns = [
        encoded(len(rows)),
        _varints(prefixes),
        _varints([len(suffix) for suffix in suffixes]),
        b"".join(suffixes),
        b"".join(row.fingerprint.to_bytes(FINGERPRINT_BYTES, "big") for row in rows),
        _varints([row.rows for row in rows]) if any(row.rows for row in rows) else b"",
    ]
    return zlib.compress(b"".join(columns), 6)


def decode_block(block: bytes) -> list[Row]:
    """Raises ValueError, IndexError or zlib.error if the block is damaged."""
    data = zlib.decompress(block)
    (count,), at = _read_varints(data, 0, 1)
    prefixes, at = _read_varints(data, at, count)
    lengths, at = _read_varints(data, at, count)
    fingerprints_at = at + sum(lengths)
    keys = _keys(data[at:fingerprints_at], prefixes, lengths)
    at = fingerprints_at + FINGERPRINT_BYTES * count
    fingerprints = [
        int.from_bytes(data[start : start + FINGERPRINT_BYTES], "big")
        for start in range(fingerprints_at, at, FINGERPRINT_BYTES)
    ]
    counts = [0] * count
    if at < len(data):
        counts, at = _read_varints(data, at, count)
    if not count or at != len(data):
        raise ValueError("a block's length does not fit its entries")
    return list(map(Row, keys, fingerprints, counts))


def _keys(suffixes: bytes, prefixes: list[int], lengths: list[int]) -> list[str]:
    keys: list[str] = []
    previous, at = b"", 0
    for shared, length in zip(prefixes, lengths, strict=True):
        key = previous[:shared] + suffixes[at : at + length]
        if len(key) != shared + length or (keys and key <= previous):
            raise ValueError("keys are not in order")
        keys.append(key.decode())
        previous = key
        at += length
    return keys


@lru_cache(maxsize=64)  # 64 * 4,096 rows, about 60 MB: a ledger of 260,000 objects is looked up without unpacking twice
def _block_by_key(block: bytes) -> dict[str, Row]:
    return {row.key: row for row in decode_block(block)}


def _shared_prefix(left: bytes, right: bytes, guess: int) -> int:
    """How many bytes both begin with. Neighbours in a listing mostly share as much as the pair before: `guess`."""
    limit = min(len(left), len(right))
    shared = guess if guess <= limit and left[:guess] == right[:guess] else 0
    while shared < limit and left[shared] == right[shared]:
        shared += 1
    return shared


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,), at = _read_varints(data, at, 1)
        yield data[at : at + length]  # a short one fails zlib's checksum
        at += length


def _varints(values: list[int]) -> bytes:
    if max(values) < 0x80:
        return bytes(values)
    return b"".join(map(encoded, values))


def _read_varints(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """`count` numbers from `at` on, and where they end. Raises IndexError past the end."""
    column = data[at : at + count]
    if len(column) == count and column.isascii():  # all below 128: one byte each
        return list(column), at + count
    values = []
    for _ in range(count):
        value, at = decoded(data, at)
        values.append(value)
    return values, at
