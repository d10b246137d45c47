"""ORC: batch by batch from the first stripe to the last, so that memory is bounded by a batch.

Arrow can begin such a scan only at the first stripe. Behind a damaged stripe, and after a resume, each stripe is read
whole; where stripes are large, a resume scans all again and passes over what was read.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import orc

from source_s3.read import BadRow, Batch, Reading, without_columns
from source_s3.read.decimals import number_types, with_numbers
from source_s3.read.options import OrcFormat
from source_s3.render.json_text import refuse_equal_names
from source_s3.schema import Properties, properties_of
from source_s3.varint import decoded
from vector_ingest.errors import DataError

ROWS = 16_384  # a batch
WHOLE = 32 * 1024 * 1024  # bytes in the file: a larger stripe is not read whole if it can be scanned
WINDOW, WINDOWS = 2 * 1024 * 1024, 32  # bytes fetched at once: the columns of a stripe lie apart and are read in turns
# Over broken content, names of columns among it, and over what the file raised.
FAILURES = (pa.ArrowException, OSError, UnicodeDecodeError)

Part = tuple[pa.RecordBatch, int | None]  # rows, and the number of the next stripe where they end their own


@dataclass(frozen=True, slots=True)
class Stripe:
    """Bytes in the file, and rows."""

    size: int
    rows: int


class Windows:
    """A file for Arrow, which asks for few bytes here and there. `failure`: what the file raised; Arrow hides it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._position = file, 0
        self._size = file.seek(0, 2)
        self._windows: OrderedDict[int, bytes] = OrderedDict()
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        parts = []
        while self._position < end:
            number, begin = divmod(self._position, WINDOW)
            parts.append(self._window(number)[begin : begin + end - self._position])
            self._position += len(parts[-1])
        return b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def _window(self, number: int) -> bytes:
        if number not in self._windows:
            try:
                self._file.seek(number * WINDOW)
                self._windows[number] = self._file.read(WINDOW)
            except BaseException as error:
                self.failure = error
                raise
            if len(self._windows) > WINDOWS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(number)
        return self._windows[number]


def schema(file: BinaryIO, options: OrcFormat) -> Properties:
    columns = _columns(Windows(file))
    return properties_of(number_types(columns) if options.decimal_as_float else columns)


def read(file: BinaryIO, options: OrcFormat, reading: Reading) -> Iterator[Batch]:
    """`reading.resume` is {"stripe", "row"}: the stripe to go on with, and the number of its first row."""
    windows = Windows(file)
    names = _columns(windows).names
    wanted = [name for name in names if reading.columns is None or name in reading.columns]
    refuse_equal_names(wanted, "the file")
    left_out = [name for name in names if name not in wanted]
    first, row = (resume["stripe"], resume["row"]) if (resume := reading.resume) else (0, 0)
    refused: list[BadRow] = []
    for part in _parts(windows, None if wanted == names else wanted or names[:1], first):
        if isinstance(part, BadRow):
            refused.append(part)
            continue
        rows, stripe = part[0].select(wanted), part[1]
        position = {"stripe": stripe, "row": row + rows.num_rows} if stripe is not None else None
        made = with_numbers(rows) if options.decimal_as_float else rows
        yield Batch(made, row, position, tuple(refused), left_out)
        row += rows.num_rows
        refused.clear()
    if refused:
        yield Batch(without_columns(0), row, None, tuple(refused))


def _columns(windows: Windows) -> pa.Schema:
    file = _open(windows)
    with _translated(windows):
        columns: pa.Schema = file.schema
        _ = columns.names  # which need not be text
    return columns


def _open(windows: Windows) -> Any:
    with _translated(windows):
        return orc.ORCFile(pa.PythonFile(windows, "r"))


@contextmanager
def _translated(windows: Windows) -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise windows.failure or DataError(
            "the file's footer", f"expected ORC of rows, found other content: {error}"
        ) from error


def _parts(windows: Windows, columns: Sequence[str] | None, first: int) -> Iterator[Part | BadRow]:
    stripes = stripes_of(_open(windows).reader.serialized_file_tail())
    ends = list(accumulate(stripe.rows for stripe in stripes))
    row = begin = ends[first - 1] if first else 0
    if first == 0 or max(stripe.size for stripe in stripes) > WHOLE:
        row = yield from _scanned(windows, columns, ends, begin)
    for number in range(bisect_right(ends, row), len(stripes)):
        size = stripes[number].rows
        done = max(0, row - (ends[number] - size))  # the scan has met the damage in the middle of a stripe
        try:
            rows = _open(windows).read_stripe(number, columns=columns)
        except FAILURES as error:
            if windows.failure is not None:
                raise windows.failure from error
            reason = f"expected rows in ORC, found {size - done} that can't be read: {error}"
            yield BadRow(f"stripe {number}", reason)
        else:
            for place in range(done, size, ROWS):
                yield rows.slice(place, ROWS), number + 1 if place + ROWS >= size else None


def _scanned(
    windows: Windows, columns: Sequence[str] | None, ends: Sequence[int], begin: int
) -> Generator[Part | BadRow, None, int]:
    """The rows from `begin` on, counted in the file. Returns the one before which it had to give up, or their count."""
    row = 0
    fragment = ds.OrcFileFormat().make_fragment(pa.PythonFile(windows, "r"))
    try:
        scanner = fragment.scanner(
            columns=columns, batch_size=ROWS, use_threads=False, batch_readahead=0, fragment_readahead=0
        )
        for rows in scanner.to_batches():  # none of them goes over the end of a stripe
            row += rows.num_rows
            ended = bisect_right(ends, row)
            if row > begin and rows.num_rows:
                yield rows, ended if ended and row == ends[ended - 1] else None
    except FAILURES as error:
        if windows.failure is not None:
            raise windows.failure from error
    return max(row, begin)


def stripes_of(tail: bytes) -> list[Stripe]:
    """From the file's tail, a Protocol Buffers message: its footer is field 2, the stripes in there field 3.

    See https://orc.apache.org/specification/ORCv1/, and orc_proto.proto for FileTail.
    """
    footer = next(value for field, value in _fields(tail) if field == 2 and isinstance(value, bytes))
    stripes = [dict(_fields(value)) for field, value in _fields(footer) if field == 3 and isinstance(value, bytes)]
    return [Stripe(sum(_count(stripe, field) for field in (2, 3, 4)), _count(stripe, 5)) for stripe in stripes]


def _count(message: dict[int, int | bytes], field: int) -> int:
    value = message.get(field, 0)
    assert isinstance(value, int)
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values; fields of fixed width are passed over, there are none of use here."""
    position = 0
    while position < len(message):
        key, position = decoded(message, position)
        match key & 7:
            case 0:
                value, position = decoded(message, position)
                yield key >> 3, value
            case 2:
                size, position = decoded(message, position)
                yield key >> 3, message[position : position + size]
                position += size
            case kind:
                position += 8 if kind == 1 else 4
