"""One object to RECORD lines, piece by piece: a batch of a table, or a document."""

import json
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from source_s3.contents import fetch_contents, open_contents
from source_s3.decompress import plain_name
from source_s3.objects import S3Object
from source_s3.overlap import overlapped
from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.read.options import UnstructuredFormat
from source_s3.schema import LAST_MODIFIED, ROW, URL
from source_s3.storage import NOT_RESTORED, is_archived
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.messages import record_line

if TYPE_CHECKING:
    from source_s3.read import Batch
    from source_s3.render import Template
    from source_s3.shape import Shaped

Lines = bytes | memoryview
SMALL = 2 * 1024 * 1024  # bytes: a table up to here is read whole by one thread
IN_FLIGHT = 48 * 1024 * 1024  # bytes of batches and their lines
WEIGHT = 4  # a batch and its lines weigh so many times the batch's columns
RENDERERS = max(2, min(4, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Bucket:
    """A ready client, and the bucket it reads."""

    client: Any
    name: str


@dataclass(frozen=True, slots=True)
class Piece:
    """`rows` and `place` (bytes): where in the object it ends. `position`: what the reader takes to go on after it.

    `refused`: bad rows that stood in it, or before it. `skipped`: rows that the validation policy left out of it, the
    first of them described in `named`. Neither counts in `rows`. `missing`: the numbers of rows that can't be rendered;
    these count. `stop`: why the stream ends after it, by the validation policy. `left_out`: why the rest of the object
    is left to a later sync.
    """

    lines: Lines
    records: int
    rows: int
    position: Mapping[str, int] | None
    place: int
    refused: Sequence[BadRow] = ()
    skipped: int = 0
    named: Sequence[str] = ()
    missing: Sequence[int] = ()
    stop: str | None = None
    left_out: str | None = None


def read_object(
    bucket: Bucket,
    plan: StreamPlan,
    namespace: str | None,
    item: S3Object,
    position: Mapping[str, int] | None,
    rows: int,
    progress: Progress,
) -> Generator[Piece, None, None]:
    """`rows`: those delivered before `position`. What can't be read of a table is in `refused`; it does not raise.

    DataError (of a document) and ConfigError name the object, and the place in it.
    """
    try:
        yield from _read(bucket, plan, namespace, item, position, rows, progress)
    except ConfigError as error:  # a listing does not tell what INTELLIGENT_TIERING has archived
        if plan.selection.archived == "Refuse" or not is_archived(error):
            raise
        yield Piece(b"", 0, rows, None, 0, left_out=NOT_RESTORED)


def _read(
    bucket: Bucket,
    plan: StreamPlan,
    namespace: str | None,
    item: S3Object,
    position: Mapping[str, int] | None,
    rows: int,
    progress: Progress,
) -> Iterator[Piece]:
    if plan.transfer is not None:
        from source_s3.raw_copy import copy_object

        yield copy_object(bucket, plan, namespace, item)
        return
    if isinstance(plan.format, UnstructuredFormat):
        with named(bucket, item):
            yield _document(bucket, plan, namespace, item, progress)
        return
    place = 0
    with named(bucket, item):
        try:
            for piece in _table(bucket, plan, namespace, item, position, rows, progress):
                rows, place = piece.rows, piece.place
                yield piece
        except DataError as error:  # there is no way to go on in this object
            yield Piece(b"", 0, rows, None, place, (BadRow(error.where, error.reason),))


@contextmanager
def named(bucket: Bucket, item: S3Object) -> Iterator[None]:
    """What is wrong inside a file is told with the file's name."""
    where = _address(bucket, item)
    try:
        yield
    except DataError as error:
        place = where if error.where in {item.name, plain_name(item.name), "the file"} else f"{where}, {error.where}"
        raise DataError(place, error.reason) from error
    except ConfigError as error:
        if where in str(error):
            raise
        raise ConfigError(f"{where}: {error}") from error


def _address(bucket: Bucket, item: S3Object) -> str:
    return item.name if item.bucket else f"s3://{bucket.name}/{item.name}"


def facts(item: S3Object) -> dict[str, str]:
    return {LAST_MODIFIED: timestamp(item.last_modified), URL: item.name}


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True, slots=True)
class _Read:
    """`first_row`: the number that its first row is delivered with, from 0. `shaped`: if that was needed to know it."""

    batch: "Batch"
    place: int
    first_row: int
    shaped: "Shaped | None" = None


@dataclass(frozen=True, slots=True)
class _Table:
    """What all batches of a file need on their way to lines. `where` is its address."""

    plan: StreamPlan
    partitions: Mapping[str, str | None]
    template: "Template"
    where: str

    def shape(self, batch: "Batch") -> "Shaped":
        from source_s3.shape import shape

        return shape(batch, self.plan, self.partitions)

    def piece(self, read: _Read) -> "tuple[Piece, Shaped]":
        from source_s3.isolate import render_good

        batch, shaped = read.batch, read.shaped or self.shape(read.batch)
        parts = list(render_good(shaped.rows, read.first_row, self.template))
        lines = parts[0].lines if len(parts) == 1 else b"".join(part.lines for part in parts)
        bad = [part.bad for part in parts if part.bad is not None]
        piece = Piece(
            lines,
            shaped.rows.num_rows - len(bad),
            read.first_row + shaped.rows.num_rows,
            None if shaped.stop else batch.resume,
            read.place,
            [*batch.refused, *(row for _, row in bad)],
            shaped.skipped,
            shaped.named,
            [number for number, _ in bad],
            f"{self.where}, {shaped.stop}" if shaped.stop else None,
        )
        return piece, shaped


def _table(
    bucket: Bucket,
    plan: StreamPlan,
    namespace: str | None,
    item: S3Object,
    position: Mapping[str, int] | None,
    rows: int,
    progress: Progress,
) -> Iterator[Piece]:
    from source_s3.drift import Drift
    from source_s3.partitions import partitions_of
    from source_s3.read import SEEKING, Reading, table_reader

    assert not isinstance(plan.format, UnstructuredFormat)
    partitions = partitions_of(item) if plan.hive else {}
    table = _Table(plan, partitions, _template(plan, namespace, item, partitions), _address(bucket, item))
    reading = Reading(position, frozenset(plan.columns) if plan.projects else None)
    with (
        open_contents(bucket.client, bucket.name, item, seeks=isinstance(plan.format, SEEKING)) as file,
        closing(Drift(plan, item.name, progress)) as drift,
    ):
        batches = table_reader(plan.format).read(file, plan.format, reading)
        read = _reads(batches, file, table, rows)
        for piece, shaped in _pieces(read, table, overlap=item.size > SMALL):
            drift.add(shaped)
            yield piece


def _reads(batches: Iterator["Batch"], file: BinaryIO, table: _Table, rows: int) -> Generator[_Read, None, None]:
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
) -> Generator["tuple[Piece, Shaped]", None, None]:
    """Of small files without overlap: others are read at the same time."""
    if not overlap:
        yield from map(table.piece, read)
        return
    with closing(overlapped(read, table.piece, _weight, IN_FLIGHT, RENDERERS)) as pieces:
        yield from pieces


