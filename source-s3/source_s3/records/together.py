"""Tiny CSV files of one header read as one: a file costs calls that take no longer for a hundred times its rows.

Whatever is not quite so plain is read alone, where it is told what is wrong with it.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from source_s3.read import Batch, Reading, table_reader
from source_s3.read.options import CsvFormat
from source_s3.records.drift import Drift
from source_s3.records.pieces import Job, Piece, facts, now
from source_s3.records.shape import Shaped, shape
from source_s3.render.json_text import TEXT
from source_s3.render.lines import Template, render
from source_s3.render.marks import CHANGES, RAW_VALUE
from source_s3.s3_object import S3Object
from source_s3.schema import ROW
from vector_ingest.errors import DataError

File = tuple[S3Object, bytes]


def read_together(job: Job, files: Sequence[File]) -> Iterator[Sequence[Piece] | None]:
    """The pieces of each file, in order; None: read it alone."""
    for _, run in groupby(files, key=lambda file: _header(file[1])):
        neighbours = list(run)
        pieces = _pieces(job, neighbours) if len(neighbours) > 1 else None
        yield from [None] * len(neighbours) if pieces is None else pieces


def _header(body: bytes) -> bytes:
    return body[: body.find(b"\n") + 1]


def _pieces(job: Job, files: Sequence[File]) -> Sequence[Sequence[Piece]] | None:
    joined = _joined([body for _, body in files])
    if joined is None:
        return None
    text, counts = joined
    assert isinstance(job.plan.format, CsvFormat)
    columns = frozenset(job.plan.columns) if job.plan.projects else None
    try:
        batches = list(table_reader(job.plan.format).read(io.BytesIO(text), job.plan.format, Reading(None, columns)))
        if not _is_whole(batches, sum(counts)):
            return None
        shaped = shape(batches[0], job.plan, {})
        if shaped.unfit or shaped.skipped or shaped.stop:
            return None
        lines = _render(shaped, job, [item for item, _ in files], counts)
    except DataError:
        return None
    with closing(Drift(job.plan, files[0][0].name, job.progress)) as drift:
        drift.add(shaped)
    parts = zip(files, counts, _split(lines, counts), strict=True)
    return [
        [Piece(rows=count, lines=part, records=count, place=item.size)] if count else []
        for (item, _), count, part in parts
    ]


def _joined(bodies: Sequence[bytes]) -> tuple[bytes, list[int]] | None:
    """One text, and how many rows each file has if each of its lines is one."""
    header = _header(bodies[0])
    parts, counts = [header], []
    for body in bodies:
        if body.count(b"\r") != body.count(b"\r\n"):  # a line break by itself
            return None
        rows = body[len(header) :]
        parts.append(rows if not rows or rows.endswith(b"\n") else rows + b"\n")
        counts.append(parts[-1].count(b"\n"))
    return (b"".join(parts), counts) if header and any(counts) else None


def _is_whole(batches: Sequence[Batch], rows: int) -> bool:
    """No file has more rows than lines, so with as many rows as lines in all, none has fewer: each line is a row."""
    return len(batches) == 1 and not batches[0].refused and batches[0].rows.num_rows == rows


def _render(shaped: Shaped, job: Job, items: Sequence[S3Object], counts: Sequence[int]) -> memoryview:
    """With the facts of each row's file as columns, instead of as constants of the lines."""
    rows, total = shaped.rows, sum(counts)
    file_of_row = np.repeat(np.arange(len(counts)), counts)
    columns: dict[str, pa.Array] = {}
    if job.plan.rows_are_numbered:
        before = np.cumsum([0, *counts[:-1]])
        columns[ROW] = pa.array(np.arange(1, total + 1) - before[file_of_row]).cast(TEXT)
    of_files = [facts(item) for item in items]
    for name in of_files[0]:
        columns[name] = pa.array([json.dumps(found[name]) for found in of_files], TEXT).take(pa.array(file_of_row))
    return render(_with_facts(rows, columns), 0, Template(job.plan.name, job.namespace, now(), {}))


def _with_facts(rows: pa.RecordBatch, facts: dict[str, pa.Array]) -> pa.RecordBatch:
    """They win over columns of the same name, and stand before the changes."""
    own = [(field, column) for field, column in zip(rows.schema, rows.columns, strict=True) if field.name not in facts]
    last = [own.pop()] if own and own[-1][0].metadata == CHANGES else []
    fields = [(pa.field(name, TEXT, metadata=RAW_VALUE), column) for name, column in facts.items()]
    schema, arrays = zip(*own, *fields, *last, strict=True)
    return pa.RecordBatch.from_arrays(list(arrays), schema=pa.schema(list(schema)))


def _split(lines: memoryview, counts: Sequence[int]) -> Iterator[memoryview]:
    """So many lines for each."""
    ends: npt.NDArray[np.int64] = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n")) + 1
    places = np.concatenate(([0], ends))[np.cumsum([0, *counts])].tolist()
    return (lines[first:last] for first, last in pairwise(places))
