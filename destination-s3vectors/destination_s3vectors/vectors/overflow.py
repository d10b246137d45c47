"""What filters can't see of a document's fields: one JSON text, kept with as many of its chunks as it takes.

The value of `_overflow` is one of

    {"fields": …, "parts": …}                         all of it: in chunk 0, or in each chunk where it is short
    {"piece": 1, "pieces": 3, "parts": …}\\n…          one piece of the text, of chunk 1
    {"pieces": 3, "parts": …}                         in the other chunks: the chunks 0 to 2 hold it

`parts` are keys of the vector that are no field of the document: `a.b`, and long integers as strings.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vector_ingest.messages import loads

# Bytes that each chunk may repeat. A search then needs no second call for most documents.
REPEATED = 2048
HEADER = 64  # bytes of a piece beside the names of the parts
LEAST = 256  # bytes of a piece that is worth its header


@dataclass(frozen=True, slots=True)
class Overflow:
    """Values of `_overflow`: of the chunks 0, 1, …, and of the chunks after these. None: the key is left out."""

    pieces: Sequence[str] = ()
    elsewhere: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One value, read. `fields` is None where it is not whole: then the chunks below `pieces` hold it."""

    fields: Mapping[str, Any] | None
    parts: Sequence[str]
    pieces: int
    text: str  # of this piece


class PiecesDiffer(Exception):  # noqa: N818  a finding
    """They were written for several versions of a document: one is being written, or was cut."""


def overflow_of(fields: Mapping[str, Any], parts: Sequence[str], room: int, chunks: int) -> Overflow:
    """`room`: bytes that the value may take in each of the document's `chunks`.

    What has no room in all of them is one piece all the same: whoever puts it together finds it too long.
    RecursionError: nested too deep for JSON.
    """
    if not fields:
        return Overflow()
    also = {"parts": parts} if parts else {}
    whole = exact({"fields": fields, **also})
    encoded = whole.encode()
    if len(encoded) <= REPEATED:
        return Overflow([whole], whole)
    slices = _slices(encoded, room - HEADER - len(exact(also).encode())) if len(encoded) > room else []
    if not slices or len(slices) > chunks:
        return Overflow([whole], exact({"pieces": 1, **also}))
    count = len(slices)
    headers = [exact({"piece": number, "pieces": count, **also}) for number in range(count)]
    pieces = [f"{header}\n{text}" for header, text in zip(headers, slices, strict=True)]
    return Overflow(pieces, exact({"pieces": count, **also}))


def read(value: str) -> Found:
    header, _, text = value.partition("\n")
    found = loads(header.encode())
    return Found(found.get("fields"), found.get("parts", ()), found.get("pieces", 1), text)


def joined(pieces: Sequence[Found]) -> Mapping[str, Any]:
    """The fields, from all pieces in order. PiecesDiffer: they are of several versions."""
    if pieces[0].fields is not None:
        return pieces[0].fields
    if any(piece.pieces != len(pieces) or not piece.text for piece in pieces):
        raise PiecesDiffer
    try:
        whole = loads("".join(piece.text for piece in pieces).encode())
    except ValueError as error:
        raise PiecesDiffer from error
    fields: Mapping[str, Any] = whole["fields"]
    return fields


def exact(value: Any) -> str:
    """JSON that `messages.loads` reads as the same value. NaN and infinities are written as Python writes them."""
    try:
        raw = orjson.dumps(value)
        if orjson.loads(raw) == value:  # not so with NaN, which becomes null
            return raw.decode()
    except TypeError:  # a longer integer, a lone surrogate, or nested deep
        pass
    return json.dumps(value, separators=(",", ":"))


def _slices(text: bytes, size: int) -> list[str]:
    """Pieces of at most `size` bytes that cut no character; none if that is too little."""
    if size < LEAST:
        return []
    slices, start = [], 0
    while start < len(text):
        end = min(start + size, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        slices.append(text[start:end].decode())
        start = end
    return slices
