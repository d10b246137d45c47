"""The load with many requests to the model in flight, some of which fail, and texts that it refuses."""

import random
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.contract.memory_store import MemoryStore
from tests.shared.load.syncs import DEDUP, Model, SlowStore, Sync, record, state, status
from vector_ingest.document import Document, Target
from vector_ingest.embed.embedder import Limits
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.load.lines import Lines
from vector_ingest.messages import record_line

FEW = Limits(texts=3, tokens=None, tokens_per_text=None)


@pytest.mark.parametrize("seed", range(3))
def test_states_leave_in_order_and_never_early_however_the_requests_end(seed: int) -> None:
    chance = random.Random(seed)

    def answer() -> None:
        time.sleep(chance.random() / 200)
        if chance.random() < 0.2:
            raise TransientError("broken", 0.001)

    sync = Sync(model=Model(answer=answer, limits=FEW), most_skipped=1_000)
    store = SlowStore(MemoryStore(sync.tables, "m"), lambda: chance.random() / 100)
    expected: dict[int, set[str]] = {}
    latest: dict[int, str] = {}
    early: list[int] = []

    def blocks() -> Iterator[Lines | None]:
        for number in range(80):
            written = {chance.randrange(60): f"{number}-{place}" for place in range(chance.randrange(1, 9))}
            latest.update(written)
            expected[number] = set(written.values())
            bad = [record(f"bad {number}", f"poison {number}")] if chance.random() < 0.2 else []
            yield Lines([*bad, *(record(identity, text) for identity, text in written.items()), state(number)])
            if chance.random() < 0.6:
                yield None
        yield Lines([status("COMPLETE")])

    def look(sync: Sync) -> None:
        number = sync.states()[-1]
        if not all(text in store.done or text not in latest.values() for text in expected[number]):
            early.append(number)

    sync.look = look
    sync.load([DEDUP], store, blocks())
    assert sync.states() == list(range(80))
    assert not early
    assert not store.faults
    assert sync.texts() == sorted(f"text: {text}" for text in latest.values())
    total = sync.report.total()
    assert total.failed == total.refused_texts > 0
    assert total.records == total.failed + sum(map(len, expected.values()))


def test_a_failure_ends_the_sync_without_the_wait_for_the_model_that_others_are_in() -> None:
    asked = threading.Event()

    class Forbidding(MemoryStore):
        def delete(self, target: Target, documents: Sequence[Document]) -> int:  # noqa: ARG002
            assert asked.wait(10)
            raise ConfigError("no right to delete")

    def answer() -> None:
        asked.set()
        raise TransientError("busy", retry_after=60)

    sync = Sync(model=Model(answer=answer))
    gone = record(1, "", _ab_cdc_deleted_at="2026-01-01")
    began = time.monotonic()
    with pytest.raises(ConfigError, match="no right to delete"):
        sync.load([DEDUP], Forbidding(sync.tables, "m"), iter([Lines([gone]), None, Lines([record(2, "text")]), None]))
    assert time.monotonic() - began < 30


def test_a_refused_record_leaves_what_is_stored_of_it_and_is_counted() -> None:
    sync = Sync(most_skipped=1)
    sync.run([DEDUP], record(1, "old"), record(2, "two"), state(1), status("COMPLETE"))
    sync.run([DEDUP], record(1, "poison"), record(2, "new"), state(2), status("COMPLETE"))
    assert sync.texts() == ["text: new", "text: old"]
    assert sync.states() == [1, 2]
    total = sync.report.total()
    assert (total.failed, total.refused_texts, total.embedded, total.reused) == (1, 1, 3, 0)


def test_more_refused_records_than_allowed_end_the_sync() -> None:
    sync = Sync(most_skipped=1)
    with pytest.raises(DataError, match="2 records of this sync: they could not be stored, and at most 1 may be"):
        sync.run([DEDUP], record(1, "poison a"), record(2, "poison b"), state(1))
    assert sync.states() == []


def test_the_first_refused_record_ends_the_sync_where_none_may_be() -> None:
    sync = Sync()
    with pytest.raises(DataError, match="document `Stream_s_Key_2` of stream `s`: a text: it is poison"):
        sync.run([DEDUP], record(1, "fine"), record(2, "poison"), state(1))
    assert sync.states() == []


def test_a_record_that_is_no_document_is_passed_over_too() -> None:
    sync = Sync(most_skipped=1)
    sync.run([DEDUP], record(1, "fine"), record_line("s", None, {"text": "x"}, 1), state(1))
    assert sync.texts() == ["text: fine"]
    assert sync.states() == [1]
    assert sync.report.total().failed == 1
