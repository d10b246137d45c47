"""Times and dates as ISO 8601 text, by integer arithmetic into a buffer of fixed width.

As Python's isoformat, and so as Airbyte's source-s3: six digits of a second (nine for nanoseconds) where they are not
all zero, none otherwise, and the offset from UTC where the type has a zone. Years 1 to 9999; others are refused.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vector_ingest.errors import DataError

Ints = npt.NDArray[np.int64]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
PAIRS = np.frombuffer("".join(f"{number:02d}" for number in range(100)).encode(), np.uint8).reshape(100, 2)
DAY = 86_400
FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970


def render_date(dates: pa.Array) -> pa.Array:
    """date32 or date64 -> YYYY-MM-DD."""
    days = _integers(dates.cast(pa.date32()), np.int32)
    return _strings([_days(days, _valid(dates))], dates)


def render_time(times: pa.Array) -> pa.Array:
    """time32 or time64 -> HH:MM:SS[.ffffff]."""
    per_second = PER_SECOND[times.type.unit]
    values = _integers(times, np.int32 if pa.types.is_time32(times.type) else np.int64)
    return _with_fraction([_clock(values // per_second)], values % per_second, per_second, [], times)


def render_timestamp(times: pa.Array) -> pa.Array:
    """timestamp of any unit, with or without zone -> YYYY-MM-DDTHH:MM:SS[.ffffff][+HH:MM]."""
    per_second = PER_SECOND[times.type.unit]
    local, offset = _local(times)
    values = _integers(local, np.int64)
    seconds = values // per_second
    date = _days(seconds // DAY, _valid(times))
    parts = [date, _same(b"T", len(times)), _clock(seconds % DAY)]
    return _with_fraction(parts, values % per_second, per_second, offset, times)


def _local(times: pa.Array) -> tuple[pa.Array, list[npt.NDArray[np.uint8]]]:
    """The wall clock of the type's zone, and its offset from UTC as text (nothing without a zone)."""
    zone = times.type.tz
    if zone is None:
        return times, []
    if zone in {"UTC", "Z", "+00:00"}:
        return times, [_same(b"+00:00", len(times))]
    local = pc.local_timestamp(times)
    minutes = (_integers(local, np.int64) - _integers(times, np.int64)) // (60 * PER_SECOND[times.type.unit])
    sign = np.where(minutes < 0, ord("-"), ord("+")).astype(np.uint8).reshape(-1, 1)
    away = np.abs(minutes)
    return local, [sign, PAIRS[away // 60 % 100], _same(b":", len(times)), PAIRS[away % 60]]


def _integers(array: pa.Array, width: type[np.signedinteger]) -> Ints:
    """The raw values; what stands in a null's place is whatever was there."""
    values = np.frombuffer(array.buffers()[1] or b"", width)[array.offset : array.offset + len(array)]
    return values.astype(np.int64)


def _valid(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    return array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None


def _days(days: Ints, valid: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.uint8]:
    if valid is not None:
        days = np.where(valid, days, 0)
    if len(days) and (days.min() < FIRST_DAY or days.max() > LAST_DAY):
        raise DataError("a date or timestamp", "expected a year from 1 to 9999, found one outside of it")
    unique, places = np.unique(days, return_inverse=True)
    texts = np.datetime_as_string(unique.astype("datetime64[D]"), unit="D").astype("S10")
    return texts.view(np.uint8).reshape(-1, 10)[places]


def _clock(seconds: Ints) -> npt.NDArray[np.uint8]:
    colon = _same(b":", len(seconds))
    seconds = seconds % DAY  # a null's place may hold anything
    return np.hstack([PAIRS[seconds // 3600], colon, PAIRS[seconds // 60 % 60], colon, PAIRS[seconds % 60]])


def _same(text: bytes, count: int) -> npt.NDArray[np.uint8]:
    return np.tile(np.frombuffer(text, np.uint8), (count, 1))


def _with_fraction(
    parts: list[npt.NDArray[np.uint8]],
    fraction: Ints,
    per_second: int,
    offset: list[npt.NDArray[np.uint8]],
    array: pa.Array,
) -> pa.Array:
    """The texts with the digits after the second in the rows that have some."""
    whole = _strings([*parts, *offset], array)
    if not fraction.any():
        return whole
    micros = fraction // 1000 if per_second == 10**9 else fraction * (10**6 // per_second)
    six = [_same(b".", len(array)), PAIRS[micros // 10_000 % 100], PAIRS[micros // 100 % 100], PAIRS[micros % 100]]
    fine = _strings([*parts, *six, *offset], array)
    if per_second == 10**9 and (fraction % 1000).any():
        nanos = fraction % 1000
        three = [PAIRS[nanos // 100][:, 1:], PAIRS[nanos % 100]]
        fine = pc.if_else(pa.array(nanos != 0), _strings([*parts, *six, *three, *offset], array), fine)
    return pc.if_else(pa.array(fraction != 0), fine, whole)


def _strings(parts: list[npt.NDArray[np.uint8]], array: pa.Array) -> pa.Array:
    """Texts of one width, null where `array` is null."""
    matrix = np.ascontiguousarray(np.hstack(parts))
    offsets = np.arange(len(array) + 1, dtype=np.int64) * matrix.shape[1]
    texts = pa.LargeStringArray.from_buffers(len(array), pa.py_buffer(offsets), pa.py_buffer(matrix))
    return pc.if_else(array.is_valid(), texts, None) if array.null_count else texts
