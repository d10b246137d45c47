"""Decimals as JSON numbers: their own digits, so that none is lost on the way through a float."""

import pyarrow as pa

from source_s3.render.json_text import TEXT
from source_s3.render.marks import RAW_VALUE


def with_numbers(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Columns of decimals become JSON texts. Decimals inside of other types stay as they are."""
    if not any(map(pa.types.is_decimal, rows.schema.types)):
        return rows
    fields, columns = [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        is_decimal = pa.types.is_decimal(field.type)
        fields.append(pa.field(field.name, TEXT, metadata=RAW_VALUE) if is_decimal else field)
        columns.append(column.cast(TEXT) if is_decimal else column)
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def number_types(columns: pa.Schema) -> pa.Schema:
    """The types that such columns have in JSON."""
    kinds = [pa.float64() if pa.types.is_decimal(field.type) else field.type for field in columns]
    return pa.schema([pa.field(field.name, kind) for field, kind in zip(columns, kinds, strict=True)])
