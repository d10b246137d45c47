"""kill -9 in the middle of a sync, followed by a rerun from the last acknowledged state.

At every call that writes, one after the other, and at random moments while the service fails in every way. Then the
vectors are those of an undisturbed sync.

S3VECTORS_KILLS is the number of random moments of each kind of sync.
"""

import os
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.emulator.server import Emulator
from destination_s3vectors.indexes.lease import RENEWED_EVERY
from destination_s3vectors.vectors.names import index_name
from tests.conftest import VectorBucket
from tests.destination_commands import stream
from tests.destination_s3vectors.killed_sync import (
    END,
    Sync,
    calls_of,
    chunk_counts,
    contents,
    deletion,
    record,
)
from tests.servers.running import running
from tests.waiting import until
from vector_ingest.messages import state_line

KILLS = int(os.environ.get("S3VECTORS_KILLS", "3"))
INDEX = index_name("airbyte", "Docs")
SIZES = range(7)  # chunks of a document; 0: it is not there
CALLS = [("PutVectors", number) for number in range(1, 7)] + [("DeleteVectors", number) for number in range(1, 8)]
CONTINUED = stream("Docs", "append_dedup")
REFRESHED = stream("Docs", "append_dedup", generation_id=5, minimum_generation_id=5)
OVERWRITTEN = stream("Docs", "overwrite", generation_id=5, minimum_generation_id=5)


def serving(file: Path | None = None) -> AbstractContextManager[Emulator]:
    return running(Emulator(region="eu-central-1", file=file))


def stored_version(version: int) -> list[bytes]:
    """Of documents of every size. In the first version they have other sizes."""
    return [
        record(f"{old} to {new}", "old" if version else "oldest", old if version else 7 - old)
        for old in SIZES[1:]
        for new in SIZES
    ]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sync of documents that grow and shrink from every size to every other."""

    stream: dict[str, Any]
    deletes: bool  # else what is not there any more is swept

    def lines(self) -> list[bytes]:
        """Half of the documents keep the texts of the chunks that stay."""
        return [
            record(f"{old} to {new}", "new" if (old + new) % 2 else "old", new) if new else deletion(f"{old} to {new}")
            for old in SIZES
            for new in SIZES
            if new or (old and self.deletes)
        ]


@dataclass(frozen=True, slots=True)
class Prepared:
    scenario: Scenario
    file: Path  # of the emulator, before the sync
    after: dict[str, Any]  # an undisturbed one


SCENARIOS = {"incremental": Scenario(CONTINUED, True), "refresh": Scenario(REFRESHED, False)}


@pytest.fixture(scope="module")
def vectors_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The emulator's file after two syncs."""
    folder = tmp_path_factory.mktemp("before")
    with serving(folder / "vectors") as emulator:
        for version in range(2):
            Sync(folder, VectorBucket("documents", emulator), CONTINUED).finish(stored_version(version))
    return folder / "vectors"


