"""Times and dates as ISO 8601 text, by integer arithmetic and tables of digits into a buffer of fixed width.

As Python's isoformat, and so as Airbyte's source-s3: six digits of a second (nine for nanoseconds) where they are not
all zero, none otherwise, and the offset from UTC where the type has a zone. Years 1 to 9999; others are refused.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.nested import raw
from vector_ingest.errors import ConfigError, DataError

Ints = npt.NDArray[np.int64]
Part = npt.NDArray[np.bytes_] | bytes  # a column of texts of one width, or one text for all rows
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DAY = 86_400
FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970
TWO = np.array([f"{number:02d}" for number in range(100)], "S2")
THREE = np.array([f"{number:03d}" for number in range(1000)], "S3")


def _whole_day() -> npt.NDArray[np.bytes_]:
    """HH:MM:SS for each second of a day."""
    seconds = np.arange(DAY)
    return _joined([TWO[seconds // 3600], b":", TWO[seconds // 60 % 60], b":", TWO[seconds % 60]], DAY)


def _joined(parts: Sequence[Part], count: int) -> npt.NDArray[np.bytes_]:
    """The parts of each row beside each other: `count` texts of one width."""
    widths = [len(part) if isinstance(part, bytes) else part.itemsize for part in parts]
    fields = np.dtype([(f"part{index}", f"S{width}") for index, width in enumerate(widths)])
    rows = np.empty(count, fields)
    for index, part in enumerate(parts):
        rows[f"part{index}"] = part
    return rows.view(f"S{fields.itemsize}")


CLOCK = _whole_day()


def render_date(dates: pa.Array) -> pa.Array:
    """date32 or date64 -> YYYY-MM-DD."""
    days = raw(dates.cast(pa.date32()), 1, np.int32).astype(np.int64)
    return fixed_width([_days(days, _valid(dates))], dates)


def render_time(times: pa.Array) -> pa.Array:
    """time32 or time64 -> HH:MM:SS[.ffffff]."""
    per_second = PER_SECOND[times.type.unit]
    values = raw(times, 1, f"i{times.type.bit_width // 8}").astype(np.int64)
    seconds, fraction = _divided(values, per_second)
    clock = CLOCK[_divided(seconds, DAY)[1]]  # a null's place may hold anything
    return _with_fraction([clock], fraction, per_second, [], times)


def render_timestamp(times: pa.Array, digits: int | None = None) -> pa.Array:
    """timestamp of any unit, with or without zone -> YYYY-MM-DDTHH:MM:SS[.ffffff][+HH:MM].

    `digits`: 3 or 6 digits of a second always, whether they are zero or not.
    """
    per_second = PER_SECOND[times.type.unit]
    local, offset = _local(times)
    seconds, fraction = _divided(local, per_second)
    days, second = _divided(seconds, DAY)
    parts: list[Part] = [_days(days, _valid(times)), b"T", CLOCK[second]]
    if digits is None:
        return _with_fraction(parts, fraction, per_second, offset, times)
    thousands, rest = _divided(_micros(fraction, per_second), 1000)
    shown: list[Part] = [b".", THREE[thousands], *([THREE[rest]] if digits == 6 else [])]
    return fixed_width([*parts, *shown, *offset], times)


def _micros(fraction: Ints, per_second: int) -> Ints:
    return fraction // 1000 if per_second == 10**9 else fraction * (10**6 // per_second)


def _divided(values: Ints, by: int) -> tuple[Ints, Ints]:
    """Quotient and remainder, rounded down. NumPy divides with vector instructions, but takes remainders without."""
    quotient = values // by
    return quotient, values - quotient * by


def _local(times: pa.Array) -> tuple[Ints, list[Part]]:
    """The wall clock of the type's zone, and its offset from UTC as text (nothing without a zone).

    Offsets before about 1900 have seconds, which ISO 8601 has no place for: they are rounded down to a minute, and the
    clock with them, so that the two still name the same moment.
    """
    zone, values = times.type.tz, raw(times, 1, np.int64)
    if zone is None:
        return values, []
    if zone in {"UTC", "Z", "+00:00"}:
        return values, [b"+00:00"]
    try:
        local = pc.local_timestamp(times)
    except pa.ArrowInvalid as error:
        raise ConfigError(
            f"a column has the Arrow type {times.type}, whose time zone is not known here: {error}. Leave the column "
            "out of the stream, or write the file with another zone"
        ) from error
    minute = 60 * PER_SECOND[times.type.unit]
    minutes = (raw(local, 1, np.int64) - values) // minute
    hours, minutes_left = _divided(np.abs(minutes), 60)
    return values + minutes * minute, [np.where(minutes < 0, b"-", b"+"), TWO[hours % 100], b":", TWO[minutes_left]]


def _valid(array: pa.Array) -> npt.NDArray[np.bool_] | None:
    return array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None


def _days(days: Ints, valid: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bytes_]:
    """YYYY-MM-DD for each day: from a table of all days between the first and the last, where that is not larger."""
    if valid is not None:
        days = np.where(valid, days, 0)
    if not len(days):
        return np.empty(0, "S10")
    first, last = int(days.min()), int(days.max())
    if first < FIRST_DAY or last > LAST_DAY:
        raise DataError("a date or timestamp", "expected a year from 1 to 9999, found one outside of it")
    if last - first < len(days):
        known, places = np.arange(first, last + 1), days - first
    else:
        known, places = np.unique(days, return_inverse=True)
    return np.datetime_as_string(known.astype("datetime64[D]"), unit="D").astype("S10")[places]


def _with_fraction(parts: list[Part], fraction: Ints, per_second: int, offset: list[Part], array: pa.Array) -> pa.Array:
    """The texts with the digits after the second in the rows that have some."""
    if not fraction.any():
        return fixed_width([*parts, *offset], array)
    thousands, rest = _divided(_micros(fraction, per_second), 1000)
    six: list[Part] = [b".", THREE[thousands], THREE[rest]]
    texts = fixed_width([*parts, *six, *offset], array)
    if per_second == 10**9:
        nanos = _divided(fraction, 1000)[1]
        if nanos.any():
            texts = pc.if_else(pa.array(nanos != 0), fixed_width([*parts, *six, THREE[nanos], *offset], array), texts)
    if fraction.all():
        return texts
    return pc.if_else(pa.array(fraction != 0), texts, fixed_width([*parts, *offset], array))


def fixed_width(parts: Sequence[Part], array: pa.Array) -> pa.Array:
    """The parts of each row beside each other, null where `array` is null."""
    joined = _joined(parts, len(array))
    offsets = np.arange(len(array) + 1, dtype=np.int64) * joined.itemsize
    texts = pa.LargeStringArray.from_buffers(len(array), pa.py_buffer(offsets), pa.py_buffer(joined))
    return pc.if_else(array.is_valid(), texts, None) if array.null_count else texts
