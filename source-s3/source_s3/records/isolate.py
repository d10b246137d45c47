"""Rows that can't be rendered, found among those that can: text that is not UTF-8, a date that has no ISO 8601 form.

Columns are rendered whole, so one such value fails all its batch. Halving the batch finds it; good batches pay nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from source_s3.read import BadRow
from source_s3.render.lines import Template, render
from vector_ingest.errors import DataError


@dataclass(frozen=True, slots=True)
class Rendered:
    """The lines of neighbouring good rows, or a bad row with its number in the file, from 1."""

    lines: memoryview
    bad: tuple[int, BadRow] | None = None


def render_good(rows: pa.RecordBatch, first_row: int, template: Template) -> Iterator[Rendered]:
    """In the order of the rows. `first_row`: the number of the first one in its file, from 0.

    A bad row keeps its number: those of the others have a gap there.
    """
    try:
        yield Rendered(render(rows, first_row, template))
    except (DataError, RecursionError) as error:
        if rows.num_rows == 1:
            number = first_row + 1
            yield Rendered(memoryview(b""), (number, BadRow(f"row {number:,}", _reason(error))))
            return
        half = rows.num_rows // 2
        yield from render_good(rows.slice(0, half), first_row, template)
        yield from render_good(rows.slice(half), first_row + half, template)


def _reason(error: DataError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "expected values of some hundred levels in each other at most, found more"
    return str(error)
