"""Rows that can't be rendered, found among those that can: text that is not UTF-8, a date that has no ISO 8601 form.

Columns are rendered whole, so one such value fails all its batch. Halving the batch finds it; good batches pay nothing.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from source_s3.read import BadRow
from source_s3.render import Template, render
from vector_ingest.errors import DataError


@dataclass(slots=True)
class Rendered:
    """The lines of the good rows in their order, how many those are, and the bad rows."""

    lines: list[memoryview] = field(default_factory=list)
    rows: int = 0
    refused: list[BadRow] = field(default_factory=list)


def render_good(rows: pa.RecordBatch, first_row: int, delivered: int, template: Template) -> Rendered:
    """`first_row`: the number of the first row in its file; `delivered`: the rows that left before. Both from 0.

    The lines' row numbers go on from `delivered`, without gaps.
    """
    found = Rendered()
    _render(rows, first_row, delivered, template, found)
    return found


def _render(rows: pa.RecordBatch, first_row: int, delivered: int, template: Template, found: Rendered) -> None:
    try:
        lines = render(rows, delivered + found.rows, template)
    except DataError as error:
        if rows.num_rows == 1:
            found.refused.append(BadRow(f"row {first_row + 1:,}", f"{error.where}: {error.reason}"))
            return
        half = rows.num_rows // 2
        _render(rows.slice(0, half), first_row, delivered, template, found)
        _render(rows.slice(half), first_row + half, delivered, template, found)
        return
    found.lines.append(lines)
    found.rows += rows.num_rows
