"""Hive partitions: the folders `name=value` of a key as columns of text, as Airbyte's source-s3 has them for Parquet.

Unlike there, only folders count, not the file's name; a value may hold `=`; and Hive's own mark for null is null.
"""

import json
from collections.abc import Mapping
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.json_text import EMPTY, TEXT
from source_s3.render.lines import without_end
from source_s3.render.marks import RAW_OBJECT
from source_s3.s3_object import S3Object

NULL = "__HIVE_DEFAULT_PARTITION__"  # what Hive and Spark write for a null
Partitions = Mapping[str, str | None]


def partitions_of(item: S3Object) -> dict[str, str | None]:
    """By column, in the order of the folders, those inside of an archive too; of two with one name the inner counts."""
    folders = [folder for path in (item.key, item.member or "") for folder in path.split("/")[:-1]]
    pairs = (folder.partition("=") for folder in folders)
    values = {unquote(key): unquote(value) for key, mark, value in pairs if key and mark}
    return {key: None if value == NULL else value for key, value in values.items()}


def with_partitions(rows: pa.RecordBatch, partitions: Partitions) -> pa.RecordBatch:
    """The partitions as columns of each row, or as members of each JSON object. They win over the file's own."""
    if not partitions:
        return rows
    if rows.num_columns and rows.schema.field(0).metadata == RAW_OBJECT:
        objects = _with_members(rows.column(0), json.dumps(partitions)[1:])
        return pa.RecordBatch.from_arrays([objects], schema=rows.schema)
    kept = without(rows, partitions)
    columns = [pa.repeat(pa.scalar(value, TEXT), rows.num_rows) for value in partitions.values()]
    fields = [pa.field(name, TEXT) for name in partitions]
    return pa.RecordBatch.from_arrays([*kept.columns, *columns], schema=pa.schema([*kept.schema, *fields]))


def without(rows: pa.RecordBatch, names: Mapping[str, object]) -> pa.RecordBatch:
    """Without the columns of these names."""
    if names.keys().isdisjoint(rows.schema.names):
        return rows
    return rows.select([name for name in rows.schema.names if name not in names])


def _with_members(objects: pa.Array, members: str) -> pa.Array:
    """`members`: JSON members up to and with the closing brace."""
    bare = without_end(objects)
    comma = pc.if_else(pc.equal(bare, "{"), EMPTY, pa.scalar(",", TEXT))
    return pc.binary_join_element_wise(bare, comma, pa.scalar(members, TEXT), EMPTY)
