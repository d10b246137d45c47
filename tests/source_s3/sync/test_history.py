"""Random histories of a bucket, with syncs between that are killed at random moments: what was emitted is the bucket.

kill -9 of the command, of which most are forked; the next one starts from a state that had come out whole.
HISTORY_SEQUENCES is the number of histories, HISTORY_FIRST the seed of the first one.
"""

import json
import os
import random
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

from demo.s3_server import sign_in
from tests.forks import Command
from tests.servers.running import running
from tests.servers.timed_s3 import TimedS3
from tests.source_s3.commands import DELETED_AT, URL, arguments
from tests.source_s3.sync.history import FILE_TYPES, KEYS, MODIFIED, Destination, Version, World

FIRST, SEQUENCES = int(os.environ.get("HISTORY_FIRST", "0")), int(os.environ.get("HISTORY_SEQUENCES", "30"))
CHANGES = 2  # between two syncs at most
FINISHED = 2  # syncs of one history that are not cut
FORKED = 0.9  # of the syncs of a random history; the others are the command as users start it
LEAVE = {"type": "leave_for_later"}


@pytest.fixture(scope="module")
def timed_s3() -> Iterator[TimedS3]:
    with running(TimedS3()) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Cut:
    """After so many lines, records, or bytes, or so many lines after a state of this number (just before it: -1)."""

    lines: int | None = None
    records: int | None = None
    size: int | None = None
    state: int | None = None
    beyond: int = 0


def random_cut(chance: random.Random) -> Cut:
    match chance.randrange(7):
        case 0:
            return Cut(lines=int(10 ** chance.uniform(0.5, 2)))
        case 1 | 2 | 3:
            return Cut(records=int(10 ** chance.uniform(0, 1.1)))
        case 4:
            return Cut(size=int(10 ** chance.uniform(2.5, 6)))
        case _:
            return Cut(state=chance.choice((1, 1, 1, 2, 2, 3, 5, 8)), beyond=chance.choice((-1, 0, 1, 1, 2, 5)))


