"""What a sync has to do: the listing of a stream compared with its ledger."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from source_s3.listing.choice import Leave
from source_s3.listing.manifest import current
from source_s3.listing.objects import list_objects, readable
from source_s3.plan import StreamPlan
from source_s3.progress import Progress
from source_s3.s3_object import Bucket, S3Object
from source_s3.state.ledger import Entry, fingerprints
from source_s3.state.settings import changed, changed_columns, settings_of
from source_s3.state.stream_state import StreamState
from source_s3.stream_config import LeaveForLater
from vector_ingest.errors import ConfigError

GUARDED = 20  # objects: of fewer, any share may be gone


@dataclass(frozen=True, slots=True)
class Survey:
    """`todo`: what to read, in its order. `marks`: their fingerprints. `gone`: the names of what is there no more."""

    todo: Sequence[S3Object]
    marks: Mapping[str, int]
    gone: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Compared:
    """`todo` by name. `known`: how many objects the state knows that are not left out now."""

    todo: Mapping[str, S3Object]
    gone: Collection[str]
    listed: int
    known: int
    changed: int


def survey(
    bucket: Bucket, plan: StreamPlan, state: StreamState, progress: Progress, read_before: datetime | None = None
) -> Survey:
    """Lists the stream, and brings the ledger of `state` up to the form that it is compared in.

    `read_before`: objects older than this were read by a version that kept no names of them; now the ledger has them.
    ConfigError: so many are gone that it may be a mistake (see `most_deleted_percent`); the state is as it was then.
    """
    left_out: set[str] = set()

    def leave(name: str, why: str) -> None:
        left_out.add(name)
        progress.leave_out(name, why)

    mark = _marks(plan)
    found = _compare(bucket, plan, state, mark, leave, left_out)
    _tell_of_settings(plan, state, progress, found)
    todo = list(found.todo.values())
    if read_before is not None:
        for item in todo:
            if item.last_modified < read_before:
                state.done.put(item.name, Entry(mark(item), 0))
        todo = [item for item in todo if item.last_modified >= read_before]
    if any(item.dated for item in todo):
        todo = list(_current(bucket, plan, state, todo, leave))
    _note(progress, found.listed, todo)
    return Survey(
        sorted(todo, key=lambda item: (item.last_modified, item.name)),
        {item.name: mark(item) for item in todo},
        sorted(found.gone),
    )


def _compare(
    bucket: Bucket,
    plan: StreamPlan,
    state: StreamState,
    mark: Callable[[S3Object], int],
    leave: Leave,
    left_out: Collection[str],
) -> _Compared:
    """Of the listing, only what is to be read is held."""
    comparison, unseen = state.done.compare(), set(state.pending.keys())
    known = len(comparison) + sum(state.done.get(name) is None for name in unseen)
    todo: dict[str, S3Object] = {}
    fresh: set[str] = set()
    listed = 0
    with closing(list_objects(bucket, plan.selection, leave)) as listing:
        for item in listing:
            name = item.name
            listed += 1
            unseen.discard(name)
            fingerprint = mark(item)
            fate = comparison.find(name, fingerprint, item.last_modified)
            # What a cut sync began to read may be as it was before: its new version was taken back.
            begun = state.pending.get(name)
            if fate == "unchanged" and (begun is None or begun.fingerprint == fingerprint):
                todo.pop(name, None)
            else:
                todo[name] = item
                if fate == "new":
                    fresh.add(name)
    missing = {*comparison.gone(), *unseen}
    gone = {name for name in missing if not _is_left_out(name, left_out)}
    _require_few(plan, state, len(gone), known - len(missing) + len(gone))
    state.done = comparison.ledger()
    return _Compared(todo, gone, listed, known, len(todo) - len(fresh))


def surveyed_again(
    bucket: Bucket, plan: StreamPlan, state: StreamState, items: Iterable[S3Object], progress: Progress
) -> Survey:
    """Objects that were overwritten since they were listed, as they are now; those that are gone by now are not."""
    mark = _marks(plan)
    dated = [replace(item, dated=True) for item in items]
    todo = list(_current(bucket, plan, state, dated, lambda name, _: progress.miss_object(name)))
    return Survey(
        sorted(todo, key=lambda item: (item.last_modified, item.name)),
        {item.name: mark(item) for item in todo},
        (),
    )


def _current(
    bucket: Bucket, plan: StreamPlan, state: StreamState, todo: Iterable[S3Object], leave: Leave
) -> Iterator[S3Object]:
    """What is newer than its inventory was read by the last sync, unless it changed again."""
    mark = _marks(plan)
    leaves = isinstance(plan.unreadable, LeaveForLater)
    with closing(current(bucket, todo, leave, unreadable=leaves)) as items:
        for item in readable(items, bucket, plan.selection, leave):
            done = state.done.get(item.name)
            if done is None or done.fingerprint != mark(item):
                yield item


def _marks(plan: StreamPlan) -> Callable[[S3Object], int]:
    of = fingerprints(plan.reading)
    return lambda item: of(item.etag, item.size, item.last_modified)


def _is_left_out(name: str, left_out: Collection[str]) -> bool:
    """An object that can't be read is there: it, and the members of an archive that it is, are not gone."""
    ends = (position for position, letter in enumerate(name) if letter == "#")
    return bool(left_out) and (name in left_out or any(name[:end] in left_out for end in ends))


def _require_few(plan: StreamPlan, state: StreamState, gone: int, known: int) -> None:
    """A listing that lost much may have lost it by mistake, and what is deleted downstream does not come back."""
    if not plan.deletions or known < GUARDED or gone * 100 <= plan.most_deleted * known:
        return
    selection = changed(state.settings or {}, settings_of(plan), "selection") if state.settings else ""
    cause = (
        f"The selection has changed since then: {selection}."
        if selection
        else "Check the prefix or globs, the right to list (s3:ListBucket), and whether the bucket was emptied."
    )
    raise ConfigError(
        f"Stream `{plan.name}`: {gone:,} of the {known:,} objects of the last sync are no longer listed, more than the "
        f"{plan.most_deleted} % that `most_deleted_percent` allows. No deletion was sent. {cause} If they shall be "
        "deleted, set `most_deleted_percent` to 100 for one sync."
    )


def _tell_of_settings(plan: StreamPlan, state: StreamState, progress: Progress, found: _Compared) -> None:
    """Once: the last state of this sync has the new settings."""
    after = settings_of(plan)
    if state.settings is None:
        state.settings = None if found.known else after
        return
    if found.changed and (settings := changed(state.settings, after, "reading")):
        progress.warn(
            f"since the last sync settings that change records have changed: {settings}. So "
            f"{found.changed:,} of {found.known:,} objects are read again."
        )
    if found.gone and (selection := changed(state.settings, after, "selection")):
        fate = "are deleted" if plan.deletions else "are forgotten; their records stay"
        progress.warn(
            f"since the last sync the selection has changed: {selection}. Of the {found.known:,} objects known, "
            f"{len(found.gone):,} are no longer in it, or gone: they {fate}."
        )
    kept = found.known - len(found.gone) - found.changed
    if kept and (columns := changed_columns(state.settings, after)):
        progress.warn(
            f"since the last sync the catalog's columns have changed ({columns}). {kept:,} objects that were read "
            "stay as they were read: to have them read again, refresh the stream (clear its data)."
        )


def _note(progress: Progress, listed: int, todo: Sequence[S3Object]) -> None:
    progress.listed = listed
    progress.unchanged = listed - len(todo)
    progress.wanted = len(todo)
    progress.wanted_bytes = sum(item.size for item in todo)
    if not listed:
        progress.warn("no object matches that could be read")
