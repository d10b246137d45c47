"""A bucket that lives by chance, with all versions it ever had, and a destination that follows what was emitted."""

import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import md5
from typing import Any

import pyarrow as pa

from tests.servers.timed_s3 import Stored
from tests.source_s3.commands import DELETED_AT, ROW, URL
from tests.source_s3.files import jsonl, parquet

UPDATED_AT, MODIFIED = "_ab_cdc_updated_at", "_ab_source_file_last_modified"
Row = Mapping[str, Any]

KEYS: Mapping[str, Sequence[str]] = {  # by stream
    "csv": ["csv/a b.csv", "csv/in/ü.csv"],
    "jsonl": ["jsonl/a.jsonl", "jsonl/b.jsonl.gz", "jsonl/c.jsonl"],
    "parquet": ["parquet/a.parquet", "parquet/b.parquet"],
    "docs": ["docs/a.md", "docs/in/b+c.md", "docs/n.md"],
}
FILE_TYPES = {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet", "docs": "unstructured"}
# Rows and the bytes of each. The second makes a state between objects worth its bytes, the third one inside of one.
SIZES = ((3, 8), (60, 1200), (2300, 1000))


@dataclass(frozen=True, slots=True)
class Version:
    """Of one key. `rows`: its records without the facts of the file."""

    stored: Stored
    rows: Sequence[Row]


@dataclass(slots=True)
class World:
    """`objects` is what the server answers from. `versions`: all that each key ever held, the present one or not."""

    chance: random.Random
    objects: dict[str, Stored]
    streams: Sequence[str]
    versions: dict[str, list[Version]] = field(default_factory=dict)
    present: dict[str, Version] = field(default_factory=dict)
    uploads: list[tuple[str, Version]] = field(default_factory=list)  # begun, and not completed
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    made: int = 0
    last: str = ""  # the key that changed last
    recent: set[str] = field(default_factory=set)  # those that changed since the last sync that was not cut
    exposed: list[str] = field(default_factory=list)  # of which the last sync emitted something, if that was cut
    denied: set[str] = field(default_factory=set)  # those that can't be read now
    told: list[str] = field(default_factory=list)

    def live(self) -> None:
        """One thing happens. Half of them in the same second as the one before."""
        self.clock += timedelta(seconds=self.chance.choice((0, 0, 1, 7)))
        often = [self.put, self.same_size, self.delete, self.restore]
        seldom = [self.overwrite, self.delete, self.rename, self.touch, self.begin_upload, self.complete_upload]
        happen: Callable[[], None] = self.chance.choice([*often, *often, *seldom])
        happen()

    def strike(self) -> None:
        """What an inexact sync would miss: an object that changed last changes in the same second, goes, or comes back.

        Where the sync before was cut, it is that which it was at, or any that changed since the one that was not.
        """
        key = self.chance.choice([*sorted(self.recent), *self.exposed, *3 * self.exposed[-1:]] or [self.last])
        if key not in self.present:
            self.place("back", key, self.chance.choice(self.versions[key][-2:]))
            return
        happen: Sequence[Callable[[str], None]]
        happen = [partial(self.remove, "struck"), self.same_size, self.touch, self.take_back]
        self.chance.choices(happen, (4, 4, 3, 3))[0](key)

    def deny(self) -> None:
        """Some can't be read for the time of one sync."""
        self.denied.clear()
        if self.chance.random() < 0.2:
            self.denied.update(key for key in sorted(self.present) if self.chance.random() < 0.3)
            self.told.append(f"denied: {sorted(self.denied)}")

    def put(self) -> None:
        stream = self.chance.choice(self.streams)
        self.place("put", self.chance.choice(KEYS[stream]), self.version(stream))

    def overwrite(self) -> None:
        if (key := self._some_key()) is not None:
            self.place("overwrite", key, self.version(_stream_of(key)))

    def same_size(self, key: str | None = None) -> None:
        """All differs but the number of rows, their width, the size (unless compressed), and often the second."""
        if (key := key or self._some_key()) is not None:
            rows = self.present[key].rows
            width = len(rows[0].get("text", "")) or rows[0]["content"].count("word") if rows else 0
            self.place("same size", key, self.version(_stream_of(key), (len(rows), width)))

    def touch(self, key: str | None = None) -> None:
        """A copy onto itself: the time differs, and nothing else."""
        self.clock += timedelta(seconds=1)
        if (key := key or self._some_key()) is not None:
            version = self.present[key]
            self.place("touch", key, replace(version, stored=replace(version.stored, modified=self.clock)))

    def take_back(self, key: str) -> None:
        """The version before, with the time it had; the only one there was: it goes."""
        if before := self.versions[key][-2:-1]:
            self.place("take back", key, *before)
        else:
            self.remove("struck", key)

    def delete(self) -> None:
        if (key := self._some_key()) is not None:
            self.remove("delete", key)

    def rename(self) -> None:
        """As S3 does it: a copy, with a time of its own, and a deletion."""
        if (key := self._some_key()) is not None:
            to = self.chance.choice(KEYS[_stream_of(key)])
            if to != key and to.endswith(".gz") == key.endswith(".gz"):
                version = self.present[key]
                self.place(f"rename {key}", to, replace(version, stored=replace(version.stored, modified=self.clock)))
                self.remove("renamed", key)

    def begin_upload(self) -> None:
        """Of several parts: its LastModified is this moment, and it is there only when it is completed."""
        stream = self.chance.choice(self.streams)
        version = self.version(stream)
        several = replace(version, stored=replace(version.stored, etag=f"{version.stored.etag}-2"))
        self.uploads.append((self.chance.choice(KEYS[stream]), several))

    def complete_upload(self) -> None:
        if self.uploads:
            self.place("completed", *self.uploads.pop(self.chance.randrange(len(self.uploads))))

    def restore(self) -> None:
        """An older version is the newest one again, with the time it had: those after it were deleted by their id."""
        if self.versions:
            key = self.chance.choice([*sorted(self.versions), self.last])
            self.place("restore", key, self.chance.choice(self.versions[key][-2:]))

    def _some_key(self) -> str | None:
        """Often the one that changed last: what a cut sync has begun with changes before it is done."""
        if self.last in self.present and self.chance.random() < 0.5:
            return self.last
        return self.chance.choice(sorted(self.present)) if self.present else None

    def version(self, stream: str, size: tuple[int, int] | None = None) -> Version:
        self.made += 1
        most, width = self.chance.choices(SIZES, (90, 15, 4))[0]
        rows, width = size if size is not None else (self.chance.randint(0, most) if most < 10 else most, width)
        if stream == "docs":
            text = f"# v{self.made:05}\n\n{' '.join(['word'] * width)}\n"
            return Version(self._stored(text.encode()), [{"content": text}])
        texts = [{"id": f"v{self.made:05}-{number:04}", "text": "x" * width} for number in range(1, rows + 1)]
        return Version(self._stored(BODIES[stream](texts)), texts)

    def _stored(self, body: bytes) -> Stored:
        return Stored(body, self.clock, md5(body).hexdigest())  # noqa: S324 -- as S3 makes it

    def place(self, what: str, key: str, version: Version) -> None:
        if key.endswith(".gz") and version.stored.body[:2] != b"\x1f\x8b":
            packed = replace(version.stored, body=gzip.compress(version.stored.body, mtime=0))
            version = replace(version, stored=packed)
        self.last = key
        self.recent.add(key)
        self.present[key] = version
        self.objects[key] = version.stored
        known = self.versions.setdefault(key, [])
        if version in known:
            known.remove(version)
        known.append(version)
        self.told.append(f"{what}: {key} of {len(version.rows)} rows, {version.stored.modified:%H:%M:%S}")

    def remove(self, what: str, key: str) -> None:
        self.last = key
        self.recent.add(key)
        del self.present[key], self.objects[key]
        self.told.append(f"{what}: {key}")


@dataclass(slots=True)
class Destination:
    """Applies records in their order, by key. `mirrors`: deletions are followed, and rows are known by number."""

    world: World
    mirrors: bool
    rows: dict[str, dict[tuple[str, int | None], tuple[str, Row]]] = field(default_factory=dict)
    emitted: dict[str, set[tuple[str, str, str]]] = field(default_factory=dict)

    def clear(self) -> None:
        """A new generation begins."""
        self.rows.clear()
        self.emitted.clear()

    def apply(self, stream: str, data: dict[str, Any]) -> str:
        """The name of the object. What never was in the bucket is an error."""
        name, number = data.pop(URL), data.pop(ROW, None)
        rows = self.rows.setdefault(stream, {})
        if data.get(DELETED_AT) is not None:
            rows.pop((name, number), None)
            return str(name)
        modified = data.pop(MODIFIED)
        row = _bare(data)
        if self.mirrors:
            rows[name, number] = modified, row
        self.emitted.setdefault(stream, set()).add((name, modified, _told(row)))
        assert any(
            _told(row) in {_told(found) for found in _candidates(version, row)} and _moment(version) == modified
            for version in self.world.versions.get(name, [])
        ), f"{name} never held {_told(row)[:200]} at {modified}"
        return str(name)

    def settled(self) -> dict[str, Version]:
        """What a sync that came to its end has read."""
        return {key: version for key, version in self.world.present.items() if key not in self.world.denied}

    def expect_the_bucket(self) -> None:
        """Of what was denied, nothing is expected."""
        denied = self.world.denied
        for stream in self.world.streams:
            present = {key: version for key, version in self.settled().items() if _stream_of(key) == stream}
            if self.mirrors:
                numbered = stream != "docs"
                wanted = {
                    (key, number if numbered else None): (_moment(version), row)
                    for key, version in present.items()
                    for number, row in enumerate(version.rows, 1)
                }
                found = {place: row for place, row in self.rows.get(stream, {}).items() if place[0] not in denied}
                expect_same(found, wanted)
            else:
                read = {(key, _moment(version), _told(row)) for key, version in present.items() for row in version.rows}
                missing = sorted(read - self.emitted.get(stream, set()))
                assert not missing, f"never emitted: {str(missing[:3])[:600]}"


def expect_same(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
    """As an assertion, whose message is short: there are thousands of rows."""
    missing = [key for key in wanted if key not in found]
    surplus = [key for key in found if key not in wanted]
    differ = [key for key in found if key in wanted and found[key] != wanted[key]]
    assert not missing, f"{len(missing)} missing: {missing[:3]}"
    assert not surplus, f"{len(surplus)} too many: {surplus[:3]}"
    assert not differ, (
        f"{len(differ)} of another version: {differ[:3]}: {str([found[key] for key in differ[:3]])[:400]}"
    )


def _bare(data: dict[str, Any]) -> Row:
    ours = {"document_key", "_ab_source_file_parse_error", DELETED_AT, UPDATED_AT}
    return {name: value for name, value in data.items() if name not in ours}


def _candidates(version: Version, row: Row) -> Sequence[Row]:
    """The row that it must be, told by its id; of a document the only one."""
    if "id" not in row:
        return version.rows
    place = int(row["id"].rpartition("-")[2]) - 1
    return version.rows[place : place + 1]


def _told(row: Row) -> str:
    return json.dumps(row, sort_keys=True)


def _moment(version: Version) -> str:
    return f"{version.stored.modified:%Y-%m-%dT%H:%M:%S.%fZ}"


def _stream_of(key: str) -> str:
    return key.partition("/")[0]


def _csv(rows: Sequence[Row]) -> bytes:
    return "".join(["id,text\n", *(f"{row['id']},{row['text']}\n" for row in rows)]).encode()


def _parquet(rows: Sequence[Row]) -> bytes:
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in ("id", "text")}
    return parquet(columns, row_group_size=50)


BODIES: Mapping[str, Callable[[Sequence[Row]], bytes]] = {"csv": _csv, "jsonl": jsonl, "parquet": _parquet}
