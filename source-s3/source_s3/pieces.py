"""One object to RECORD lines, piece by piece: a batch of a table, or a document."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from source_s3.contents import Fetched, open_contents
from source_s3.decompress import plain_name
from source_s3.faults import fault_of
from source_s3.objects import S3Object
from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.read.options import UnstructuredFormat
from source_s3.schema import LAST_MODIFIED, URL
from source_s3.storage import NOT_RESTORED, is_archived
from vector_ingest.errors import EXPLAINED, ConfigError, DataError

if TYPE_CHECKING:
    from source_s3.documents import Engine
    from source_s3.object_fields import ObjectFields

Lines = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Bucket:
    """A ready client, and the bucket it reads."""

    client: Any
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    """What all objects of a stream are read with."""

    bucket: Bucket
    plan: StreamPlan
    namespace: str | None
    progress: Progress
    engine: "Engine | None" = None  # of a stream of documents
    fields: "ObjectFields | None" = None  # where they are wanted


@dataclass(frozen=True, slots=True)
class Piece:
    """`rows` and `place` (bytes): where in the object it ends. `position`: what the reader takes to go on after it.

    `refused`: bad rows that stood in it, or before it. `skipped`: rows that the validation policy left out of it, the
    first of them described in `named`. Neither counts in `rows`. `missing`: the numbers of rows that can't be rendered;
    these count. `stop`: why the stream ends after it, by the validation policy. `left_out`: why the rest of the object
    is left to a later sync. `failure`: why it can't be read on, which concerns this object alone.
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
    failure: Exception | None = None


def read_object(
    job: Job, item: S3Object, position: Mapping[str, int] | None, rows: int, fetched: Fetched | None = None
) -> Generator[Piece, None, None]:
    """`rows`: those delivered before `position`. `fetched`: the whole object, where that was asked for ahead.
     What can't be read of a table is in `refused`; it does not raise.

    What is wrong with this object alone is the `failure` of its last piece, and names the object and the place in it.
    Errors that other objects would meet too are raised.
    """
    try:
        yield from _read(job, item, position, rows, fetched)
    except EXPLAINED as error:
        if is_archived(error) and job.plan.selection.archived != "Refuse":
            # a listing does not tell what INTELLIGENT_TIERING has archived
            yield Piece(b"", 0, rows, None, 0, left_out=NOT_RESTORED)
        elif fault_of(error) is not None:
            yield Piece(b"", 0, rows, None, 0, failure=error)
        else:
            raise


def _read(
    job: Job, item: S3Object, position: Mapping[str, int] | None, rows: int, fetched: Fetched | None
) -> Iterator[Piece]:
    if job.plan.transfer is not None:
        from source_s3.raw_copy import copy_object

        yield copy_object(job.bucket, job.plan, job.namespace, item)
        return
    if isinstance(job.plan.format, UnstructuredFormat):
        with named(job.bucket, item):
            from source_s3.document_records import read_document

            yield read_document(job, item, fetched)
        return
    place = 0
    with named(job.bucket, item):
        try:
            for piece in _table(job, item, position, rows, fetched):
                rows, place = piece.rows, piece.place
                yield piece
        except DataError as error:  # there is no way to go on in this object
            yield Piece(b"", 0, rows, None, place, (BadRow(error.where, error.reason),))


@contextmanager
def named(bucket: Bucket, item: S3Object) -> Iterator[None]:
    """What is wrong inside a file is told with the file's name."""
    where = address_of(bucket, item)
    try:
        yield
    except DataError as error:
        place = where if error.where in {item.name, plain_name(item.name), "the file"} else f"{where}, {error.where}"
        raise DataError(place, error.reason) from error
    except ConfigError as error:
        if where in str(error):
            raise
        raise ConfigError(f"{where}: {error}") from error


def address_of(bucket: Bucket, item: S3Object) -> str:
    return item.name if item.bucket else f"s3://{bucket.name}/{item.name}"


def facts(item: S3Object) -> dict[str, str]:
    return {LAST_MODIFIED: timestamp(item.last_modified), URL: item.name}


def timestamp(moment: datetime) -> str:
    """Of a time in UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def now() -> int:
    return int(time.time() * 1000)


def _table(
    job: Job, item: S3Object, position: Mapping[str, int] | None, rows: int, fetched: Fetched | None
) -> Iterator[Piece]:
    from source_s3.read import SEEKING
    from source_s3.table import read_table

    seeks = isinstance(job.plan.format, SEEKING)
    with open_contents(job.bucket.client, job.bucket.name, item, seeks=seeks, fetched=fetched) as file:
        yield from read_table(file, job, item, position, rows)
