"""A table to RECORD lines, batch by batch: read ahead in one thread, shaped and rendered in others."""

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from source_s3.content.contents import SMALL
from source_s3.plan import StreamPlan
from source_s3.read import Batch, Reading, table_reader
from source_s3.read.options import UnstructuredFormat
from source_s3.records.drift import Drift
from source_s3.records.isolate import render_good
from source_s3.records.overlap import overlapped
from source_s3.records.partitions import partitions_of
from source_s3.records.pieces import BEGIN, Job, Piece, Start, facts, now
from source_s3.records.shape import Shaped, constants, shape
from source_s3.render.lines import Template
from source_s3.s3_object import S3Object
from source_s3.schema import ROW

IN_FLIGHT = 48 * 1024 * 1024  # bytes of batches and their lines
WEIGHT = 4  # a batch and its lines weigh so many times the batch's columns, at least
BESIDE_NAME = 4  # bytes: the marks around a name and behind its value
BAD_ROW = 512  # bytes: of one, besides its text
LINES = IN_FLIGHT // 2  # bytes: so that two batches of very many short rows are under way at least
RENDERERS = max(2, min(4, os.cpu_count() or 1))


def read_table(file: BinaryIO, job: Job, item: S3Object, start: Start = BEGIN) -> Generator[Piece, None, None]:
    """`file` holds the rows of `item`.

    DataError, without the object's name: there is no way to go on.
    """
    plan = job.plan
    assert not isinstance(plan.format, UnstructuredFormat)
    partitions = partitions_of(item) if plan.hive else {}
    template = _template(plan, job.namespace, item, partitions)
    around = len(template.head()) + len(template.tail())
    table = _Table(plan, partitions, template, job.bucket.address_of(item), around)
    reading = Reading(start.position, frozenset(plan.columns) if plan.projects else None)
    with closing(Drift(plan, item.name, job.progress)) as drift:
        batches = table_reader(plan.format).read(file, plan.format, reading)
        read = _reads(batches, file, table, start.rows)
        for piece, shaped in _pieces(read, table, overlap=item.size > SMALL):
            drift.add(shaped)
            yield piece


@dataclass(frozen=True, slots=True)
class _Read:
    """`first_row`: the number that its first row is delivered with, from 0. `shaped`: if that was needed to know it."""

    batch: Batch
    place: int
    first_row: int
    shaped: Shaped | None = None


@dataclass(frozen=True, slots=True)
class _Table:
    """What all batches of a file need on their way to lines. `where` is its address.

    `around`: the bytes of a line without any column.
    """

    plan: StreamPlan
    partitions: Mapping[str, str | None]
    template: Template
    where: str
    around: int

    def shape(self, batch: Batch) -> Shaped:
        return shape(batch, self.plan, self.partitions)

    def weigh(self, read: _Read) -> int:
        """Of the batch, its bad rows and its lines, which hold the names of the columns and the template, too."""
        rows, refused = read.batch.rows, read.batch.refused
        names = sum(map(len, rows.schema.names)) + BESIDE_NAME * rows.num_columns
        size = _values(rows)
        lines = min(LINES, 2 * size + rows.num_rows * (names + self.around))
        return int(max(WEIGHT * size, lines)) + sum(len(bad.raw or b"") + BAD_ROW for bad in refused)

    def piece(self, read: _Read) -> tuple[Piece, Shaped]:
        batch, shaped = read.batch, read.shaped or self.shape(read.batch)
        parts = list(render_good(shaped.rows, read.first_row, self.template))
        lines = parts[0].lines if len(parts) == 1 else b"".join(part.lines for part in parts)
        bad = [part.bad for part in parts if part.bad is not None]
        piece = Piece(
            rows=read.first_row + shaped.rows.num_rows,
            lines=lines,
            records=shaped.rows.num_rows - len(bad),
            position=None if shaped.stop else batch.resume,
            place=read.place,
            refused=[*batch.refused, *(row for _, row in bad)],
            skipped=shaped.skipped,
            named=shaped.named,
            missing=[number for number, _ in bad],
            stop=f"{self.where}, {shaped.stop}" if shaped.stop else None,
        )
        return piece, shaped


def _reads(batches: Iterator[Batch], file: BinaryIO, table: _Table, rows: int) -> Generator[_Read, None, None]:
    """Where rows may be left out, they are here, in order: the next ones are numbered without gaps."""
    for batch in batches:
        if not table.plan.thins:
            yield _Read(batch, file.tell(), batch.first_row)
            continue
        shaped = table.shape(batch)
        yield _Read(batch, file.tell(), rows, shaped)
        if shaped.stop:
            return
        rows += shaped.rows.num_rows


def _pieces(
    read: Generator[_Read, None, None], table: _Table, *, overlap: bool
) -> Generator[tuple[Piece, Shaped], None, None]:
    """Of small files without overlap: others are read at the same time."""
    if not overlap:
        yield from map(table.piece, read)
        return
    with closing(overlapped(read, table.piece, table.weigh, IN_FLIGHT, RENDERERS)) as pieces:
        yield from pieces


def _values(rows: pa.RecordBatch) -> int:
    """Bytes of the columns' values, each as often as it stands in a line: a dictionary has it once."""
    size: int = rows.nbytes
    for kind, column in zip(rows.schema.types, rows.columns, strict=True):
        if pa.types.is_dictionary(kind) and len(column.dictionary):
            size += len(column) * column.dictionary.nbytes // len(column.dictionary)
    return size


def _template(
    plan: StreamPlan, namespace: str | None, item: S3Object, partitions: Mapping[str, str | None]
) -> Template:
    fields = {**constants(partitions, plan), **facts(item)}
    return Template(
        plan.name,
        namespace,
        now(),
        {name: json.dumps(value) for name, value in fields.items()},
        ROW if plan.rows_are_numbered else None,
        plan.schemaless,
    )
