"""RTF as Outlook packs it: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxrtfcp."""

import struct
from collections.abc import Iterator

from source_s3.documents.limits import TooMuch

# What each packed text may refer to from its begin.
KNOWN = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
WINDOW = 4096  # bytes that can be referred to
HEAD = struct.Struct("<IIII")  # sizes packed and unpacked, the kind, a checksum
UNPACKED = 0x414C454D


def decompressed(packed: bytes, most: int) -> bytes:
    """ValueError: it has no head. TooMuch: more than `most` bytes."""
    if len(packed) < HEAD.size:
        raise ValueError("its text is cut")
    _, size, kind, _ = HEAD.unpack_from(packed)
    if kind == UNPACKED:
        return packed[HEAD.size : HEAD.size + size]
    found = bytearray(KNOWN)
    for piece, back in _pieces(packed[HEAD.size :]):
        if back is None:
            found += piece
            continue
        distance = (len(found) - back) % WINDOW
        if distance == 0 or len(found) - len(KNOWN) >= size:  # the end
            break
        for _ in piece:
            found.append(found[-distance])
        if len(found) > most:
            raise TooMuch("bytes when unpacked", most)
    return bytes(found[len(KNOWN) :])


def _pieces(packed: bytes) -> Iterator[tuple[bytes, int | None]]:
    """A byte and None; or as many bytes as are to be copied, and the place in the window from where."""
    place = 0
    while place < len(packed):
        flags, place = packed[place], place + 1
        for bit in range(8):
            if flags >> bit & 1 and place + 2 <= len(packed):
                pair, place = int.from_bytes(packed[place : place + 2], "big"), place + 2
                yield bytes((pair & 15) + 2), pair >> 4
            elif place < len(packed):
                yield packed[place : place + 1], None
                place += 1