@pytest.fixture(scope="module")
def prepared(
    request: pytest.FixtureRequest, vectors_before: Path, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    scenario, folder = SCENARIOS[request.param], tmp_path_factory.mktemp("after")
    shutil.copy(vectors_before, folder / "after")
    with serving(folder / "after") as emulator:
        bucket = VectorBucket("documents", emulator)
        began = time.monotonic()
        Sync(folder, bucket, scenario.stream).finish(scenario.lines())
        took = time.monotonic() - began
        after = contents(bucket)
        made = {operation: calls_of(emulator, operation) for operation, _ in CALLS}
    found = [(operation, number + 1) for operation, calls in made.items() for number in range(calls)]
    assert found == CALLS or (took > RENEWED_EVERY and set(found) > set(CALLS))  # a lease may have been renewed
    assert chunk_counts(after[INDEX]) == list(SIZES[1:])
    return Prepared(scenario, vectors_before, after)


@pytest.mark.parametrize("prepared", SCENARIOS, indirect=True)
@pytest.mark.parametrize(("operation", "number"), CALLS)
def test_a_sync_killed_at_any_call_is_completed_by_the_next(
    prepared: Prepared, tmp_path: Path, operation: str, number: int
) -> None:
    shutil.copy(prepared.file, tmp_path / "vectors")
    with serving(tmp_path / "vectors") as emulator:
        bucket, lines = VectorBucket("documents", emulator), prepared.scenario.lines()
        sync = Sync(tmp_path, bucket, prepared.scenario.stream)
        # The call waits and never takes effect; all before it have.
        emulator.faults.set([Rule("timeout", operation, calls=[number], seconds=60)])
        state = state_line("Docs", None, {"lines": len(lines)}, len(lines))
        done = sync.kill([[*lines, state, END[0]]], 0, lambda _: until(lambda: fired(emulator) == 1))
        emulator.faults.set([])
        sync.finish(lines[done[-1] :] if done else lines)
        assert contents(bucket) == prepared.after


# A fifth of all requests, by every kind.
FAULTS = [
    Rule("throttle", probability=0.02, burst=3),
    Rule("unavailable", probability=0.02),
    Rule("internal", probability=0.03),
    Rule("request_timeout", probability=0.01),
    Rule("timeout", probability=0.02, seconds=0.1),
    Rule("reset_before", probability=0.03),
    Rule("reset_after", probability=0.03),
    Rule("slow", probability=0.02, seconds=0.2),
]
DOCUMENTS, EVERY, PAUSE = 80, 12, 0.6  # the pause lets a batch begin before the input ends


def fired(emulator: Emulator) -> int:
    return sum(rule["fired"] for rule in emulator.faults.state())


def a_moment_after(emulator: Emulator, wanted: int, seconds: float, states: Sequence[int]) -> None:
    """After so many states, or after the first vectors were asked for."""
    until(lambda: len(states) >= wanted and calls_of(emulator, "GetVectors") > 0)
    time.sleep(seconds)


def changes(chance: random.Random, portions: int) -> list[bytes]:
    """Changes of 1 to 6 chunks, a tenth of them deletions. The states say how many lines went before."""
    lines: list[bytes] = []
    for number in range(portions * EVERY):
        identity = str(chance.randrange(DOCUMENTS))
        if chance.random() < 0.1:
            lines.append(deletion(identity))
        else:
            lines.append(record(identity, chance.choice(["same", f"change {number}"]), chance.randint(1, 6)))
        if number % EVERY == EVERY - 1:
            lines.append(state_line("Docs", None, {"lines": len(lines) + 1}, EVERY))
    return lines


@pytest.mark.timeout(300 + 30 * KILLS)
@pytest.mark.parametrize(
    "configured", [CONTINUED, OVERWRITTEN, REFRESHED], ids=["append_dedup", "overwrite", "truncating refresh"]
)
def test_a_sync_killed_at_random_moments_while_the_service_fails_is_completed(
    tmp_path: Path, configured: dict[str, Any], record_property: Any
) -> None:
    chance = random.Random(str(configured))
    lines = changes(chance, portions=4 + 5 * KILLS)
    old = [record(str(number), "from before", number % 6 + 1) for number in range(-5, DOCUMENTS // 2)]
    with serving() as emulator:
        calm, killed = (Sync(tmp_path / name, VectorBucket(name, emulator), configured) for name in ("calm", "killed"))
        for sync in (calm, killed):
            Sync(sync.folder, sync.bucket, stream("Docs", configured["destination_sync_mode"])).finish(old)
        calm.finish(lines)
        done, faults, acknowledged = 0, 0, []
        for number in range(KILLS):
            emulator.faults.set(FAULTS, seed=number)
            emulator.service.log.clear()
            portions = [lines[at : at + EVERY + 1] for at in range(done, len(lines), EVERY + 1)]
            states, seconds = chance.choice([0, 0, 1, 2]), chance.uniform(0, 1)
            wait = partial(a_moment_after, emulator, min(states, len(portions)), seconds)
            done = ([done, *killed.kill(portions, PAUSE, wait)])[-1]
            acknowledged.append(done)
            faults += fired(emulator)
        killed.finish(lines[done:])
        emulator.faults.set([])
        record_property("acknowledged lines after each kill", acknowledged)
        record_property("faults", faults)
        assert faults > KILLS
        assert contents(killed.bucket) == contents(calm.bucket)
