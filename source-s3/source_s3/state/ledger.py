"""A stream's exact account of the objects synced: what is new, changed or gone since, and its form in the STATE.

    listing --> compare(ledger) --> new, changed, gone --> read and emit --> put / remove --> to_state

Pure: no S3, no I/O. Entries lie in immutable segments, newer over older, below a small mutable overlay.
"""

import heapq
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

from source_s3.state.encoding import TOMBSTONE, Kind, Row, Segment, encode, from_text, to_text
from vector_ingest.errors import ConfigError

VERSION = 1
PENDING = 0
REMEDY = "Reset the state of this stream (clear its data), then sync again: all objects are read anew."


@dataclass(frozen=True, slots=True)
class Entry:
    """`fingerprint` 0: pending, its records may have left, it is not done.

    `rows`: rows delivered, where rows have no key of their own; for a pending entry an upper bound.
    """

    fingerprint: int
    rows: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.fingerprint < TOMBSTONE or self.rows < 0:
            raise ValueError(f"not an entry: {self}")


def fingerprints(options: str) -> Callable[[str, int, datetime], int]:
    """Of objects, by ETag, size and last-modified, read with these options: 40 bits, never 0.

    A listing has whole seconds and other calls may have more: only whole seconds count.
    """
    end = f", {json.dumps(options)}]"
    return lambda etag, size, modified: _digest(f"[{json.dumps(etag)}, {size}, {_seconds(modified)}{end}")


def mtime_fingerprint(last_modified: datetime) -> int:
    """All that the peer's history knows of an object."""
    return _digest(f"[{_seconds(last_modified)}]")


def _digest(parts: str) -> int:
    digest = blake2b(parts.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % (TOMBSTONE - 1)  # neither PENDING nor TOMBSTONE


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment}")
    return math.floor(moment.timestamp())


class Ledger:
    """Look-ups and puts by key; `compare` and `len` pass over all entries."""

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        """`segments`: oldest first."""
        self._segments = [segment for segment in segments if segment.entries]
        self._overlay: dict[str, Entry | None] = {}  # None: removed

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Ledger":
        """From nothing, our own state or the peer's. Raises ConfigError for any other."""
        if not state:
            return cls()
        try:
            if "version" in state:
                return cls(_own_segments(state))
            if "history" in state:
                return cls([_peer_segment(state["history"])])
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"The state of the stream is damaged: {error!r}. {REMEDY}") from error
        raise ConfigError(
            "The state of the stream is of an unknown form: 'version' and 'segments', or 'history' expected, "
            f"{sorted(map(str, state))[:5]} found. {REMEDY}"
        )

    def to_state(self) -> dict[str, Any]:
        """JSON-able. Encodes what was put since the last call, and older segments only as far as they are outgrown."""
        self._flush()
        segments = [
            {"kind": segment.kind, "entries": segment.entries, "data": to_text(segment)} for segment in self._segments
        ]
        return {"version": VERSION, "segments": segments}

    def compare(self) -> "Comparison":
        self._flush()
        return Comparison(self, self._segments)

    def put(self, key: str, entry: Entry) -> None:
        self._overlay[key] = entry

    def remove(self, key: str) -> None:
        """A key that is not there may be removed too."""
        self._overlay[key] = None

    def get(self, key: str) -> Entry | None:
        if key in self._overlay:
            return self._overlay[key]
        for segment in reversed(self._segments):
            if row := segment.find(key):
                return None if row.fingerprint == TOMBSTONE else Entry(row.fingerprint, row.rows)
        return None

    def keys(self) -> Iterator[str]:
        """In their order, pending ones included. It flushes."""
        self._flush()
        return (row.key for _, row in self._live())

    def __len__(self) -> int:
        """The number of objects, pending ones included. It flushes and counts: not for inner loops."""
        self._flush()
        return sum(1 for _ in self._live())

    def _live(self) -> Iterator[tuple[Kind, Row]]:
        for kind, row in _newest(self._segments):
            if row.fingerprint != TOMBSTONE:
                yield kind, row

    def _flush(self) -> None:
        """The overlay becomes the newest segment; a segment outgrown by the newer one is merged with it."""
        if not self._overlay:
            return
        segments = list(self._segments)
        newest = encode("exact", (_row(key, self._overlay[key]) for key in sorted(self._overlay)))
        # A row is encoded again only when its segment has grown by a quarter: few segments, and amortised work.
        while segments and segments[-1].kind == newest.kind and newest.entries * 4 >= segments[-1].entries:
            older = segments.pop()
            newest = encode(newest.kind, (row for _, row in _newest([older, newest])))
        segments.append(newest if segments else _without_tombstones(newest))
        self._segments = [segment for segment in segments if segment.entries]
        self._overlay = {}

    def with_exact(self, upgraded: Mapping[str, int]) -> "Ledger":
        """With these fingerprints instead of times. Also drops the peer's entries that newer ones hide."""
        if all(segment.kind == "exact" for segment in self._segments):
            return self
        exact = encode(
            "exact", (_upgrade(row, upgraded) for kind, row in self._live() if _is_exact(kind, row, upgraded))
        )
        mtime = encode("mtime", (row for kind, row in self._live() if not _is_exact(kind, row, upgraded)))
        return Ledger([mtime, exact])


