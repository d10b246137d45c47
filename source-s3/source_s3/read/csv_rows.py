"""Where rows of CSV end: line breaks outside of quoted values, as Arrow's parser sees them.

A quote opens a value only at its beginning; anywhere else outside of a quoted value it is text.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from source_s3.read import BadRow
from source_s3.read.escapes import escaped_positions

BLOCK = 1024 * 1024  # bytes parsed at once; Arrow is no faster with more
LINE = 16 * 1024 * 1024  # bytes: the longest row
SHOWN = 64 * 1024  # bytes handed over of a row that is too long
NO_POSITIONS: npt.NDArray[np.int64] = np.empty(0, np.int64)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dialect:
    """`quote` and `escape` are empty where there is none. All are ASCII characters."""

    delimiter: str
    quote: str
    escape: str
    double_quote: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Whole rows as text in UTF-8, and what was refused before them. `byte`, `line`: where they begin, from 0.

    `batch`: the rows themselves, where they were parsed to see whether they are whole.
    """

    text: memoryview
    byte: int
    line: int
    end_line: int
    refused: Sequence[BadRow] = ()
    batch: pa.RecordBatch | None = None


def whole_rows(
    chunks: Iterator[bytes],
    dialect: Dialect,
    byte: int,
    line: int,
    parse: Callable[[memoryview], pa.RecordBatch | None],
) -> Iterator[Rows]:
    """The text in blocks of whole rows. A quote that is never closed, or a row too long, is refused with its line.

    The lines after such a quote are read as rows: one quote must not swallow the rest of the file. `parse` gives None
    where the last line break of a text may not end a row; from then on the quotes are looked at, which takes longer.
    """
    refused: list[BadRow] = []
    again: deque[bytes] = deque()  # what was read already
    rest, looks_at_quotes = b"", False
    while True:
        chunk = again.popleft() if again else next(chunks, b"")
        text = rest + chunk
        end = 0 if looks_at_quotes else text.rfind(b"\n") + 1
        batch = parse(memoryview(text)[:end]) if end else None
        if batch is None:
            looks_at_quotes |= end > 0
            end = _last_end(text, dialect, at_end=not chunk)
        if end:
            whole = memoryview(text)[:end]
            end_line = line + _count_lines(whole)
            yield Rows(whole, byte, line, end_line, refused, batch)
            byte, line, refused = byte + end, end_line, []
        rest = text[end:]
        if len(rest) > LINE or (rest and not chunk):
            bad, size, rest = _refused(rest, chain(iter(partial(_next, again), b""), chunks), line + 1)
            refused.append(bad)
            byte, line = byte + size, line + 1
            again.extendleft(reversed([rest[start : start + BLOCK] for start in range(0, len(rest), BLOCK)]))
            rest = b""
        elif not chunk:
            break
    if refused:
        yield Rows(memoryview(b""), byte, line, line, refused)


def row_slices(text: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """Begin and end of each row that is not blank; its line break belongs to it."""
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == 0x0A)
    if b"\r" in text:
        returns = np.flatnonzero(data == 0x0D)
        lone = returns[(returns + 1 == len(data)) | (data[np.minimum(returns + 1, len(data) - 1)] != 0x0A)]
        ends = np.union1d(ends, lone)
    quotes = quote_positions(text, dialect)
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    ends = ends[~np.isin(ends, _escaped(data, dialect))] + 1
    if not len(ends) or ends[-1] < len(data):
        ends = np.append(ends, len(data))
    begins = [0, *ends[:-1].tolist()]
    slices = zip(begins, ends.tolist(), strict=True)
    return [(begin, end) for begin, end in slices if text[begin:end].strip(b"\r\n")]


def quote_positions(text: bytes, dialect: Dialect) -> Positions:
    """Of the quotes that open and close values, in turns, where `text` begins with a row."""
    if not dialect.quote:
        return NO_POSITIONS
    data = np.frombuffer(text, np.uint8)
    found = np.flatnonzero(data == ord(dialect.quote))
    if not len(found):
        return found
    escaped = _escaped(data, dialect)
    if len(escaped):
        found = np.setdiff1d(found, escaped, assume_unique=True)
    opening = found[::2]
    before = _is_before_value(dialect, doubled=True)[data[opening - 1]]
    if len(escaped):
        before &= ~np.isin(opening - 1, escaped)
    if len(opening) and opening[0] == 0:
        before[0] = True
    return found if before.all() else _walked(data, found, set(escaped.tolist()), dialect)


