"""Whether rows conform to the configured catalog, column by column, and what becomes of what does not.

A value conforms if its JSON type is its column's or a narrower one: a boolean is an integer, an integer a number, and
all of these are text, as in Airbyte's source-s3. Null conforms always. A column that the catalog lacks does not.
Elements of arrays and members of objects are not looked at.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.changes import change_entry
from source_s3.render.json_text import EMPTY, TEXT, to_json
from source_s3.render.marks import CHANGES, RAW_VALUE
from source_s3.schema import ADDITIONAL, Declared, json_types
from vector_ingest.errors import DataError

# By type of a value: the types of a column that take it.
TAKERS = {
    "boolean": {"boolean", "integer", "number", "string"},
    "integer": {"integer", "number", "string"},
    "number": {"number", "string"},
    "string": {"string"},
    "array": {"array"},
    "object": {"object"},
}
# By type of a column: the JSON texts of the values that it takes.
TEXTS = {
    "boolean": "true|false",
    "integer": "true|false|-?[0-9]+",
    "number": "true|false|[-0-9].*",
    "string": '(?s:true|false|[-0-9"].*)',
    "array": r"(?s:\[.*)",
    "object": r"(?s:\{.*)",
}
LONGEST = 80  # characters of a value that a message shows


@dataclass(frozen=True, slots=True)
class Misfits:
    """`extra`: columns that the catalog lacks. `unfit`: by other columns, where a value is not of its type."""

    extra: Sequence[str]
    unfit: Mapping[str, pa.BooleanArray]


def misfits_of(rows: pa.RecordBatch, declared: Declared) -> Misfits:
    """A column of a fitting Arrow type costs nothing."""
    unfit = {}
    for field, column in zip(rows.schema, rows.columns, strict=True):
        kinds = declared.get(field.name)
        if kinds:
            mask = _unfit(field, column, kinds)
            if mask is not None and mask.true_count:
                unfit[field.name] = mask
    return Misfits([name for name in rows.schema.names if name not in declared], unfit)


def _unfit(field: pa.Field, column: pa.Array, kinds: frozenset[str]) -> pa.BooleanArray | None:
    found = json_types(field.type)
    if field.metadata == RAW_VALUE or len(found) > 1:
        texts = column if field.metadata == RAW_VALUE else to_json(column)
        fitting = "|".join(TEXTS[kind] for kind in kinds if kind in TEXTS)
        return pc.invert(pc.match_substring_regex(texts, f"^(null|{fitting})$")).fill_null(False)
    if pa.types.is_null(field.type) or all(TAKERS[kind] & kinds for kind in found):
        return None
    return column.is_valid()


def conforming(rows: pa.RecordBatch, misfits: Misfits) -> pa.BooleanArray:
    """Which rows conform."""
    if misfits.extra:
        return pa.repeat(pa.scalar(value=False), rows.num_rows)
    bad = np.zeros(rows.num_rows, np.bool_)
    for mask in misfits.unfit.values():
        bad |= mask.to_numpy(zero_copy_only=False)
    return pa.array(~bad)


def misfit_at(rows: pa.RecordBatch, misfits: Misfits, row: int, declared: Declared) -> str:
    """What is wrong in a row that does not conform: column, expected, found."""
    if misfits.extra:
        return extra_column(misfits.extra[0])
    name = next(name for name, mask in misfits.unfit.items() if mask[row].as_py())
    return wrong_type(name, either(declared[name]), text_at(rows, name, row))


def extra_column(name: str) -> str:
    return f"expected the catalog's columns only, found the column `{name}`"


def either(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def wrong_type(name: str, expected: str, found: str) -> str:
    """`found`: as JSON."""
    shown = found if len(found) <= LONGEST else f"{found[:LONGEST]}…"
    return f"column `{name}`: expected {expected}, found {shown}"


def text_at(rows: pa.RecordBatch, name: str, row: int) -> str:
    """A value as JSON."""
    column = rows.column(name).slice(row, 1)
    raw = rows.schema.field(name).metadata == RAW_VALUE
    return str((column if raw else to_json(column))[0].as_py())


def evolved(rows: pa.RecordBatch, misfits: Misfits) -> pa.RecordBatch:
    """What does not fit moves into the object ADDITIONAL. A value of a known column leaves null, and a change entry.

    DataError: such a value is no valid text.
    """
    if not misfits.extra and not misfits.unfit:
        return rows
    moved, changes, kept, fields = [], [], [], []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        mask = column.is_valid() if field.name in misfits.extra else misfits.unfit.get(field.name)
        if mask is not None:
            moved.append(_members(field, column, mask))
        if field.name in misfits.extra:
            continue
        if mask is not None:
            changes.append(pc.if_else(mask, pa.scalar(change_entry(field.name), TEXT), EMPTY))
            column = pc.if_else(mask, pa.scalar(None, column.type), column)  # noqa: PLW2901
        kept.append(column)
        fields.append(field)
    members = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*moved, EMPTY), 1)
    objects = pc.binary_join_element_wise(pa.scalar("{", TEXT), members, pa.scalar("}", TEXT), EMPTY)
    kept.append(pc.if_else(pc.equal(members, ""), pa.scalar(None, TEXT), objects))
    fields.append(pa.field(ADDITIONAL, TEXT, metadata=RAW_VALUE))
    made = pa.RecordBatch.from_arrays(kept, schema=pa.schema(fields))
    return with_changes(made, pc.binary_join_element_wise(*changes, EMPTY)) if changes else made


def _members(field: pa.Field, column: pa.Array, mask: pa.BooleanArray) -> pa.Array:
    """A comma, the name and the value where the mask is set; else nothing."""
    if field.metadata != RAW_VALUE:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataError(f"column `{field.name}`", f"expected valid values, found: {error}") from error
        column = to_json(column)
    name = pa.scalar(f",{json.dumps(field.name)}:", TEXT)
    return pc.if_else(mask, pc.binary_join_element_wise(name, column.fill_null("null"), EMPTY), EMPTY)


def with_changes(rows: pa.RecordBatch, entries: pa.Array) -> pa.RecordBatch:
    """`entries`: JSON texts, a comma before each. Joined to those that the rows carry."""
    last = rows.num_columns - 1
    if last >= 0 and rows.schema.field(last).metadata == CHANGES:
        entries = pc.binary_join_element_wise(rows.column(last), entries, EMPTY)
        rows = rows.select(list(range(last)))
    field = pa.field("\0changes", TEXT, metadata=CHANGES)
    return pa.RecordBatch.from_arrays([*rows.columns, entries], schema=rows.schema.append(field))
