"""When a state leaves, and what it says."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from tests.contract.memory_store import MemoryStore
from tests.shared.load.syncs import DEDUP, SlowStore, Sync, record, state, status
from vector_ingest.errors import TransientError
from vector_ingest.load.lines import Lines
from vector_ingest.load.load import BATCH, WINDOW
from vector_ingest.messages import state_line


def test_a_state_counts_the_records_of_its_stream_since_the_last_one() -> None:
    sync = Sync()
    other = replace(DEDUP, name="other")
    sync.run(
        [DEDUP, other],
        record(1, "a"), record(2, "b"), record(1, "c", "other"), state(1), record(3, "d"), state(2, "other"), state(3),
    )  # fmt: skip
    assert sync.states() == [1, 2, 3]
    assert sync.counts() == [2, 1, 1]


def test_a_state_is_echoed_with_keys_that_no_protocol_class_knows() -> None:
    sync = Sync()
    message = {"type": "STATE", "state": {"type": "STREAM", "id": 7, "stream": {"stream_descriptor": {"name": "s"}}}}
    sync.run([DEDUP], record(1, "a"), orjson.dumps({**message, "extra": None}))
    assert sync.emitted == [
        {"type": "STATE", "state": {**message["state"], "destinationStats": {"recordCount": 1.0}}, "extra": None}  # type: ignore[dict-item]
    ]


def test_a_state_leaves_while_the_input_is_silent() -> None:
    seen = threading.Event()
    sync = Sync(look=lambda _: seen.set())

    def blocks() -> Iterator[Lines | None]:
        yield Lines([record(1, "a"), state(1)])
        for _ in range(1000):
            if seen.wait(0.01):
                return
            yield None
        raise AssertionError("the state did not leave")

    sync.load([DEDUP], MemoryStore(sync.tables, "m"), blocks())


def test_a_state_leaves_while_records_come_without_end() -> None:
    seen = threading.Event()
    sync = Sync(look=lambda _: seen.set())

    def blocks() -> Iterator[Lines | None]:
        yield Lines([record(1, "a"), state(1)])
        for number in range(400):
            if seen.wait(0.01):
                return
            yield Lines([record(number, "b")])
        raise AssertionError("the state did not leave")

    sync.load([DEDUP], MemoryStore(sync.tables, "m"), blocks())


def test_a_state_of_all_streams_counts_the_records_of_all_since_the_last_one() -> None:
    sync = Sync()
    whole = orjson.dumps({"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": 1}}})
    other = replace(DEDUP, name="other")
    sync.run([DEDUP, other], record(1, "a"), record(1, "b", "other"), whole, record(2, "c"), whole, whole)
    assert sync.counts() == [2, 1, 0]


def test_no_more_states_are_read_than_the_window_holds_while_the_store_is_slow() -> None:
    taken, seen = 0, list[int]()
    large = "x" * (8 << 20)

    def blocks() -> Iterator[Lines | None]:
        nonlocal taken
        for taken in range(1, 31):
            yield Lines([record(taken, "text"), state_line("s", None, {"n": taken, "large": large}, 0)])

    def pause() -> float:
        """The first batch takes until nothing more is read."""
        before = -1
        while not seen and before != taken:
            before = taken
            time.sleep(0.3)
        seen.append(taken)
        return 0

    sync = Sync()
    store = SlowStore(MemoryStore(sync.tables, "m"), pause)
    sync.load([DEDUP], store, blocks())
    assert sync.states() == list(range(1, 31))
    assert WINDOW // len(large) - 2 <= seen[0] <= (WINDOW + BATCH) // len(large) + 1


def test_states_of_an_overwrite_wait_for_the_switch() -> None:
    overwrite = replace(DEDUP, mode="overwrite")
    sync = Sync()
    sync.run([overwrite], record(1, "a"), state(1), record(2, "b"), state(2), status("STARTED"), status("COMPLETE"))
    assert sync.states() == [1, 2]
    broken = Sync(sync.tables)
    with pytest.raises(TransientError, match="stays as it was"):
        broken.run([overwrite], status("STARTED"), record(3, "c"), state(3))
    assert broken.states() == []
    assert broken.texts() == ["text: a", "text: b"]


def test_states_of_a_truncating_refresh_leave_at_once_since_a_retry_goes_on() -> None:
    sync = Sync()
    sync.run([DEDUP], record(1, "old"))
    refresh = replace(DEDUP, generation=2, minimum_generation=2)
    with pytest.raises(TransientError):
        sync.run([refresh], status("STARTED"), record(2, "half"), state(1))
    assert sync.states() == [1]
    assert sync.texts() == ["text: old"]
    sync.run([refresh], record(3, "rest"), status("COMPLETE"))
    assert sync.texts() == ["text: half", "text: rest"]