def _count_lines(text: memoryview) -> int:
    data = np.frombuffer(text, np.uint8)
    return int(np.count_nonzero(data == 0x0A) or np.count_nonzero(data == 0x0D))


def _is_before_value(dialect: Dialect, *, doubled: bool) -> npt.NDArray[np.bool_]:
    """By byte: whether a quote after it begins a value, or (`doubled`) goes on with the one just closed."""
    table = np.zeros(256, np.bool_)
    table[[ord(dialect.delimiter), 0x0A, 0x0D]] = True
    table[ord(dialect.quote)] = doubled and dialect.double_quote
    return table


def _walked(data: npt.NDArray[np.uint8], found: Positions, escaped: set[int], dialect: Dialect) -> Positions:
    """Quote by quote, for text in which some are no more than text."""
    before = _is_before_value(dialect, doubled=False)
    begins = (before[data[found - 1]]).tolist()
    kept: list[int] = []
    closed = -2  # the last quote that closed a value; if a second one follows it, the value goes on
    for position, begin in zip(found.tolist(), begins, strict=True):
        if len(kept) % 2:
            kept.append(position)
            closed = position if dialect.double_quote else -2
        elif position == 0 or (begin and position - 1 not in escaped) or closed == position - 1:
            kept.append(position)
    return np.array(kept, np.int64)


def _escaped(data: npt.NDArray[np.uint8], dialect: Dialect) -> Positions:
    return escaped_positions(data, dialect.escape) if dialect.escape else NO_POSITIONS


def _last_end(text: bytes, dialect: Dialect, *, at_end: bool) -> int:
    """Where the last whole row ends; 0 if none does. At the end of the file a row needs no line break."""
    quotes = quote_positions(text, dialect)
    if at_end and len(quotes) % 2 == 0:
        return len(text)
    return _last_break(text, b"\n", quotes, dialect) or _last_break(
        text if at_end else text[:-1], b"\r", quotes, dialect
    )


def _last_break(text: bytes, mark: bytes, quotes: Positions, dialect: Dialect) -> int:
    end = text.rfind(mark)
    while end >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2:
            end = int(quotes[before - 1])
        elif not _is_escaped(text, end, dialect):
            return end + 1
        end = text.rfind(mark, 0, end)
    return 0


def _is_escaped(text: bytes, position: int, dialect: Dialect) -> bool:
    if not dialect.escape:
        return False
    before = text[max(0, position - 1000) : position]
    return (len(before) - len(before.rstrip(dialect.escape.encode()))) % 2 == 1


def _next(again: deque[bytes]) -> bytes:
    return again.popleft() if again else b""


def _refused(rest: bytes, chunks: Iterator[bytes], line: int) -> tuple[BadRow, int, bytes]:
    """The first line of `rest` as a bad row, the bytes that it takes, and what was read after it."""
    first = _first_line(rest)
    if len(first) <= LINE:
        reason = (
            f"expected the end of a quoted value, found none within {LINE} bytes or before the end of the file. "
            "The lines after this one are read as rows"
        )
        return BadRow(f"line {line}", reason, first.rstrip(b"\r\n")), len(first), rest[len(first) :]
    bad = BadRow(f"line {line}", f"expected a row of at most {LINE} bytes, found a longer one", rest[:SHOWN])
    size = 0
    while len(first) == len(rest) and not rest.endswith(b"\n"):
        size += len(rest)
        rest = next(chunks, b"")
        if not rest:
            return bad, size, b""
        first = _first_line(rest)
    return bad, size + len(first), rest[len(first) :]


def _first_line(text: bytes) -> bytes:
    """With its line break, where it has one."""
    end = text.find(b"\n") + 1 or text.find(b"\r") + 1
    return text[:end] if end else text
