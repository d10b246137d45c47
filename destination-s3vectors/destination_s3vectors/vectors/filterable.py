"""What filters can see of a document's fields: each as rendered JSON, with the bytes that it counts.

A metadata value is a string, a number, a boolean, or a list of strings or of numbers that is not empty. An object
gives its scalars under dotted names (`{"a": {"b": 1}}` gives `a.b`), an integer that a double can't hold is given as a
string, and a string that is an ISO 8601 date or date-time gives its seconds since 1970, UTC, as `<name>__ts`: range
filters take numbers only.
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson

from destination_s3vectors.service.limits import METADATA_KEY_BYTES
from destination_s3vectors.vectors.metadata_size import entry_bytes, string_bytes

TIMESTAMP = "__ts"
SAFE_INTEGER = 2**53  # beyond, not every integer is a double
SEPARATORS = 4  # `: ` and `, `, written with spaces as some writers do

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII | re.IGNORECASE
)
_DATE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One key of a vector's metadata, from the document's field `field`.

    `path` is the dotted name that was read, `name` the key. `member`: `"name":value`. `size`: bytes, as the service
    counts them. `most`: as anything that stands in for the service may count them, if that is more. `is_field`: the
    value is the field itself, exactly.
    """

    name: str
    field: str
    path: str
    member: bytes
    size: int
    most: int
    is_field: bool


def items_of(metadata: Mapping[str, Any], excluded: AbstractSet[str]) -> Iterator[Item]:
    """In the document's order. A name comes once: a field's own name goes before one that is made from another.

    `excluded` are names that are not filterable, or not the document's to use.
    """
    made: set[str] = set()
    for field, value in metadata.items():
        for path, found, is_field in _scalars(field, value):
            if path in excluded or path in made or (not is_field and path != field and path in metadata):
                continue
            item = item_of(path, found, field, is_field)
            if item is None:
                continue
            made.add(path)
            yield item
            stamp = path + TIMESTAMP
            seconds = timestamp(found) if stamp not in metadata and stamp not in made else None
            if seconds is not None and (item := item_of(stamp, seconds, field, False, path)):
                made.add(stamp)
                yield item


def item_of(name: str, value: Any, field: str, is_field: bool, path: str | None = None) -> Item | None:
    """None if the name or the value is not allowed in metadata."""
    if not name or name.startswith("$") or not _is_storable(value):
        return None
    try:
        key, raw = orjson.dumps(name), orjson.dumps(value)
    except TypeError:  # a lone surrogate
        return None
    if string_bytes(name) > METADATA_KEY_BYTES:
        return None
    size = entry_bytes(name, value)
    # An element's separator has a space too, and a number may be written with one digit more: 1e-7 is 1e-07.
    spaces = 2 * len(value) if isinstance(value, list) else 1
    most = max(size, len(key) + len(raw) + SEPARATORS + spaces)
    return Item(name, field, name if path is None else path, key + b":" + raw, size, most, is_field)


def timestamp(value: Any) -> int | float | None:
    """Seconds since 1970 of an ISO 8601 date or date-time with separators; without an offset it is UTC."""
    if type(value) is not str or len(value) < _DATE_LENGTH or value[4] != "-" or not _DATE.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:  # such as month 13
        return None
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def _is_storable(value: Any) -> bool:
    kind = type(value)
    if kind is list:
        kinds = {type(item) for item in value}
        return bool(kinds) and (kinds == {str} or kinds <= {int, float}) and all(map(_is_storable, value))
    if kind is int:
        return bool(-SAFE_INTEGER <= value <= SAFE_INTEGER)
    return kind is str or kind is bool or (kind is float and isfinite(value))


def _scalars(path: str, value: Any) -> Iterator[tuple[str, Any, bool]]:
    """Dotted name, value, and whether that is the whole field; names too long for a key are not followed."""
    if type(value) is int and not _is_storable(value):
        yield path, str(value), False
    elif not isinstance(value, dict):
        yield path, value, True
    elif len(path) < METADATA_KEY_BYTES:
        for name, inner in value.items():
            for below, found, _ in _scalars(f"{path}.{name}", inner):
                yield below, found, False
