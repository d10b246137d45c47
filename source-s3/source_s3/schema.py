"""The JSON schema of a stream: a property for each column, merged over files, with the facts of the file.

A column is nullable always: the next file may lack it. Where two files differ in a column,
- of boolean, integer, number and text the wider one counts, in this order, as in Airbyte's source-s3;
- an array or an object stands beside what the other has (there, the discovery fails);
- the members of two objects and the elements of two arrays are merged by these rules;
- what both say alike stays (a format, such as that of a date); what only one says does not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from vector_ingest.errors import ConfigError

DOCUMENT_KEY = "document_key"
LAST_MODIFIED = "_ab_source_file_last_modified"
URL = "_ab_source_file_url"
ROW = "_ab_source_file_row"
DELETED_AT = "_ab_cdc_deleted_at"
UPDATED_AT = "_ab_cdc_updated_at"
ADDITIONAL = "_ab_additional_properties"  # what does not fit the catalog, under the policy Evolve
ADDED = frozenset({LAST_MODIFIED, URL, ROW, DELETED_AT, UPDATED_AT, ADDITIONAL})

Property = dict[str, Any]
Properties = dict[str, Property]
Declared = Mapping[str, frozenset[str]]  # JSON types by column, without null; none: any
STRING: Property = {"type": ["null", "string"]}
ORDER = ("null", "boolean", "integer", "number", "string", "array", "object")
ATOMS = ("boolean", "integer", "number", "string")  # from the narrowest to the widest


def properties_of(columns: pa.Schema) -> Properties:
    return {field.name: _property(field.type) for field in columns}


def properties_of_rows(rows: Iterable[Mapping[str, Any]]) -> Properties:
    """From parsed JSON objects. A column of which all values are null has the one type null."""
    properties: Properties = {}
    for row in rows:
        for name, value in row.items():
            kinds = ["null"] if value is None else ["null", json_type_of(value)]
            known = properties.get(name)
            if known is None or kinds[-1] not in known["type"]:
                properties[name] = _merged(known, {"type": kinds})
    return properties


def merge(one: Properties, other: Properties) -> Properties:
    return {**one, **{name: _merged(one.get(name), value) for name, value in other.items()}}


def _merged(one: Property | None, other: Property) -> Property:
    if one is None or _kinds(one) == {"null"}:
        return other
    if one == other or _kinds(other) == {"null"}:
        return one
    merged: Property = {"type": _widest(_kinds(one) | _kinds(other))}
    for key in [key for key in one if key in other and key != "type"]:
        mine, its = one[key], other[key]
        if mine == its:
            merged[key] = mine
        elif isinstance(mine, dict) and isinstance(its, dict):
            merged[key] = merge(mine, its) if key == "properties" else _merged(mine, its)
    return merged


def _kinds(value: Property) -> set[str]:
    kinds = value.get("type", [])
    return {kinds} if isinstance(kinds, str) else {*kinds}


def _widest(kinds: set[str]) -> list[str]:
    """With one of the types of which each holds those before it."""
    atoms = [kind for kind in ATOMS if kind in kinds]
    return ["null", *atoms[-1:], *(kind for kind in ("array", "object") if kind in kinds)]


def stream_schema(properties: Properties, extra: Properties) -> dict[str, Any]:
    """The whole schema; `extra` are fields that the connector adds, such as the row number or the time of deletion."""
    facts: Properties = {
        LAST_MODIFIED: {"type": ["null", "string"], "format": "date-time"},
        URL: STRING,
    }
    known = {name: value if _kinds(value) != {"null"} else STRING for name, value in properties.items()}
    return object_schema({**known, **extra, **facts})


def object_schema(properties: Properties) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": properties,
    }


def declared(json_schema: Mapping[str, Any]) -> Declared:
    """The columns of a configured catalog's schema, without what the connector adds; empty: it says nothing of them.

    The object `data` alone is what `discover` gives for a stream without files: nothing is known then either.
    AttributeError, TypeError: no JSON schema.
    """
    columns = {
        name: frozenset(_kinds(value) - {"null"})
        for name, value in (json_schema.get("properties") or {}).items()
        if name not in ADDED
    }
    return {} if columns == {"data": frozenset({"object"})} else columns


def json_types(kind: pa.DataType) -> frozenset[str]:
    """The JSON types that values of an Arrow type are written as: one, but for unions."""
    return frozenset(_types(kind)[0])


def _property(kind: pa.DataType) -> Property:
    if pa.types.is_null(kind):
        return {"type": ["null"]}
    kinds, more = _types(kind)
    return {"type": ["null", *kinds], **more}


def _types(kind: pa.DataType) -> tuple[list[str], Property]:
    """JSON types and format of an Arrow type, as `render` writes it."""
    checks = pa.types
    if checks.is_dictionary(kind) or checks.is_run_end_encoded(kind):
        return _types(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):  # such as Parquet's UUID and JSON
        return (["boolean"], {}) if isinstance(kind, pa.Bool8Type) else _types(kind.storage_type)
    if checks.is_null(kind):
        return ["string"], {}
    if checks.is_boolean(kind):
        return ["boolean"], {}
    if checks.is_integer(kind) or checks.is_duration(kind):
        return ["integer"], {}
    if checks.is_floating(kind):
        return ["number"], {}
    if checks.is_timestamp(kind):
        zone = "timestamp_with_timezone" if kind.tz else "timestamp_without_timezone"
        return ["string"], {"format": "date-time", "airbyte_type": zone}
    if checks.is_date(kind):
        return ["string"], {"format": "date"}
    return _other_types(kind)


def _other_types(kind: pa.DataType) -> tuple[list[str], Property]:
    checks = pa.types
    if checks.is_struct(kind) or checks.is_map(kind):
        return ["object"], {}
    if checks.is_union(kind):
        found = {name for index in range(kind.num_fields) for name in _types(kind.field(index).type)[0]}
        return sorted(found, key=ORDER.index), {}
    if checks.is_nested(kind) or checks.is_interval(kind):
        return ["array"], {}
    text = (checks.is_string, checks.is_large_string, checks.is_string_view, checks.is_time, checks.is_decimal)
    binary = (checks.is_binary, checks.is_large_binary, checks.is_fixed_size_binary, checks.is_binary_view)
    if any(check(kind) for check in (*text, *binary)):
        return ["string"], {}
    raise ConfigError(
        f"a column has the Arrow type {kind}, which has no JSON form here: write the file with another type"
    )


def json_type_of(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
