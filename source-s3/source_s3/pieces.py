"""One object to RECORD lines, piece by piece: a batch of a table, or a document."""

import json
import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from source_s3.contents import fetch_contents, open_contents
from source_s3.decompress import plain_name
from source_s3.objects import S3Object
from source_s3.overlap import overlapped
from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.read.options import CsvFormat, UnstructuredFormat
from source_s3.schema import LAST_MODIFIED, ROW, URL
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.messages import record_line

Lines = bytes | memoryview
SMALL = 2 * 1024 * 1024  # bytes: a table up to here is read whole by one thread
IN_FLIGHT = 64 * 1024 * 1024  # bytes of batches and their lines
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

    `refused`: bad rows that stood in it, or before it.
    """

    lines: Lines
    records: int
    rows: int
    position: Mapping[str, int] | None
    place: int
    refused: Sequence[BadRow] = ()


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
    if isinstance(plan.format, UnstructuredFormat):
        with named(bucket, item):
            yield _document(bucket, plan, namespace, item, progress)
        return
    place = 0
    with named(bucket, item):
        try:
            for piece in _table(bucket, plan, namespace, item, position):
                rows, place = piece.rows, piece.place
                yield piece
        except DataError as error:  # there is no way to go on in this object
            yield Piece(b"", 0, rows, None, place, (BadRow(error.where, error.reason),))


@contextmanager
def named(bucket: Bucket, item: S3Object) -> Iterator[None]:
    """What is wrong inside a file is told with the file's name."""
    where = item.name if item.bucket else f"s3://{bucket.name}/{item.name}"
    try:
        yield
    except DataError as error:
        place = where if error.where in {item.name, plain_name(item.name), "the file"} else f"{where}, {error.where}"
        raise DataError(place, error.reason) from error
    except ConfigError as error:
        if where in str(error):
            raise
        raise ConfigError(f"{where}: {error}") from error


def facts(item: S3Object) -> dict[str, str]:
    return {LAST_MODIFIED: timestamp(item.last_modified), URL: item.name}


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> int:
    return int(time.time() * 1000)


def _table(
    bucket: Bucket, plan: StreamPlan, namespace: str | None, item: S3Object, position: Mapping[str, int] | None
) -> Iterator[Piece]:
    from source_s3.read import SEEKING, Batch, Reading, table_reader
    from source_s3.read.typed import typed
    from source_s3.render import Template, render

    assert not isinstance(plan.format, UnstructuredFormat)
    template = Template(
        plan.name,
        namespace,
        now(),
        {name: json.dumps(value) for name, value in facts(item).items()},
        ROW if plan.rows_are_numbered else None,
        plan.schemaless,
    )

    def piece(read: tuple[Batch, int]) -> Piece:
        batch, place = read
        rows = batch.rows
        if plan.types and not plan.schemaless and isinstance(plan.format, CsvFormat):
            rows = typed(rows, plan.types, plan.format)
        lines = render(rows, batch.first_row, template)
        return Piece(lines, rows.num_rows, batch.first_row + rows.num_rows, batch.resume, place, batch.refused)

    def weigh(read: tuple[Batch, int]) -> int:
        return WEIGHT * int(read[0].rows.nbytes)

    with open_contents(bucket.client, bucket.name, item, seeks=isinstance(plan.format, SEEKING)) as file:
        batches = table_reader(plan.format).read(file, plan.format, Reading(position))
        read = ((batch, file.tell()) for batch in batches)
        if item.size <= SMALL:  # others are read at the same time
            yield from map(piece, read)
        else:
            with closing(overlapped(read, piece, weigh, IN_FLIGHT, RENDERERS)) as pieces:
                yield from pieces


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
