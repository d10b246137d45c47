"""Avro values to Arrow arrays, and Avro types to JSON schema properties.

Values come as fastavro decodes them without logical types: integers of a moment, bytes of a decimal. Only in a union of
several types they come as Python's own (datetime, Decimal, UUID), which tell by their class which of the types it was.
"""

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from source_s3.render.times import render_timestamp
from source_s3.schema import ORDER, Property

Values = Sequence[Any]
MOMENTS = {
    "timestamp-millis": pa.timestamp("ms", "UTC"),
    "timestamp-micros": pa.timestamp("us", "UTC"),
    "timestamp-nanos": pa.timestamp("ns", "UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "local-timestamp-nanos": pa.timestamp("ns"),
}
LOGICAL = {"date": pa.date32(), "time-millis": pa.time32("ms"), "time-micros": pa.time64("us"), **MOMENTS}
PLAIN = {
    "null": pa.null(), "boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(),
    "double": pa.float64(), "string": pa.large_string(), "enum": pa.large_string(), "bytes": pa.large_binary(),
    "fixed": pa.large_binary(),
}  # fmt: skip
# Of a second: those of a column's timestamps are always written, as Airbyte's source-s3 does.
DIGITS = {"ms": 3, "us": 6}
DURATION = np.dtype([("months", "<u4"), ("days", "<u4"), ("milliseconds", "<u4")])
CLASSES: Mapping[str, type] = {
    "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float, "string": str,
    "enum": str, "bytes": bytes, "fixed": bytes, "array": list, "map": dict, "record": dict, "date": dt.date,
    "time-millis": dt.time, "time-micros": dt.time, "decimal": decimal.Decimal, "uuid": uuid.UUID,
    **{name: int if "nanos" in name else dt.datetime for name in MOMENTS},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Avro:
    """A schema that fastavro has parsed, its named types, and the user's settings."""

    fields: Sequence[Mapping[str, Any]]
    names: Mapping[str, Any]
    double_as_string: bool


def resolved(kind: Any, avro: Avro) -> Any:
    """The definition of a named type; other types as they are, in their long form unless a union."""
    kind = avro.names.get(kind, kind) if isinstance(kind, str) else kind
    return {"type": kind} if isinstance(kind, str) else kind


def name_of(kind: Any) -> str:
    """`union`, the logical type if it is a valid one, or the type."""
    if isinstance(kind, list):
        return "union"
    logical, plain = kind.get("logicalType"), kind["type"]
    valid = {
        "date": plain == "int",
        "time-millis": plain == "int",
        "time-micros": plain == "long",
        "uuid": plain == "string" or (plain, kind.get("size")) == ("fixed", 16),
        "decimal": plain in {"bytes", "fixed"} and 0 <= kind.get("scale", 0) <= kind.get("precision", 0) > 0,
        "duration": (plain, kind.get("size")) == ("fixed", 12),
        **dict.fromkeys(MOMENTS, plain == "long"),
    }
    return logical if isinstance(logical, str) and valid.get(logical) else str(plain)


def bare(kind: Any) -> Any:
    """The schema without logical types, but for those in a union of several types."""
    if isinstance(kind, list):
        return kind if len([one for one in kind if one != "null"]) > 1 else [bare(one) for one in kind]
    if isinstance(kind, dict):
        # A named type keeps its own: it may be used in such a union too.
        kept = {name: value for name, value in kind.items() if name != "logicalType" or "name" in kind}
        return {name: bare(value) if name in {"type", "items", "values"} else value for name, value in kept.items()} | (
            {"fields": [{**field, "type": bare(field["type"])} for field in kind["fields"]]} if "fields" in kind else {}
        )
    return kind


def column(kind: Any, values: Values, avro: Avro) -> pa.Array:
    """One field of all rows."""
    array = build(kind, values, avro)
    if pa.types.is_timestamp(array.type) and array.type.unit in DIGITS:
        return render_timestamp(array, DIGITS[array.type.unit])
    return array


def build(kind: Any, values: Values, avro: Avro) -> pa.Array:
    """Where all are null the array has the null type: so it ends where a type holds itself."""
    kind = resolved(kind, avro)
    name = name_of(kind)
    if name in BUILDERS:
        return BUILDERS[name](kind, values, avro)
    if name == "double" and avro.double_as_string:
        return pa.array([None if value is None else str(value) for value in values], pa.large_string())
    return pa.array(values, LOGICAL.get(name) or PLAIN[name])


def _record(kind: Any, values: Values, avro: Avro) -> pa.Array:
    absent = [value is None for value in values]
    if all(absent):
        return pa.nulls(len(values))
    names = [field["name"] for field in kind["fields"]]
    if not names:
        return pa.array(values, pa.struct([]))
    columns = [[None if value is None else value[name] for value in values] for name in names]
    arrays = [build(field["type"], each, avro) for field, each in zip(kind["fields"], columns, strict=True)]
    return pa.StructArray.from_arrays(arrays, names=names, mask=pa.array(absent))


def _array(kind: Any, values: Values, avro: Avro) -> pa.Array:
    elements = list(chain.from_iterable(value for value in values if value is not None))
    return _lists(values, lambda offsets: pa.LargeListArray.from_arrays(offsets, build(kind["items"], elements, avro)))


def _map(kind: Any, values: Values, avro: Avro) -> pa.Array:
    items = [item for value in values if value is not None for item in value.items()]
    keys = pa.array([key for key, _ in items], pa.string())
    content = build(kind["values"], [value for _, value in items], avro)
    return _lists(values, lambda offsets: pa.MapArray.from_arrays(offsets.cast(pa.int32()), keys, content))


def _lists(values: Values, make: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A null among the offsets marks a list that is null."""
    if all(value is None for value in values):
        return pa.nulls(len(values))
    ends = np.cumsum([0, *(len(value or ()) for value in values)])
    absent = np.array([*(value is None for value in values), False])
    return make(pa.array(ends, pa.int64(), mask=absent))


def _union(kind: Any, values: Values, avro: Avro) -> pa.Array:
    types = [one for one in kind if one != "null"]
    if len(types) == 1:
        return build(types[0], values, avro)
    accepts = [_accepts(one, avro) for one in types]
    codes = [len(types) if value is None else _code(value, accepts) for value in values]
    places, members = np.zeros(len(values), np.int32), []
    for code in range(len(types) + 1):
        rows = [row for row, found in enumerate(codes) if found == code]
        places[rows] = range(len(rows))
        chosen = [value[1] if isinstance(value := values[row], tuple) else value for row in rows]
        members.append(build(types[code], chosen, avro) if code < len(types) else pa.nulls(len(rows)))
    return pa.UnionArray.from_dense(pa.array(codes, pa.int8()), pa.array(places), members)


def _code(value: Any, accepts: Sequence[Callable[[Any], bool]]) -> int:
    for code, fits in enumerate(accepts):
        if fits(value):
            return code
    raise ValueError(f"a value of the class {type(value).__name__} is of no type of its union")


def _accepts(kind: Any, avro: Avro) -> Callable[[Any], bool]:
    kind = resolved(kind, avro)
    meaning = name_of(kind)
    wanted, name = (
        bytes if kind["type"] == "fixed" and meaning == "uuid" else CLASSES.get(meaning, bytes),
        kind.get("name"),
    )
    return lambda value: value[0] == name if isinstance(value, tuple) else type(value) is wanted


def _decimal(kind: Any, values: Values, _: Avro) -> pa.Array:
    precision, scale = kind["precision"], kind.get("scale", 0)
    found = [None if value is None else _unscaled(value, scale) for value in values]
    if precision > 76:
        texts = [None if number is None else str(decimal.Decimal(f"{number}e{-scale}")) for number in found]
        return pa.array(texts, pa.large_string())
    width, make = (16, pa.decimal128) if precision <= 38 else (32, pa.decimal256)
    data = b"".join([(number or 0).to_bytes(width, "little", signed=True) for number in found])
    array = pa.Array.from_buffers(make(precision, scale), len(found), [None, pa.py_buffer(data)])
    valid = pa.array([number is not None for number in found])
    return pa.compute.if_else(valid, array, None) if None in found else array


def _unscaled(value: bytes | decimal.Decimal, scale: int) -> int:
    if isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    sign, digits, exponent = value.as_tuple()
    number: int = int("".join(map(str, digits))) * 10 ** (scale + int(exponent))
    return -number if sign else number


def _uuid(kind: Any, values: Values, _: Avro) -> pa.Array:
    if kind["type"] == "fixed":
        return pa.ExtensionArray.from_storage(pa.uuid(), pa.array([_bytes(value) for value in values], pa.binary(16)))
    return pa.array([None if value is None else str(value) for value in values], pa.large_string())


def _bytes(value: bytes | uuid.UUID | None) -> bytes | None:
    return value.bytes if isinstance(value, uuid.UUID) else value


def _duration(_: Any, values: Values, __: Avro) -> pa.Array:
    found = np.frombuffer(b"".join([value or bytes(12) for value in values]), DURATION)
    arrays = [pa.array(np.ascontiguousarray(found[name])) for name in DURATION.names or ()]
    absent = pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(arrays, names=list(DURATION.names or ()), mask=absent)


BUILDERS: Mapping[str, Callable[[Any, Values, Avro], pa.Array]] = {
    "record": _record,
    "array": _array,
    "map": _map,
    "union": _union,
    "decimal": _decimal,
    "uuid": _uuid,
    "duration": _duration,
}


def property_of(kind: Any, avro: Avro) -> Property:
    types, more = _json_types(kind, avro)
    return {"type": ["null", *sorted(types - {"null"}, key=ORDER.index)], **more}


def _json_types(kind: Any, avro: Avro) -> tuple[set[str], Property]:
    kind = resolved(kind, avro)
    name = name_of(kind)
    if name == "union":
        found = [_json_types(one, avro) for one in kind if one != "null"]
        return {one for types, _ in found for one in types}, found[0][1] if len(found) == 1 else {}
    if name in MOMENTS:
        zone = "timestamp_with_timezone" if MOMENTS[name].tz else "timestamp_without_timezone"
        return {"string"}, {"format": "date-time", "airbyte_type": zone}
    if name == "double" and avro.double_as_string:
        return {"string"}, {}
    json = {"boolean": "boolean", "int": "integer", "long": "integer", "float": "number", "double": "number"}
    json |= {"array": "array", "map": "object", "record": "object", "duration": "object"}
    return {json.get(name, "string")}, {"format": "date"} if name == "date" else {}


def parsed(schema: Any, double_as_string: bool) -> Avro:
    names: dict[str, Any] = {}
    whole: Any = fastavro.parse_schema(schema, names)
    return Avro(whole["fields"], names, double_as_string)
