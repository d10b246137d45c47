"""The elements of a JSON array, or values one after another, cut apart without parsing them.

Brackets are counted outside of strings, by numpy. Whether a value is valid JSON is not asked here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from source_s3.read.escapes import escaped_positions

LINE = 64 * 1024 * 1024  # bytes: a longer value is no record that any destination takes
SHOWN = 64 * 1024  # bytes handed over of what can't be cut
APART = b" \t\r\n,"  # what may stand between two values

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """Values as they stand in the file, each with its byte, and what else was found between them.

    The next value may begin at the byte `end`, in an array (`inside`) or not.
    """

    values: Sequence[tuple[int, bytes]]
    others: Sequence[tuple[int, bytes]]
    end: int
    inside: bool


def split(chunks: Iterator[bytes], byte: int, *, inside: bool) -> Iterator[Cut]:
    """From the byte `byte` on. What can't be cut, because a bracket or string is never closed, ends it, and its array.

    An array that is never closed is still open in the last cut.
    """
    rest, is_end = b"", False
    while not is_end and len(rest) <= LINE:
        chunk = _more(chunks, len(rest))
        text, is_end = rest + chunk, not chunk
        for cut in _cuts(text, byte, inside=inside):
            yield cut
            text, byte, inside = text[cut.end - byte :], cut.end, cut.inside
        rest = text
    if rest.strip(APART):
        yield Cut([], [_other(rest[:SHOWN], byte)], byte + len(rest), False)


def depth_of(text: bytes) -> int:
    """How many brackets are open at once, at most, in valid JSON."""
    return int(np.cumsum(np.where(_brackets(text)[1], 1, -1)).max(initial=0))


def _more(chunks: Iterator[bytes], least: int) -> bytes:
    """At least as much as there is: a long value is not looked through again for each chunk of it."""
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= least:
            break
    return b"".join(parts)


def _cuts(text: bytes, byte: int, *, inside: bool) -> Iterator[Cut]:
    """All whole values: one cut to the next bracket that opens or closes an array around them, and so on."""
    while text:
        blank = len(text) - len(text.lstrip(b" \t\r\n"))
        if not inside and text[blank : blank + 1] == b"[":
            cut, is_last = Cut([], [], byte + blank + 1, True), False
        else:
            cut, is_last = _cut(text, byte, inside=inside)
        if cut.end > byte:
            yield cut
        if is_last:
            return
        text, byte, inside = text[cut.end - byte :], cut.end, cut.inside


def _cut(text: bytes, byte: int, *, inside: bool) -> tuple[Cut, bool]:
    """The whole values before a closing bracket that none of them opened, and whether there is no such bracket."""
    brackets, is_opening = _brackets(text)
    depth = np.cumsum(np.where(is_opening, 1, -1))
    below = np.flatnonzero(depth < 0)
    count = int(below[0]) if len(below) else len(depth)
    ends = (brackets[:count][~is_opening[:count] & (depth[:count] == 0)] + 1).tolist()
    begins = brackets[:count][is_opening[:count] & (depth[:count] == 1)].tolist()[: len(ends)]
    values = [(byte + begin, text[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    end = ends[-1] if ends else 0
    if len(below):
        end = int(brackets[count]) + 1
        closes = inside and text[end - 1 : end] == b"]"
        begins.append(end - 1 if closes else end)
        inside = inside and not closes
    gaps = zip([0, *ends], begins, strict=False)
    others = [_other(text[first:last], byte + first) for first, last in gaps if text[first:last].strip(APART)]
    return Cut(values, others, byte + end, inside), not len(below)


def _other(gap: bytes, byte: int) -> tuple[int, bytes]:
    text = gap.lstrip(APART)
    return byte + len(gap) - len(text), text.rstrip(APART)


def _brackets(text: bytes) -> tuple[Positions, npt.NDArray[np.bool_]]:
    """Outside of strings, and which of them open something."""
    data = np.frombuffer(text, np.uint8)
    bare = data | 0x20  # [ and ] are { and } but for this bit
    found = np.flatnonzero((bare == ord("{")) | (bare == ord("}")))
    quotes = np.flatnonzero(data == ord('"'))
    if b"\\" in text:
        quotes = np.setdiff1d(quotes, escaped_positions(data, "\\"), assume_unique=True)
    found = found[np.searchsorted(quotes, found) % 2 == 0]
    return found, (data[found] | 0x20) == ord("{")
