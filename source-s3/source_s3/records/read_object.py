"""One object to RECORD lines, piece by piece: a batch of a table, a document, or the object copied as it is."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

from source_s3.content.contents import Fetched, open_contents
from source_s3.content.decompress import plain_name
from source_s3.listing.storage import NOT_RESTORED, is_archived
from source_s3.plan import StreamPlan
from source_s3.policy.faults import fault_of
from source_s3.progress import Progress
from source_s3.read import SEEKING, BadRow
from source_s3.records.pieces import BEGIN, Job, Piece, Start
from source_s3.records.raw_copy import copy_object
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import EXPLAINED, ConfigError, DataError


@contextmanager
def job_of(bucket: Bucket, plan: StreamPlan, namespace: str | None, progress: Progress) -> Iterator[Job]:
    """Documents are read by an engine, which ends with it."""
    if plan.documents is None:
        yield Job(bucket, plan, namespace, progress)
        return
    from source_s3.records.document_records import engine_of, fields_of

    with closing(engine_of(plan.documents)) as engine:
        yield Job(bucket, plan, namespace, progress, engine, fields_of(bucket, plan))


def read_object(
    job: Job, item: S3Object, start: Start = BEGIN, fetched: Fetched | None = None
) -> Generator[Piece, None, None]:
    """`fetched`: the whole object, where that was asked for ahead.
    What can't be read of a table is in `refused`; it does not raise.

    What is wrong with this object alone is the `failure` of its last piece, and names the object and the place in it.
    Errors that other objects would meet too are raised.
    """
    try:
        yield from _read(job, item, start, fetched)
    except EXPLAINED as error:
        if is_archived(error) and job.plan.selection.archived != "Refuse":
            # a listing does not tell what INTELLIGENT_TIERING has archived
            yield Piece(rows=start.rows, left_out=NOT_RESTORED)
        elif fault_of(error) is not None:
            yield Piece(rows=start.rows, failure=error)
        else:
            raise


def _read(job: Job, item: S3Object, start: Start, fetched: Fetched | None) -> Iterator[Piece]:
    if job.plan.transfer is not None:
        yield copy_object(job, item)
        return
    if job.plan.documents is not None:
        with named(job.bucket, item):
            from source_s3.records.document_records import read_document

            yield read_document(job, item, fetched)
        return
    rows, place = start.rows, 0
    with named(job.bucket, item):
        try:
            for piece in _table(job, item, start, fetched):
                rows, place = piece.rows, piece.place
                yield piece
        except DataError as error:  # there is no way to go on in this object
            yield Piece(rows=rows, place=place, refused=(BadRow(error.where, error.reason),))


@contextmanager
def named(bucket: Bucket, item: S3Object) -> Iterator[None]:
    """What is wrong inside a file is told with the file's name."""
    where = bucket.address_of(item)
    try:
        yield
    except DataError as error:
        place = where if error.where in {item.name, plain_name(item.name), "the file"} else f"{where}, {error.where}"
        raise DataError(place, error.reason) from error
    except ConfigError as error:
        if where in str(error):
            raise
        raise ConfigError(f"{where}: {error}") from error


def _table(job: Job, item: S3Object, start: Start, fetched: Fetched | None) -> Iterator[Piece]:
    from source_s3.records.table import read_table  # it takes pyarrow.compute along, which documents do without

    seeks = isinstance(job.plan.format, SEEKING)
    with open_contents(job.bucket, item, seeks=seeks, fetched=fetched) as file:
        yield from read_table(file, job, item, start)