@dataclass(slots=True)
class History:
    """One bucket, the destination that follows it, and the states that the platform holds, by stream."""

    chance: random.Random
    folder: Path
    server: TimedS3
    name: str
    mode: str  # mirror: incremental with deletions; append: without; refresh: by generations, with deletions
    states: dict[str, Any] = field(default_factory=dict)
    generation: int = 1
    settled: dict[str, Version] | None = None  # the bucket as the last sync read it, if that was not cut
    world: World = field(init=False)
    destination: Destination = field(init=False)

    def __post_init__(self) -> None:
        streams = self.chance.sample(sorted(KEYS), self.chance.choice((1, 1, 1, 2, 4)))
        self.world = World(self.chance, self.server.buckets.setdefault(self.name, {}), streams)
        self.destination = Destination(self.world, self.mode != "append")
        self.server.denied[self.name] = self.world.denied

    def run(self) -> None:
        finished = 0
        while finished < FINISHED:
            strikes = [self.world.strike] * self.chance.choices((0, 1, 2), (2, 5, 2))[0] if self.world.last else []
            changes = self.chance.randint(0, CHANGES) if self.has_synced() else CHANGES * len(self.world.streams)
            happen = [strikes, [self.world.live] * changes]
            for change in chain(*(happen if self.chance.random() < 0.5 else reversed(happen))):
                change()
            if self.mode != "refresh":  # which would end as incomplete
                self.world.deny()
            finished += self.sync(random_cut(self.chance) if self.chance.random() < 0.65 else None)

    def has_synced(self) -> bool:
        return bool(self.states or self.world.exposed)

    def sync(self, cut: Cut | None) -> bool:
        """Whether it came to its end. Then the destination is the bucket."""
        self.world.told.append(f"sync, {cut or 'whole'}")
        lines, code = self._read(cut)
        records, states = parsed(lines)
        expect_order(records, self.world.present)
        names = {self.destination.apply(stream, data): True for stream, data in records}
        if self.settled is not None and self.mode != "refresh":
            self._expect_only_changes({*names})
        for stream, came in states.items():  # the platform may have kept less than came
            self.states[stream] = came[-1] if code == 0 or self.chance.random() < 0.7 else self.chance.choice(came)
        self.settled, self.world.exposed = None, list(names)
        if code is None:
            self.world.told.append(f"cut after {len(lines)} lines, {sum(map(len, states.values()))} states")
            return False
        assert code == 0, (self.folder / "stderr").read_text() + b"\n".join(lines[-5:]).decode()
        self.destination.expect_the_bucket()
        self.settled = self.destination.settled()
        self.world.recent.clear()
        self.world.exposed.clear()
        if self.mode == "refresh":
            self.generation += 1
            self.destination.clear()
        return True

    def _expect_only_changes(self, names: set[str]) -> None:
        assert self.settled is not None
        before, now = self.settled, self.world.present
        changed = {key for key in {*before, *now} if before.get(key) != now.get(key)}
        assert names <= changed, f"read again for nothing: {sorted(names - changed)}"

    def _read(self, cut: Cut | None) -> tuple[list[bytes], int | None]:
        """The whole lines that came, and the exit code; None where it was killed."""
        states = list(self.states.values()) or None
        line = arguments(self.folder, "read", self._config(), self._catalog(), states)
        every = self.chance.choice((["--state-interval", "0"], ["--state-interval", "0"], []))
        errors = self.folder / "stderr"
        with errors.open("wb") as stderr, self._start([*line, *every], stderr) as process:
            assert process.stdout is not None
            lines, was_cut = taken(process.stdout, cut or Cut())
            if was_cut:
                process.kill()
            code = process.wait(60)
            return lines, None if was_cut else code

    def _start(self, line: Sequence[str], stderr: IO[bytes]) -> "Command | subprocess.Popen[bytes]":
        if self.chance.random() < FORKED:
            return Command(line, stderr.fileno())
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)

    def _config(self) -> dict[str, Any]:
        streams = [
            {
                "name": name,
                "globs": [f"{name}/**"],
                "format": {"filetype": FILE_TYPES[name]},
                "unreadable_objects": LEAVE,
            }
            for name in self.world.streams
        ]
        where = sign_in(self.server.endpoint, self.name)
        return {**where, "streams": streams, "sync_deletions": self.destination.mirrors}

    def _catalog(self) -> dict[str, Any]:
        refresh = self.mode == "refresh"
        mode = {"sync_mode": "full_refresh" if refresh else "incremental", "destination_sync_mode": "append"}
        generation = {"generation_id": self.generation, "minimum_generation_id": self.generation} if refresh else {}
        stream: dict[str, Any] = {"json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
        return {"streams": [{"stream": {**stream, "name": name}, **mode, **generation} for name in self.world.streams]}


def taken(stdout: IO[bytes], cut: Cut) -> tuple[list[bytes], bool]:
    """The lines before the cut, and whether it was reached."""
    lines: list[bytes] = []
    size, states, records, left = 0, 0, 0, cut.lines
    for line in stdout:
        size += len(line)
        states += (is_state := line.startswith(b'{"type":"STATE"'))
        if is_state and states == cut.state:
            left = len(lines) + cut.beyond + 1
        if (cut.size is not None and size > cut.size) or (left is not None and len(lines) >= left):
            return lines, True
        lines.append(line)
        records += line.startswith(b'{"type":"RECORD"')
        if len(lines) == left or (cut.records is not None and records == cut.records):
            return lines, True
    return lines, False


def parsed(lines: list[bytes]) -> tuple[list[tuple[str, dict[str, Any]]], dict[str, list[Any]]]:
    """Records in their order, and the states of each stream."""
    records: list[tuple[str, dict[str, Any]]] = []
    states: dict[str, list[Any]] = {}
    for line in lines:
        message: Mapping[str, Any] = orjson.loads(line)
        if message["type"] == "RECORD":
            records.append((message["record"]["stream"], message["record"]["data"]))
        elif message["type"] == "STATE":
            name = message["state"]["stream"]["stream_descriptor"]["name"]
            states.setdefault(name, []).append(message["state"])
    return records, states


def expect_order(records: Sequence[tuple[str, Mapping[str, Any]]], present: Collection[str]) -> None:
    """In each stream first the deletions of what is gone, then the objects by time and name."""
    last: dict[str, tuple[str, str]] = {}
    for stream, data in records:
        if data.get(DELETED_AT) is None:
            place = (data[MODIFIED], data[URL])
            assert last.get(stream, place) <= place, f"{place} after {last[stream]}"
            last[stream] = place
        elif data[URL] not in present:
            assert stream not in last, f"{data[URL]} is deleted after {last[stream]} was read"


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEQUENCES))
def test_what_was_emitted_is_the_bucket_after_any_history(timed_s3: TimedS3, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    mode = chance.choices(("mirror", "append", "refresh"), (7, 2, 2))[0]
    history = History(chance, tmp_path, timed_s3, f"history-{seed}", mode)
    try:
        history.run()
    except AssertionError as error:
        told = "\n".join(history.world.told)
        error.add_note(
            f"HISTORY_FIRST={seed} HISTORY_SEQUENCES=1, {mode}:\n{told}\n{json.dumps(history.states)[:2000]}"
        )
        raise
    finally:
        timed_s3.buckets.pop(history.name, None)
        timed_s3.denied.pop(history.name, None)


@pytest.mark.parametrize("stream", KEYS)
@pytest.mark.parametrize("happened", ["overwritten", "deleted"])
def test_what_a_cut_sync_has_undone_is_done_again_when_the_old_version_is_back(
    timed_s3: TimedS3, tmp_path: Path, stream: str, happened: str
) -> None:
    """A version, or the mark of a deletion, was removed by its id: the object is as it was, its time included."""
    history = History(random.Random(1), tmp_path, timed_s3, f"back-{stream}-{happened}", "mirror")
    world, key = history.world, KEYS[stream][0]
    world.streams = [stream]
    old, new = world.version(stream, (3, 8)), world.version(stream, (5, 9))
    world.place("put", key, old)
    assert history.sync(None)
    if happened == "overwritten":
        world.place("overwrite", key, new)
    else:
        world.remove("delete", key)
    assert not history.sync(Cut(records=1 if stream == "docs" else 3))
    world.place("back", key, old)
    assert history.sync(None)


@pytest.mark.parametrize("cut", [Cut(records=3), None])
@pytest.mark.parametrize("happened", ["overwritten", "deleted"])
def test_a_place_to_go_on_from_is_forgotten_when_another_fate_of_the_object_has_begun(
    timed_s3: TimedS3, tmp_path: Path, happened: str, cut: Cut | None
) -> None:
    """Cut inside of it, it was overwritten or deleted, which was cut too or not; then the first version was back."""
    history = History(random.Random(1), tmp_path, timed_s3, f"place-{happened}-{cut is None}", "mirror")
    world, key = history.world, KEYS["parquet"][0]
    world.streams = ["parquet"]
    long, other = world.version("parquet", (200, 1200)), world.version("parquet", (5, 9))
    world.place("put", key, long)
    assert not history.sync(Cut(state=2))
    assert "resume" in history.states["parquet"]["stream"]["stream_state"]
    if happened == "overwritten":
        world.place("overwrite", key, other)
    else:
        world.remove("delete", key)
    assert history.sync(cut) == (cut is None)
    world.place("back", key, long)
    assert history.sync(None)
