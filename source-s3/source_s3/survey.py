"""What a sync has to do: the listing of a stream compared with its ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from source_s3.ledger import Entry, Listed, fingerprint, mtime_fingerprint
from source_s3.objects import Leave, S3Object, list_objects, readable
from source_s3.pieces import Bucket
from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.stream_state import StreamState


@dataclass(frozen=True, slots=True)
class Survey:
    """`todo`: what to read, in its order. `marks`: their fingerprints. `gone`: the names of what is there no more."""

    todo: Sequence[S3Object]
    marks: Mapping[str, int]
    gone: Sequence[str]


def survey(
    bucket: Bucket, plan: StreamPlan, state: StreamState, progress: Progress, read_before: datetime | None = None
) -> Survey:
    """Lists the stream, and brings the ledger of `state` up to the form that it is compared in.

    `read_before`: objects older than this were read by a version that kept no names of them; now the ledger has them.
    """
    left_out: set[str] = set()

    def leave(name: str, why: str) -> None:
        left_out.add(name)
        progress.leave_out(name, why)

    with closing(list_objects(bucket.client, bucket.name, plan.selection, leave)) as listing:
        objects = {item.name: item for item in listing}
    marks = {name: _mark(item, plan) for name, item in objects.items()}
    listed = [Listed(name, marks[name], mtime_fingerprint(item.last_modified)) for name, item in objects.items()]
    diff = state.done.diff(listed)
    state.done = diff.ledger
    begun = state.pending.diff(listed)
    gone = {name for found in (diff, begun) for name, _ in found.gone}
    # What a cut sync began to read may be as it was before: its new version, or a deletion, was taken back.
    todo = [objects[name] for name in dict.fromkeys((*diff.new, *diff.changed, *begun.changed))]
    if read_before is not None:
        for item in todo:
            if item.last_modified < read_before:
                state.done.put(item.name, Entry(marks[item.name], 0))
        todo = [item for item in todo if item.last_modified >= read_before]
    if any(item.dated for item in todo):
        todo = list(_current(bucket, plan, state, todo, leave))
    _note(progress, len(objects), todo)
    return Survey(
        sorted(todo, key=lambda item: (item.last_modified, item.name)),
        {item.name: _mark(item, plan) for item in todo},
        sorted(name for name in gone if not _is_left_out(name, left_out)),
    )


def _current(
    bucket: Bucket, plan: StreamPlan, state: StreamState, todo: Iterable[S3Object], leave: Leave
) -> Iterator[S3Object]:
    """What is newer than its inventory was read by the last sync, unless it changed again."""
    from source_s3.manifest import current

    with closing(current(bucket.client, bucket.name, todo, leave)) as items:
        for item in readable(items, bucket.name, plan.selection, leave):
            done = state.done.get(item.name)
            if done is None or done.fingerprint != _mark(item, plan):
                yield item


def _mark(item: S3Object, plan: StreamPlan) -> int:
    return fingerprint(item.etag, item.size, item.last_modified, plan.options)


def _is_left_out(name: str, left_out: set[str]) -> bool:
    """An object that can't be read is there: it, and the members of an archive that it is, are not gone."""
    ends = (position for position, letter in enumerate(name) if letter == "#")
    return bool(left_out) and (name in left_out or any(name[:end] in left_out for end in ends))


def _note(progress: Progress, listed: int, todo: Sequence[S3Object]) -> None:
    progress.listed = listed
    progress.unchanged = listed - len(todo)
    progress.wanted = len(todo)
    progress.wanted_bytes = sum(item.size for item in todo)
    if not listed:
        progress.warn(f"Stream {progress.stream}: no object matches that could be read")
