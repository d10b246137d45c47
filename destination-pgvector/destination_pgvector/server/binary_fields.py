"""Values as fields of PostgreSQL's binary COPY format.

https://www.postgresql.org/docs/current/sql-copy.html (Binary Format); what is inside of a field is what the type's
receive function reads: dates are days and times microseconds since 2000-01-01.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from vector_ingest.messages import dumps
from vector_ingest.record.storable import storable

NULL = b"\xff\xff\xff\xff"
TEXT_OID = 25

length = struct.Struct("!i").pack
int4 = struct.Struct("!ii").pack
int8 = struct.Struct("!iq").pack
float8 = struct.Struct("!id").pack
_array = struct.Struct("!iiiii").pack  # dimensions, whether it has nulls, type, length, first index

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BOOLEANS = {"true": b"\x01", "false": b"\x00"}
SHOWN = 60  # characters of a value in a message


def field(value: bytes) -> bytes:
    return length(len(value)) + value


def jsonb(value: Any) -> bytes:
    written = dumps(value)
    return length(len(written) + 1) + b"\x01" + written  # jsonb begins with its version


def texts(values: Sequence[str]) -> bytes:
    """A `text[]`, or NULL if there are none."""
    return field(text_array([storable(value)[0] for value in values])) if values else NULL


def text_array(values: Sequence[str]) -> bytes:
    """What is inside of a `text[]`. The values can be stored as they are."""
    return _array(1, 0, TEXT_OID, len(values), 1) + b"".join([field(value.encode()) for value in values])


def encode(kind: str, value: Any) -> bytes:
    """A value of a record as a field of this type. ValueError: it is none."""
    if value is None:
        return NULL
    try:
        return ENCODERS[kind](value)
    except (TypeError, ValueError, LookupError, OverflowError, struct.error) as error:
        shown = dumps(value).decode()
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
        raise ValueError(f"expected a value of the type {kind}, found {shown}") from error


def _text(value: Any) -> bytes:
    return field(value.encode() if isinstance(value, str) else dumps(value))


def _whole(value: Any) -> int:
    if (isinstance(value, float) and not value.is_integer()) or not _is_number(value):
        raise TypeError
    return int(value)


def _float(value: Any) -> float:
    if not _is_number(value):
        raise TypeError
    return float(value)


def _is_number(value: Any) -> bool:
    """Of texts Python takes more for a number than is one: `2024_01`, and the digits of every script."""
    return not isinstance(value, bool) and not (isinstance(value, str) and ("_" in value or not value.isascii()))


def _boolean(value: Any) -> bytes:
    return field(BOOLEANS[str(value).lower()])


def _moment(value: Any, *, in_utc: bool) -> bytes:
    """A time without an offset is one of UTC; where none is kept, the one given is passed over."""
    found = datetime.fromisoformat(value)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None or not in_utc else found
    return int8(8, (found - EPOCH) // MICROSECOND)


ENCODERS: Mapping[str, Callable[[Any], bytes]] = {
    "text": _text,
    "integer": lambda value: int4(4, _whole(value)),
    "bigint": lambda value: int8(8, _whole(value)),
    "double precision": lambda value: float8(8, _float(value)),
    "boolean": _boolean,
    "date": lambda value: int4(4, (date.fromisoformat(value) - EPOCH.date()).days),
    "timestamp": lambda value: _moment(value, in_utc=False),
    "timestamptz": lambda value: _moment(value, in_utc=True),
    "jsonb": jsonb,
}