class Comparison:
    """A ledger beside a listing, which comes object by object; of a key listed twice the later one counts.

    Held are a key and a number for each entry, and nothing of the listing: it may have millions of objects.
    """

    def __init__(self, ledger: Ledger, segments: Iterable[Segment]) -> None:
        self._ledger = ledger
        self._marks: Mapping[Kind, dict[str, int]] = {"exact": {}, "mtime": {}}  # ~mark: it was listed
        self._upgraded: dict[str, int] = {}
        for segment in segments:  # newer ones hide older ones
            here = self._marks[segment.kind]
            other = self._marks["mtime" if segment.kind == "exact" else "exact"]
            for row in segment:
                other.pop(row.key, None)
                if row.fingerprint == TOMBSTONE:
                    here.pop(row.key, None)
                else:
                    here[row.key] = row.fingerprint

    def __len__(self) -> int:
        """The entries of the ledger."""
        return sum(map(len, self._marks.values()))

    def find(self, key: str, mark: int, modified: datetime) -> Literal["new", "changed", "unchanged"]:
        """A pending entry has changed: its fingerprint 0 is never listed."""
        if (known := self._listed("exact", key)) is not None:
            return "unchanged" if known == mark else "changed"
        if (known := self._listed("mtime", key)) is None:
            return "new"
        if known != mtime_fingerprint(modified):
            self._upgraded.pop(key, None)
            return "changed"
        self._upgraded[key] = mark
        return "unchanged"

    def gone(self) -> Iterator[str]:
        """What was not listed."""
        return (key for marks in self._marks.values() for key, mark in marks.items() if mark >= 0)

    def ledger(self) -> Ledger:
        """The one to go on with: entries taken over from the peer that match the listing are exact in it."""
        return self._ledger.with_exact(self._upgraded)

    def _listed(self, kind: Kind, key: str) -> int | None:
        marks = self._marks[kind]
        known = marks.get(key)
        if known is None:
            return None
        known = max(known, ~known)
        marks[key] = ~known
        return known


def _is_exact(kind: Kind, row: Row, upgraded: Mapping[str, int]) -> bool:
    return kind == "exact" or row.key in upgraded


def _upgrade(row: Row, upgraded: Mapping[str, int]) -> Row:
    return row._replace(fingerprint=upgraded.get(row.key, row.fingerprint))


def _row(key: str, entry: Entry | None) -> Row:
    return Row(key, entry.fingerprint, entry.rows) if entry else Row(key, TOMBSTONE, 0)


def _without_tombstones(segment: Segment) -> Segment:
    """Of the oldest segment, which hides nothing below it."""
    if all(row.fingerprint != TOMBSTONE for row in segment):
        return segment
    return encode(segment.kind, (row for row in segment if row.fingerprint != TOMBSTONE))


def _newest(segments: list[Segment]) -> Iterator[tuple[Kind, Row]]:
    """The rows of all segments in the order of their keys; of equal keys that of the newest, tombstones included."""
    if len(segments) == 1:
        yield from ((segments[0].kind, row) for row in segments[0])
        return
    aged = [_aged(age, segment) for age, segment in enumerate(segments)]
    for _, same in groupby(heapq.merge(*aged), key=itemgetter(0)):
        _, _, row, kind = next(same)
        yield kind, row


def _aged(age: int, segment: Segment) -> Iterator[tuple[str, int, Row, Kind]]:
    for row in segment:
        yield row.key, -age, row, segment.kind  # no two compare equal in the first two: the rest is never compared


def _own_segments(state: Mapping[str, Any]) -> list[Segment]:
    version = state["version"]
    if version != VERSION:
        raise ConfigError(
            f"The state of the stream has version {version!r}, this connector writes and reads version {VERSION}. "
            f"Use the newer connector that wrote it. Or: {REMEDY}"
        )
    return [_own_segment(**segment) for segment in state["segments"]]


def _own_segment(kind: str, entries: int, data: str) -> Segment:
    if kind not in {"exact", "mtime"}:
        raise ValueError(f"unknown kind of segment {kind!r}")
    return from_text("exact" if kind == "exact" else "mtime", entries, data)


def _peer_segment(history: Mapping[str, str]) -> Segment:
    """The peer keeps key -> last-modified, as 2024-01-02T03:04:05.000000Z."""
    if not isinstance(history, Mapping):
        raise TypeError(f"'history' is no object but {type(history).__name__}")
    return encode("mtime", (Row(key, _peer_mtime(history[key]), 0) for key in sorted(history)))


def _peer_mtime(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return mtime_fingerprint(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
