"""Types of CSV columns from their first values, as Airbyte's source-s3 infers them: every value must fit."""

from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from source_s3.read.options import CsvFormat
from source_s3.schema import Properties

SAMPLE = 1_000_000  # bytes of values, as in Airbyte's source-s3


def infer(names: Sequence[str], batches: Iterable[pa.RecordBatch], options: CsvFormat) -> Properties:
    """A column without any value but the null values is text."""
    values: dict[str, set[str]] = {name: set() for name in names}
    size = 0
    for rows in batches:
        for name, column in zip(rows.schema.names, rows.columns, strict=True):
            values[name].update(pc.unique(column).to_pylist())
        size += rows.nbytes
        if size >= SAMPLE:
            break
    return {name: {"type": ["null", _type(found, options)]} for name, found in values.items()}


def _type(values: set[str], options: CsvFormat) -> str:
    left = values.difference(options.null_values)
    if not left:
        return "string"
    if left <= {*options.true_values, *options.false_values}:
        return "boolean"
    if all(_is(int, value) for value in left):
        return "integer"
    return "number" if all(_is(float, value) for value in left) else "string"


def _is(kind: Callable[[str], object], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True
