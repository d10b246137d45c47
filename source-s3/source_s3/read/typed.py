"""Columns of text to JSON types, as Airbyte's source-s3 casts them: by Python's int() and float(), words, and JSON.

A value that is not of its column's type stays text. Such a column has no Arrow type, so it becomes JSON texts.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.read.options import CsvFormat
from source_s3.render.json_text import TEXT
from source_s3.render.marks import RAW_VALUE

# Texts that are the JSON of the number that Python reads from them.
PLAIN = {"integer": r"^-?(0|[1-9][0-9]{0,999})$", "number": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?$"}
Masks = Mapping[str, pa.BooleanArray]


@dataclass(frozen=True, slots=True)
class Typed:
    """By column: `unfit`, where a value stays text; `nulled`, where NaN or an infinity became null.

    A float column keeps its NaN and infinities: that they become null is seen when it is rendered.
    """

    rows: pa.RecordBatch
    unfit: Masks
    nulled: Masks


def typed(rows: pa.RecordBatch, types: Mapping[str, str], options: CsvFormat) -> Typed:
    """The columns named in `types` as these JSON types; the others stay text."""
    columns, fields = [], []
    unfit, nulled = {}, {}
    for field, text in zip(rows.schema, rows.columns, strict=True):
        kind = types.get(field.name, "string")
        column, metadata = text, None
        if kind != "string":
            text = _without_nulls(text, options)  # noqa: PLW2901
            cast = _cast(text, kind, options)
            if cast is not None:
                column = cast
            else:
                column, unfit[field.name], nulled[field.name] = _json_texts(text, kind, options)
                metadata = RAW_VALUE
        columns.append(column)
        fields.append(pa.field(field.name, column.type, metadata=metadata))
    made = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields)) if fields else rows
    return Typed(made, _not_empty(unfit), _not_empty(nulled))


def _without_nulls(column: pa.Array, options: CsvFormat) -> pa.Array:
    """They count here even if texts can't be null."""
    if not options.null_values:
        return column
    return pc.if_else(pc.is_in(column, pa.array(options.null_values, column.type)), None, column)


def _cast(column: pa.Array, kind: str, options: CsvFormat) -> pa.Array | None:
    """All values at once; None where one of them does not fit, or Arrow and Python may differ about it."""
    if kind == "boolean":
        is_true, is_false = (
            pc.is_in(column, pa.array(words, TEXT)) for words in (options.true_values, options.false_values)
        )
        fit = pc.all(pc.or_(pc.or_(is_true, is_false), column.is_null()), min_count=0).as_py()
        return pc.if_else(column.is_valid(), is_true, None) if fit else None
    if kind not in PLAIN:
        return None
    foreign = "x" if kind == "integer" else "("  # 0x1F and nan(1) are numbers to Arrow
    if pc.any(pc.match_substring(column, foreign, ignore_case=True)).as_py():
        return None
    try:
        return pc.cast(column, pa.int64() if kind == "integer" else pa.float64())
    except pa.ArrowInvalid:
        return None


def _json_texts(column: pa.Array, kind: str, options: CsvFormat) -> tuple[pa.Array, pa.BooleanArray, pa.BooleanArray]:
    """The JSON texts, which values stay text, and which became null."""
    column = column.cast(TEXT)
    odd = column.is_valid()
    if kind in PLAIN:
        odd = pc.and_(odd, pc.invert(pc.match_substring_regex(column, PLAIN[kind]))).fill_null(False)
    words = dict.fromkeys(options.false_values, "false") | dict.fromkeys(options.true_values, "true")
    texts = column.filter(odd).to_pylist()
    values = [_json_text(text, kind, words) for text in texts]
    made = [json.dumps(text) if value is None else value for text, value in zip(texts, values, strict=True)]
    whole = pc.replace_with_mask(column, odd, pa.array(made, TEXT))
    places = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    unfit, nulled = np.zeros((2, len(column)), np.bool_)
    unfit[places] = [value is None for value in values]
    nulled[places] = [value == "null" and kind == "number" for value in values]
    return whole, pa.array(unfit), pa.array(nulled)


def _json_text(text: str, kind: str, words: Mapping[str, str]) -> str | None:
    """None: not of that type. NaN and infinities are null, as JSON has none."""
    try:
        match kind:
            case "integer":
                return str(int(text))
            case "number":
                number = float(text)
                return json.dumps(number) if math.isfinite(number) else "null"
            case "boolean":
                return words.get(text)
            case "array":
                return _one_line(text) if isinstance(orjson.loads(text), list) else None
            case "object":  # any JSON value, as in Airbyte's source-s3
                orjson.loads(text)
                return _one_line(text)
            case _:
                return None
    except ValueError:
        return None


def _one_line(text: str) -> str:
    """JSON as it stands, so that no number loses a digit. A line break can stand only between its parts."""
    return text.replace("\n", " ").replace("\r", " ")


def _not_empty(masks: Masks) -> Masks:
    return {name: mask for name, mask in masks.items() if mask.true_count}
