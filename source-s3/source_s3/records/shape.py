"""Rows as a file has them to rows as the stream delivers them: cast, projected, held against the catalog's schema.

Each batch by itself, so that several can be shaped at once. What was left out or does not fit is told by the caller.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.plan import StreamPlan
from source_s3.progress import NAMED
from source_s3.read import Batch
from source_s3.read.options import CsvFormat
from source_s3.read.typed import Masks, Typed, typed
from source_s3.records.conform import (
    conforming,
    either,
    evolved,
    misfit_at,
    misfits_of,
    text_at,
    with_changes,
    wrong_type,
)
from source_s3.records.conform_json import evolved_objects, misfit_in, misfits_of_objects
from source_s3.records.partitions import Partitions, with_partitions, without
from source_s3.render.changes import change_entry
from source_s3.render.json_text import EMPTY, TEXT
from source_s3.render.marks import RAW_OBJECT

Fit = npt.NDArray[np.bool_]
REMEDY = (
    "The validation policy is to wait: refresh the connection's schema, so that the catalog has what the files have. "
    "The next sync goes on with this object"
)


@dataclass(frozen=True, slots=True)
class Unfit:
    """Values of a column that are not of its type: how many, and the first one in words."""

    count: int
    first: str


@dataclass(frozen=True, slots=True)
class Shaped:
    """`strange`: columns that the catalog lacks, and that are left out or moved. `unfit`: by column.

    `skipped`: rows that do not conform, the first of them in `named`. `stop`: why the stream ends after these rows.
    """

    rows: pa.RecordBatch
    strange: Sequence[str] = ()
    unfit: Mapping[str, Unfit] = field(default_factory=dict)
    skipped: int = 0
    named: Sequence[str] = ()
    stop: str | None = None


def shape(batch: Batch, plan: StreamPlan, partitions: Partitions) -> Shaped:
    """`partitions`: those of the file, of which `constants` are left to the template of its lines."""
    rows, first_row = batch.rows, batch.first_row
    is_raw = bool(rows.num_columns) and rows.schema.field(0).metadata == RAW_OBJECT
    rows = rows if is_raw else without(rows, partitions)
    rows = with_partitions(rows, _rest(partitions, plan))
    if is_raw:
        return _objects(rows, first_row, plan) if plan.validates else Shaped(rows)
    left_out = [name for name in rows.schema.names if not plan.knows(name)] if plan.projects else []
    cast = _cast(without(rows, dict.fromkeys(left_out)), plan)
    if plan.validates:
        shaped = _table(cast, first_row, plan)
    else:
        types = plan.types_by_column
        unfit = {name: _unfit(cast.rows, name, mask, first_row, types[name]) for name, mask in cast.unfit.items()}
        shaped = Shaped(_with_nulled(cast.rows, cast.nulled), unfit=unfit)
    return replace(shaped, strange=[*shaped.strange, *left_out, *batch.left_out])


def constants(partitions: Partitions, plan: StreamPlan) -> Partitions:
    """Those that are a field of every record."""
    return {name: value for name, value in partitions.items() if not plan.schemaless and plan.knows(name)}


def _rest(partitions: Partitions, plan: StreamPlan) -> Partitions:
    """Those that a policy decides on, or that are inside of the object `data`."""
    return {name: value for name, value in partitions.items() if plan.schemaless or not plan.knows(name)}


def _cast(rows: pa.RecordBatch, plan: StreamPlan) -> Typed:
    if not isinstance(plan.format, CsvFormat) or not plan.types_by_column:
        return Typed(rows, {}, {})
    return typed(rows, plan.types_by_column, plan.format)


def _table(cast: Typed, first_row: int, plan: StreamPlan) -> Shaped:
    rows, misfits = cast.rows, misfits_of(cast.rows, plan.columns)
    if plan.validation == "Evolve":
        unfit = {
            name: _unfit(rows, name, mask, first_row, either(plan.columns[name]))
            for name, mask in misfits.unfit.items()
        }
        return Shaped(_with_nulled(evolved(rows, misfits), cast.nulled), misfits.extra, unfit)
    fit = conforming(rows, misfits).to_numpy(zero_copy_only=False)
    return _those_that_fit(
        _with_nulled(rows, cast.nulled), first_row, plan, fit, lambda row: misfit_at(rows, misfits, row, plan.columns)
    )


def _objects(rows: pa.RecordBatch, first_row: int, plan: StreamPlan) -> Shaped:
    misfits = misfits_of_objects(rows.column(0), plan.columns)

    def describe(row: int, name: str) -> str:
        return misfit_in(rows.column(0)[row].as_py().encode(), name, plan.columns)

    if plan.validation != "Evolve":
        fit = np.array([not bad for bad in misfits], np.bool_)
        return _those_that_fit(rows, first_row, plan, fit, lambda row: describe(row, misfits[row][0]))
    counts = Counter(name for bad in misfits for name in bad)
    first = {name: row for row, bad in reversed([*enumerate(misfits)]) for name in bad}
    unfit = {
        name: Unfit(count, f"row {first_row + first[name] + 1:,}, {describe(first[name], name)}")
        for name, count in counts.items()
        if name in plan.columns
    }
    strange = [name for name in counts if name not in plan.columns]
    return Shaped(evolved_objects(rows, plan.columns, misfits), strange, unfit)


def _those_that_fit(
    rows: pa.RecordBatch, first_row: int, plan: StreamPlan, fit: Fit, describe: Callable[[int], str]
) -> Shaped:
    """All of them, or those before the first that does not fit."""
    bad = np.flatnonzero(~fit)
    if not len(bad):
        return Shaped(rows)
    named = [f"row {first_row + row + 1:,}, {describe(row)}" for row in bad[:NAMED].tolist()]
    if plan.validation == "Wait for Discover":
        return Shaped(rows.slice(0, int(bad[0])), stop=f"{named[0]}. {REMEDY}")
    return Shaped(rows.filter(pa.array(fit)), skipped=len(bad), named=named)


def _unfit(rows: pa.RecordBatch, name: str, mask: pa.BooleanArray, first_row: int, expected: str) -> Unfit:
    row = mask.index(True).as_py()
    return Unfit(
        mask.true_count, f"row {first_row + row + 1:,}, {wrong_type(name, expected, text_at(rows, name, row))}"
    )


def _with_nulled(rows: pa.RecordBatch, nulled: Masks) -> pa.RecordBatch:
    if not nulled:
        return rows
    changes = [pc.if_else(mask, pa.scalar(change_entry(name), TEXT), EMPTY) for name, mask in nulled.items()]
    return with_changes(rows, pc.binary_join_element_wise(*changes, EMPTY))
