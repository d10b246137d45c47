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
        if kind != "string" and options.null_values:  # they count here even if texts can't be null
            column = pc.if_else(pc.is_in(column, pa.array(options.null_values, column.type)), None, column)  # noqa: PLW2901
        cast = column if kind == "string" else _cast(column, kind)
        raw = cast is None
        columns.append(_json_texts(column, kind, options) if cast is None else cast)
        fields.append(pa.field(field.name, columns[-1].type, metadata=RAW_VALUE if raw else None))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _cast(column: pa.Array, kind: str) -> pa.Array | None:
    """All values at once; None where one of them does not fit."""
    if kind not in ARROW:
        return None
    if pc.any(
        pc.match_substring_regex(column, "(?i)[xin]")
    ).as_py():  # 0x1F, infinity, NaN: numbers to Arrow, not to JSON
        return None
    try:
        cast = pc.cast(column, ARROW[kind])
    except pa.ArrowInvalid:
        return None
    return cast if kind == "integer" or pc.all(pc.is_finite(cast)).as_py() is not False else None


def _json_texts(column: pa.Array, kind: str, options: CsvFormat) -> pa.Array:
    texts = (None if value is None else _json_text(value, kind, options) for value in column.to_pylist())
    return pa.array(texts, pa.large_string())


def _json_text(text: str, kind: str, options: CsvFormat) -> str:
    try:
        return json.dumps(_value(text, kind, options), allow_nan=False)
    except (ValueError, RecursionError):  # NaN and infinities are not JSON; nor is what is nested too deep
        return json.dumps(text)


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
