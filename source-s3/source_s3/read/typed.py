"""Columns of text to the types that the user has given, as Airbyte's source-s3 does it.

A value that is not of its column's type stays text. Such a column has no Arrow type, so it becomes JSON texts.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from source_s3.read.options import CsvFormat
from source_s3.render import RAW_VALUE

ARROW: dict[str, pa.DataType] = {"integer": pa.int64(), "number": pa.float64()}


def typed(rows: pa.RecordBatch, types: Mapping[str, str], options: CsvFormat) -> pa.RecordBatch:
    """The columns named in `types` as these JSON types; the others stay text."""
    columns, fields = [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        kind = types.get(field.name, "string")
        cast = column if kind == "string" else _cast(column, kind)
        raw = cast is None
        columns.append(_json_texts(column, kind, options) if cast is None else cast)
        fields.append(pa.field(field.name, columns[-1].type, metadata=RAW_VALUE if raw else None))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _cast(column: pa.Array, kind: str) -> pa.Array | None:
    """All values at once; None where one of them does not fit."""
    if kind not in ARROW:
        return None
    try:
        return pc.cast(column, ARROW[kind])
    except pa.ArrowInvalid:
        return None


def _json_texts(column: pa.Array, kind: str, options: CsvFormat) -> pa.Array:
    texts = (None if value is None else json.dumps(_value(value, kind, options)) for value in column.to_pylist())
    return pa.array(texts, pa.large_string())


def _value(text: str, kind: str, options: CsvFormat) -> Any:
    """The value, or the text itself if it is not one of that type."""
    try:
        match kind:
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                words = dict.fromkeys(options.false_values, False) | dict.fromkeys(options.true_values, True)
                return words[text]
            case _:
                value = json.loads(text)
                return value if isinstance(value, dict if kind == "object" else list) else text
    except (ValueError, KeyError):
        return text
