"""The JSON schema of a stream: a property for each column, merged over files, with the facts of the file.

A column is nullable always: the next file may lack it. Where two files differ, a column has the types of both, but
that an integer beside a number is a number, and a date beside a timestamp plain text.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from vector_ingest.errors import ConfigError

LAST_MODIFIED = "_ab_source_file_last_modified"
URL = "_ab_source_file_url"
ROW = "_ab_source_file_row"
DELETED_AT = "_ab_cdc_deleted_at"
UPDATED_AT = "_ab_cdc_updated_at"

Property = dict[str, Any]
Properties = dict[str, Property]
ORDER = ("null", "boolean", "integer", "number", "string", "array", "object")


def properties_of(columns: pa.Schema) -> Properties:
    return {field.name: {"type": ["null", *_types(field.type)[0]], **_types(field.type)[1]} for field in columns}


def properties_of_rows(rows: Iterable[Mapping[str, Any]]) -> Properties:
    """From parsed JSON objects."""
    properties: Properties = {}
    for row in rows:
        for name, value in row.items():
            kinds = ["null"] if value is None else ["null", _json_type(value)]
            properties = merge_one(properties, name, {"type": kinds})
    return {
        name: value if value["type"] != ["null"] else {"type": ["null", "string"]} for name, value in properties.items()
    }


def merge(one: Properties, other: Properties) -> Properties:
    merged = dict(one)
    for name, value in other.items():
        merged = merge_one(merged, name, value)
    return merged


def merge_one(properties: Properties, name: str, value: Property) -> Properties:
    known = properties.get(name)
    if known is None:
        properties[name] = value
    elif known != value:
        kinds = {*known["type"], *value["type"]}
        if "number" in kinds:
            kinds.discard("integer")
        same_format = known.get("format") == value.get("format") and "format" in known
        properties[name] = {
            "type": sorted(kinds, key=ORDER.index),
            **({"format": known["format"]} if same_format else {}),
        }
    return properties


def stream_schema(properties: Properties, extra: Properties) -> dict[str, Any]:
    """The whole schema; `extra` are fields that the connector adds, such as the row number or the time of deletion."""
    facts: Properties = {
        LAST_MODIFIED: {"type": ["null", "string"], "format": "date-time"},
        URL: {"type": ["null", "string"]},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": {**properties, **extra, **facts},
    }


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


def _json_type(value: object) -> str:
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
