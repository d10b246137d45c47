"""One stream from the bucket to lines: list, compare with the ledger, delete what is gone, read what is new.

The lines come in their final order, states included. Objects are read by (last-modified, key), so that the later one
wins where two hold the same record; the listing therefore ends before the reading begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from source_s3.content.decompress import compression_of
from source_s3.plan import StreamPlan
from source_s3.policy.bad_rows import BadRows, bad_rows_of
from source_s3.policy.unreadable import Unreadable
from source_s3.progress import Progress
from source_s3.records.pieces import BEGIN, Lines, Piece, Start, document_key, now, timestamp
from source_s3.records.raw_copy import require_names_differ
from source_s3.records.read_object import job_of
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import DELETED_AT, DOCUMENT_KEY, ROW, UPDATED_AT, URL
from source_s3.state.checkpoint import INTERVAL, Checkpoint
from source_s3.state.ledger import Entry
from source_s3.state.settings import settings_of
from source_s3.state.stream_state import Resume, StreamState
from source_s3.sync.configured import Configured
from source_s3.sync.leaving import Leaving
from source_s3.sync.objects_ahead import read_ahead_of
from source_s3.sync.survey import Survey, survey, surveyed_again
from source_s3.version_3 import state_of_version_3
from vector_ingest.errors import EXPLAINED, ConfigError
from vector_ingest.messages import estimate_line, log_line, record_line, status_line

RESERVED = 100_000  # rows that may leave before the next state says how many could have left
DELETES = 1000  # delete records in one piece of output


@dataclass(frozen=True, slots=True)
class Stream:
    """What all steps need to know."""

    bucket: Bucket
    plan: StreamPlan
    namespace: str | None
    state: StreamState
    checkpoint: Checkpoint
    progress: Progress
    bad_rows: BadRows
    unreadable: Unreadable
    leaving: Leaving
    resume: Resume | None  # of the state that came, whatever the present one says

    def state_line(self) -> bytes:
        """What it claims is durable: the bad rows that are kept aside, too."""
        self.bad_rows.flush()
        return self.checkpoint.line(self.state) + b"\n"

    def last_words(self) -> bytes:
        state = self.state_line() if self.checkpoint.counts_something else b""
        return state + _told_to_stop(self.plan.name, self.namespace)


def read_stream(
    bucket: Bucket,
    plan: StreamPlan,
    configured: Configured,
    progress: Progress,
    interval: float = INTERVAL,
    leaving: Leaving | None = None,
) -> Iterator[Lines]:
    """All lines of one stream from RUNNING to its last state. Raises what ended it early, after the state of what left.

    `interval`: the seconds between two states.
    """
    leaving = leaving or Leaving()
    known, read_before = state_of_version_3(configured.state)
    state = StreamState.from_json(known, configured.full_refresh, configured.generation)
    with leaving.waiting(partial(_told_to_stop, plan.name, configured.namespace)):
        found = survey(bucket, plan, state, progress, None if configured.full_refresh else read_before)
    require_names_differ(plan, found.todo)
    checkpoint = Checkpoint(plan.name, configured.namespace, interval)
    bad_rows, unreadable = bad_rows_of(bucket, plan, progress), Unreadable(plan.unreadable, bucket, progress)
    stream = Stream(
        bucket, plan, configured.namespace, state, checkpoint, progress, bad_rows, unreadable, leaving, state.resume
    )
    yield status_line(plan.name, configured.namespace, "RUNNING") + b"\n"
    yield estimate_line(plan.name, configured.namespace, None, progress.wanted_bytes) + b"\n"
    try:
        yield from _deliver_all(stream, found)
    except EXPLAINED:
        if stream.checkpoint.counts_something:  # what was delivered need not come again
            yield stream.state_line()
        raise
    state.settings = settings_of(plan)
    yield stream.state_line()
    unreadable.require_none_missing(replaces=configured.replaces)


def _told_to_stop(name: str, namespace: str | None) -> bytes:
    """Of a read that is told to stop."""
    told = log_line("WARN", f"Stream {name}: told to stop (SIGTERM). The next sync goes on after the last state.")
    return told + b"\n" + status_line(name, namespace, "INCOMPLETE") + b"\n"


def _deliver_all(stream: Stream, found: Survey) -> Iterator[Lines]:
    """What was overwritten while it was read comes again at the end, as it was changed after all others."""
    yield from _begin(stream, found)
    for key in found.gone:
        yield from _delete_object(stream, key)
    while found.todo:
        yield from _deliver_objects(stream, found)
        with stream.leaving.waiting(stream.last_words):
            changed = stream.unreadable.changed()
            found = surveyed_again(stream.bucket, stream.plan, stream.state, changed, stream.progress)
        yield from _begin(stream, found)


def _begin(stream: Stream, found: Survey) -> Iterator[Lines]:
    """A state tells what is about to leave before it does, so that a cut sync can be made good."""
    if stream.plan.deletions and (found.todo or found.gone):
        for item in found.todo:
            stream.state.begin(item.name, found.marks[item.name], _most_rows(stream.plan, item))
        for key in found.gone:
            stream.state.begin_to_forget(key)
        yield stream.state_line()


def _deliver_objects(stream: Stream, found: Survey) -> Iterator[Lines]:
    starts, wait = _starts(stream, found), partial(stream.leaving.each, words=stream.last_words)
    with (
        job_of(stream.bucket, stream.plan, stream.namespace, stream.progress) as job,
        # Closed by hand: the traceback of an error would keep its threads and files alive.
        closing(read_ahead_of(job, found.todo, starts)) as read,
    ):
        for item, pieces in wait(read):
            yield from _deliver(stream, item, found.marks[item.name], starts.get(item.name, BEGIN), wait(pieces))
            if stream.checkpoint.is_due():
                yield stream.state_line()


def _starts(stream: Stream, found: Survey) -> Mapping[str, Start]:
    """Where the last sync was cut, if that very version of the object is to be read."""
    resume = stream.resume
    if resume is None or found.marks.get(resume.key) != resume.fingerprint:
        return {}
    return {resume.key: Start(resume.position, resume.rows)}


def _most_rows(plan: StreamPlan, item: S3Object) -> int:
    """A line of text has at least two bytes; a Parquet file may have many rows in one, and so may compressed text."""
    if plan.documents is not None:
        return 1
    dense = plan.format.filetype == "parquet" or compression_of(item.name)
    return RESERVED if dense else min(RESERVED, item.size // 2 + 1)


def _deliver(stream: Stream, item: S3Object, mark: int, start: Start, pieces: Iterator[Piece]) -> Iterator[Lines]:
    """The lines of one object, states between them where it is long, and the deletes of rows it has no longer."""
    state, progress = stream.state, stream.progress
    rows = start.rows
    for piece in pieces:
        if _is_given_up(stream, item, piece):
            return
        stream.bad_rows.take(item, piece.refused, timestamp(item.last_modified))
        if stream.plan.are_counted and piece.rows > state.rows_reserved(item.name):
            state.begin(item.name, mark, piece.rows + (RESERVED if stream.plan.rows_are_numbered else 0))
            yield stream.state_line()
        if piece.lines:  # what ends with a bad row may have none
            yield piece.lines
        for number in piece.missing:
            yield from _delete_rows(stream, item.name, number, min(number, state.rows_before(item.name)))
        rows = piece.rows
        progress.records += piece.records
        progress.skip(piece.skipped, piece.named)
        progress.tell(piece.place)
        stream.checkpoint.count(piece.records, len(piece.lines))
        if piece.stop is not None:
            raise ConfigError(piece.stop)
        if piece.position is not None:
            state.resume = Resume(item.name, mark, piece.position, rows)
            if stream.checkpoint.is_due():
                yield stream.state_line()
    if stream.plan.are_counted:
        yield from _delete_rows(stream, item.name, rows + 1, state.rows_before(item.name))
    stream.bad_rows.finish(item, whole=start is BEGIN)
    state.finish(item.name, Entry(mark, rows if stream.plan.are_counted else 0), timestamp(item.last_modified))
    progress.read += 1
    progress.read_bytes += item.size


def _is_given_up(stream: Stream, item: S3Object, piece: Piece) -> bool:
    """Not taken as done: a later sync reads it."""
    if piece.left_out is not None:
        stream.progress.leave_out(item.name, piece.left_out)
    if piece.failure is not None:
        stream.unreadable.take(item, piece.failure)
    return piece.left_out is not None or piece.failure is not None


def _delete_object(stream: Stream, key: str) -> Iterator[Lines]:
    if stream.plan.deletions:
        least = 1 if stream.plan.documents is not None else 0  # older states do not count documents
        most = max(least, stream.state.rows_before(key), stream.state.rows_reserved(key))
        yield from _delete_rows(stream, key, 1, most)
        stream.progress.deleted += 1
    stream.bad_rows.forget(key)
    stream.state.forget(key)


def _delete_rows(stream: Stream, key: str, first: int, last: int) -> Iterator[Lines]:
    for start in range(first, last + 1, DELETES):
        numbers = range(start, min(start + DELETES, last + 1))
        yield from _deletes(stream, [_key_of(stream.plan, key, number) for number in numbers])


def _key_of(plan: StreamPlan, name: str, number: int) -> Mapping[str, Any]:
    """Of a record of an object."""
    if plan.documents is not None:
        return {DOCUMENT_KEY: document_key(name, number), URL: name}
    return {URL: name, ROW: number}


def _deletes(stream: Stream, keys: Sequence[Mapping[str, Any]]) -> Iterator[Lines]:
    moment = timestamp(datetime.now(UTC))
    times = {DELETED_AT: moment, UPDATED_AT: moment}
    emitted_at = now()
    lines = b"".join(
        record_line(stream.plan.name, stream.namespace, {**key, **times}, emitted_at) + b"\n" for key in keys
    )
    stream.checkpoint.count(len(keys), len(lines))
    stream.progress.delete_records += len(keys)
    yield lines