def _weight(read: _Read) -> int:
    return WEIGHT * int(read.batch.rows.nbytes)


def _template(
    plan: StreamPlan, namespace: str | None, item: S3Object, partitions: Mapping[str, str | None]
) -> "Template":
    from source_s3.render import Template
    from source_s3.shape import constants

    fields = {**constants(partitions, plan), **facts(item)}
    return Template(
        plan.name,
        namespace,
        now(),
        {name: json.dumps(value) for name, value in fields.items()},
        ROW if plan.rows_are_numbered else None,
        plan.schemaless,
    )


def _document(bucket: Bucket, plan: StreamPlan, namespace: str | None, item: S3Object, progress: Progress) -> Piece:
    from source_s3.read.documents import read_document

    assert isinstance(plan.format, UnstructuredFormat)
    content, problem = None, None
    try:
        content = read_document(plain_name(item.name), fetch_contents(bucket.client, bucket.name, item))
    except DataError as error:
        if not plan.format.skip_unprocessable_files:
            raise
        problem = error.reason
        progress.refuse(item.name, error.reason)
    record = {"document_key": item.name, "content": content, "_ab_source_file_parse_error": problem, **facts(item)}
    return Piece(record_line(plan.name, namespace, record, now()) + b"\n", 1, 1, None, item.size)
