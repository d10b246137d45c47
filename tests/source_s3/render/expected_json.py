"""What Python makes of Arrow values: slow and obvious."""

import base64
import datetime as dt
import json
import math
import uuid
from typing import Any, Self

import pyarrow as pa

from tests.source_s3.render.arrow_rows import EPOCH, PER_SECOND


def expected(value: pa.Scalar) -> Any:
    """The JSON value of one Arrow value."""
    kind = value.type
    if isinstance(value, pa.ExtensionScalar):
        return expected_extension(value)
    if pa.types.is_dictionary(kind):
        index = value.index.as_py()
        return None if index is None else expected(value.dictionary[index])
    if pa.types.is_union(kind):
        return expected(value.value) if value.is_valid else None
    if not value.is_valid or pa.types.is_null(kind):
        return None
    if pa.types.is_map(kind):
        return {_name(key): expected(item) for key, item in zip(*(value.values.field(n) for n in (0, 1)), strict=True)}
    if pa.types.is_struct(kind):
        return {field.name: expected(item) for field, item in zip(kind.fields, value.values(), strict=True)}
    if pa.types.is_run_end_encoded(kind):
        return expected(value.value)
    if pa.types.is_nested(kind):
        return [expected(item) for item in value.values]
    if pa.types.is_floating(kind):
        return Narrow(value.as_py(), kind) if math.isfinite(value.as_py()) else None
    return expected_plain(value)


class Narrow(float):
    """Floats of less than 64 bits have fewer digits in JSON: equal once they have the same width again."""

    kind: pa.DataType

    def __new__(cls, value: float, kind: pa.DataType) -> Self:
        self = super().__new__(cls, value)
        self.kind = kind
        return self

    def __eq__(self, other: object) -> bool:
        width = self.kind.to_pandas_dtype()
        return isinstance(other, int | float) and width(self).tobytes() == width(other).tobytes()

    __hash__ = float.__hash__


def expected_extension(value: pa.ExtensionScalar) -> Any:
    storage = value.value
    if storage is None or not storage.is_valid:
        return None
    if isinstance(value.type, pa.UuidType):
        return str(uuid.UUID(bytes=storage.as_py()))
    return bool(storage.as_py()) if isinstance(value.type, pa.Bool8Type) else expected(storage)


def _name(key: pa.Scalar) -> str:
    wanted = expected(key)
    return wanted if isinstance(wanted, str) else json.dumps(wanted)


def expected_plain(value: pa.Scalar) -> Any:
    kind = value.type
    if pa.types.is_timestamp(kind):
        return expected_moment(value)
    if pa.types.is_duration(kind):
        return value.value
    if pa.types.is_time(kind):
        return clock(value.value, PER_SECOND[kind.unit])
    if pa.types.is_date(kind):
        return value.as_py().isoformat()
    if pa.types.is_decimal(kind):
        return str(value.as_py())
    found = value.as_py()
    if isinstance(found, pa.MonthDayNano):
        return list(found)
    return base64.b64encode(found).decode() if isinstance(found, bytes) else found


def clock(count: int, per_second: int) -> str:
    """Nine digits of a second if six don't do, none if there is no fraction."""
    second, nanos = count // per_second, count % per_second * (10**9 // per_second)
    fraction = "" if not nanos else f".{nanos:09d}" if nanos % 1000 else f".{nanos // 1000:06d}"
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{fraction}"


def expected_moment(value: pa.Scalar) -> Any:
    per_second, zone = PER_SECOND[value.type.unit], value.type.tz
    utc = EPOCH.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=value.value // per_second)
    offset = (utc.astimezone(pa.lib.string_to_tzinfo(zone)).utcoffset() if zone else None) or dt.timedelta()
    offset = offset // dt.timedelta(minutes=1) * dt.timedelta(minutes=1)  # old offsets lose their seconds
    local = (utc + offset).replace(tzinfo=None)
    seconds = (local - dt.datetime.combine(local.date(), dt.time())) // dt.timedelta(seconds=1)
    wall = f"{local.date()}T{clock(seconds * per_second + value.value % per_second, per_second)}"
    return Moment(
        wall + (dt.datetime.combine(local, local.time(), dt.timezone(offset)).isoformat()[19:] if zone else "")
    )


class Moment(str):
    """Arrow knows no summer time after 2037: another offset, the same moment."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if str.__eq__(self, other):
            return True
        return isinstance(other, str) and self[:4] > "2036" and _moment(self) == _moment(other)

    __hash__ = str.__hash__


def _moment(iso: str) -> tuple[dt.datetime, str]:
    return dt.datetime.fromisoformat(iso[:19] + iso[-6:]), iso[19:-6]


def holds_non_finite(value: pa.Scalar) -> bool:
    """Keys of maps do not count."""
    kind = value.type
    if isinstance(value, pa.ExtensionScalar):
        return False
    if pa.types.is_dictionary(kind):
        index = value.index.as_py()
        return index is not None and holds_non_finite(value.dictionary[index])
    if not value.is_valid:
        return False
    if pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind):
        return holds_non_finite(value.value)
    if pa.types.is_map(kind):
        return any(holds_non_finite(item) for item in value.values.field(1))
    if pa.types.is_struct(kind):
        return any(holds_non_finite(item) for item in value.values())
    if pa.types.is_nested(kind):
        return any(holds_non_finite(item) for item in value.values)
    return bool(pa.types.is_floating(kind) and not math.isfinite(value.as_py()))
