"""What a record has lost: NaN and infinities are null in JSON, and `meta.changes` names the fields that held one."""

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from source_s3.render.json_text import EMPTY, TEXT
from source_s3.render.nested import Elements, children, elements, members, raw, run_of_each

Lost = npt.NDArray[np.bool_]
REASON = "SOURCE_SERIALIZATION_ERROR"  # of those that the protocol knows, the one for a value that has no place


def change_entry(name: str) -> str:
    """Of a field whose value became null, with a comma before it."""
    return "," + json.dumps({"field": name, "change": "NULLED", "reason": REASON})


def render_changes(rows: pa.RecordBatch, given: Sequence[pa.Array] = ()) -> pa.Array | None:
    """The end of each line where some row of the batch has lost a value; None where no row has.

    `given`: entries as JSON texts, a comma before each, besides those that are seen here.
    """
    entries = [*given]
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        lost = _lost(column)
        if lost is not None and lost.any():
            entries.append(pc.if_else(pa.array(lost), pa.scalar(change_entry(name), TEXT), EMPTY))
    if not entries:
        return None
    listed = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*entries, EMPTY), 1)
    meta = pc.binary_join_element_wise(
        pa.scalar(',"meta":{"changes":[', TEXT), listed, pa.scalar("]}}}\n", TEXT), EMPTY
    )
    return pc.if_else(pc.equal(listed, ""), pa.scalar("}}\n", TEXT), meta)


def _lost(array: pa.Array) -> Lost | None:
    """For each value, whether it holds a NaN or an infinity at any depth; None if there can be none."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _lost(array.storage)
    if pa.types.is_floating(kind):
        return _not_finite(array)
    if pa.types.is_dictionary(kind):
        lost = _lost(array.dictionary)
        indices = array.indices.cast(pa.int64()).fill_null(-1).to_numpy()
        return None if lost is None else np.append(lost, False)[indices]
    if pa.types.is_run_end_encoded(kind):
        lost = _lost(array.values)
        return None if lost is None else lost[run_of_each(array)]
    if pa.types.is_nested(kind):
        return _lost_inside(array)
    return None


def _not_finite(floats: pa.Array) -> Lost:
    lost: Lost = ~np.isfinite(raw(floats, 1, f"f{floats.type.bit_width // 8}"))
    return lost & _valid(floats) if floats.null_count else lost


def _lost_inside(array: pa.Array) -> Lost | None:
    kind = array.type
    if pa.types.is_struct(kind):
        found = [lost for lost in map(_lost, children(array)) if lost is not None]
        return np.logical_or.reduce(found) & _valid(array) if found else None
    if pa.types.is_union(kind):
        marks, nothing = np.zeros(len(array), np.bool_), True
        for rows, child, places in members(array):
            lost = _lost(child)
            if lost is not None:
                marks[rows], nothing = lost[places], False
        return None if nothing else marks
    return _lost_in_lists(elements(array, array.items if pa.types.is_map(kind) else array.values))


def _lost_in_lists(found: Elements) -> Lost | None:
    """A map's keys are not among them: any text can be a name."""
    lost = _lost(found.values)
    if lost is None:
        return None
    before = np.concatenate([[0], np.cumsum(lost if found.places is None else lost[found.places])])
    ends = np.cumsum(found.sizes)
    marks: Lost = before[ends] > before[ends - found.sizes]
    return marks


def _valid(array: pa.Array) -> Lost:
    valid: Lost = array.is_valid().to_numpy(zero_copy_only=False)
    return valid
