"""The load loop over the in-memory store: order of states, ids in flight, how a sync ends."""

import io
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from tests.contract.memory_store import MemoryStore, Table
from vector_ingest.chunk.splitter import splitter_from
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.load.batch import BYTES_PER_TOKEN, PER_DOCUMENT, TIMES_LINE, Steps
from vector_ingest.load.lines import Lines, read_lines
from vector_ingest.load.load import BATCH, FIRST, THREADS, Load
from vector_ingest.load.quarantine import Quarantine
from vector_ingest.load.refused import Refusals
from vector_ingest.load.report import Report
from vector_ingest.messages import error_line, record_line, state_line, status_line
from vector_ingest.packing.packer import Packer
from vector_ingest.record.fields import contents_from

DEDUP = Stream("s", None, "append_dedup", (("id",),))
PROCESSING = ProcessingConfig(chunk_size=20, text_fields=["text"], metadata_fields=["text"])


@dataclass(slots=True)
class Model:
    """Counts what it is asked for. A text with `poison` in it is refused; `answer` may wait or raise first."""

    texts: list[str] = field(default_factory=list)
    answer: Callable[[], None] = lambda: None
    fingerprint: str = "m"
    dimensions: int = 2
    limits: Limits = field(default_factory=lambda: Limits(texts=100, tokens=None, tokens_per_text=None))

    def embed(
        self,
        texts: Sequence[str],
        purpose: Purpose = "document",  # noqa: ARG002
    ) -> tuple[npt.NDArray[np.float32], Usage]:
        self.answer()
        if any("poison" in text for text in texts):
            raise DataError("a text", "it is poison")
        self.texts += texts
        return np.array([[len(text), 1] for text in texts], np.float32), Usage(len(texts), 1)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None:
        """It holds nothing."""


@dataclass(slots=True)
class SlowStore:
    """A store whose batches take random times, and that notes what it holds and whether one id is written twice."""

    inner: MemoryStore
    pause: Callable[[], float]
    faults: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)  # of batches, in documents

    def check(self) -> None: ...

    def prepare(self, stream: Stream) -> Target:
        return self.inner.prepare(stream)

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        return self.inner.known(target, documents)

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        ids = {embedded.document.id for embedded in documents}
        with self.lock:
            if self.busy & ids:
                self.faults.append(f"in flight twice: {self.busy & ids}")
            self.busy |= ids
            self.sizes.append(len(documents))
        time.sleep(self.pause())
        refused = self.inner.replace(target, documents)
        with self.lock:
            self.busy -= ids
            self.done |= {str(embedded.document.metadata["text"]) for embedded in documents}
        return refused

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        return self.inner.delete(target, documents)

    def scan(self, target: Target) -> Iterator[Stored]:
        return self.inner.scan(target)

    def finish(self, target: Target, complete: bool) -> None:
        self.inner.finish(target, complete)


@dataclass(slots=True)
class Sync:
    """One sync over `tables`, which outlive it."""

    tables: dict[str, Table] = field(default_factory=dict)
    model: Model = field(default_factory=Model)
    emitted: list[dict[str, Any]] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    look: Callable[["Sync"], object] = lambda _: None  # called at each state
    quarantine: Quarantine | None = None
    most_skipped: int = 0
    tenant_field: str | None = None
    processing: ProcessingConfig = field(default_factory=lambda: PROCESSING)

    def run(self, streams: Sequence[Stream], *lines: bytes, end: bytes = b"\n") -> None:
        self.load(streams, MemoryStore(self.tables, "m"), read_lines(io.BytesIO(b"\n".join(lines) + end), 0.01))

    def load(self, streams: Sequence[Stream], store: MemoryStore | SlowStore, blocks: Iterator[Lines | None]) -> None:
        splitter = splitter_from(self.processing, self.model.count_tokens, self.model.limits.tokens_per_text)
        with Packer(self.model) as packer, ThreadPoolExecutor(THREADS) as pool:
            steps = Steps(
                store=store,
                fields=contents_from(self.processing),
                split=splitter.split_document,
                model=packer,
                dimensions=2,
                chunk_size=self.processing.chunk_size,
                tenant_field=self.tenant_field,
                refusals=Refusals(self.quarantine, self.most_skipped),
            )
            targets = [store.prepare(stream) for stream in streams]
            Load(steps, targets, self.emit, pool, self.report).run(blocks)

    def emit(self, line: bytes) -> None:
        self.emitted.append(orjson.loads(line))
        self.look(self)

    def texts(self, name: str = "None.s") -> list[str]:
        rows = self.tables[name].rows.values()
        return sorted(row.stored.text or "" for document in rows for row in document)

    def states(self) -> list[int]:
        return [message["state"]["stream"]["stream_state"]["n"] for message in self.emitted]

    def counts(self) -> list[float]:
        return [message["state"]["destinationStats"]["recordCount"] for message in self.emitted]


def record(identity: Any, text: str, stream: str = "s", **data: Any) -> bytes:
    return record_line(stream, None, {"id": identity, "text": text, **data}, 1)


def state(number: int, stream: str = "s") -> bytes:
    return state_line(stream, None, {"n": number}, 0)


def status(word: Any, stream: str = "s") -> bytes:
    return status_line(stream, None, word)


def test_states_leave_in_order_and_never_before_their_records_are_stored() -> None:
    chance = random.Random(7)
    sync = Sync()
    store = SlowStore(MemoryStore(sync.tables, "m"), lambda: chance.random() / 50)
    expected: dict[int, set[str]] = {}
    early: list[int] = []
    latest: dict[int, str] = {}

    def blocks() -> Iterator[Lines | None]:
        for number in range(150):
            written = {chance.randrange(40): f"{number}-{place}" for place in range(chance.randrange(1, 6))}
            latest.update(written)
            expected[number] = set(written.values())
            yield Lines([*(record(identity, text) for identity, text in written.items()), state(number)])
            if chance.random() < 0.6:
                yield None

    def look(sync: Sync) -> None:
        number = sync.states()[-1]
        # A text that a later one of its batch replaced is never stored; the state came after both.
        if not all(text in store.done or text not in latest.values() for text in expected[number]):
            early.append(number)

    sync.look = look
    sync.load([DEDUP], store, blocks())
    assert sync.states() == list(range(150))
    assert not early
    assert not store.faults
    assert sync.texts() == sorted(f"text: {text}" for text in latest.values())


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


def test_the_first_batch_is_small_so_that_the_store_has_work_and_none_is_above_the_most() -> None:
    sync = Sync()
    store = SlowStore(MemoryStore(sync.tables, "m"), lambda: 0.0)
    lines = [record(number, f"{number:04} " * 800) for number in range(3000)]
    sync.load([DEDUP], store, iter([Lines([*lines, status("COMPLETE")])]))
    chunks = 1 + len("text: " + "0000 " * 800) // (BYTES_PER_TOKEN * PROCESSING.chunk_size)
    weight = TIMES_LINE * len(lines[0]) + PER_DOCUMENT * chunks
    assert sum(store.sizes) == 3000
    assert 0.9 * BATCH < weight * max(store.sizes) <= BATCH
    assert weight * min(store.sizes) <= FIRST


def test_the_last_change_of_an_id_wins_and_a_delete_takes_it_out() -> None:
    sync = Sync()
    gone = "2026-01-01"
    sync.run(
        [DEDUP],
        record(1, "a"), record(2, "b"), record(1, "c"), record(3, "d"), record(2, "", _ab_cdc_deleted_at=gone),
        record(3, "", _ab_cdc_deleted_at=gone), record(3, "e", _ab_cdc_deleted_at=None),
    )  # fmt: skip
    assert sync.texts() == ["text: c", "text: e"]


def test_in_append_a_delete_record_is_kept_as_a_row() -> None:
    sync = Sync()
    sync.run([replace(DEDUP, mode="append")], record(1, "a"), record(1, "b", _ab_cdc_deleted_at="2026-01-01"))
    assert sync.texts() == ["text: a", "text: b"]


def test_append_with_a_key_converges_when_it_is_run_again_and_without_one_nothing_is_lost() -> None:
    sync = Sync()
    keyed, plain = replace(DEDUP, mode="append"), Stream("plain", None, "append")
    for _ in range(2):
        sync.run([keyed, plain], record(1, "a"), record(1, "b"), record(1, "a", "plain"), record(1, "a", "plain"))
    assert sync.texts() == ["text: a", "text: b"]
    assert sync.texts("None.plain") == ["text: a"] * 4


def test_what_is_unchanged_is_not_written_and_what_is_known_is_not_embedded() -> None:
    sync = Sync()
    long = "\n\n".join(f"paragraph {number} " + "word " * 15 for number in range(5))
    sync.run([DEDUP], record(1, long), record(2, "same"), record(3, "same"))
    assert sync.model.texts.count("text: same") == 1
    embedded = len(sync.model.texts)
    again = Sync(sync.tables)
    again.run([DEDUP], record(1, long + "\n\nthe end"), record(2, "same"))
    counts = again.report.total()
    assert (counts.unchanged, counts.written) == (1, 1)
    assert 1 <= len(again.model.texts) < embedded
    assert counts.embedded + counts.reused == counts.chunks


def test_a_change_of_what_is_stored_of_a_chunk_writes_unchanged_documents_and_embeds_nothing() -> None:
    framed = PROCESSING.model_copy(update={"embedded_text": "{id}: {chunk}"})
    first = Sync(processing=framed)
    first.run([DEDUP], record("1", "Text."), status("COMPLETE"))
    again = Sync(first.tables, processing=framed.model_copy(update={"store_embedded_text": True}))
    again.run([DEDUP], record("1", "Text."), status("COMPLETE"))
    assert first.texts() == again.texts() == ["1: text: Text."]
    assert not again.model.texts
    assert again.report.total().written == 1


def test_a_record_that_leaves_no_room_for_its_text_is_refused_alone() -> None:
    framed = ProcessingConfig(chunk_size=20, text_fields=["text"], embedded_text="{title} {chunk}")
    model = Model(limits=Limits(texts=100, tokens=None, tokens_per_text=20))
    lines = [record("good", "Short.", title="T"), record("bad", "Short.", title="far too long " * 7), state(1)]
    passing = Sync(model=model, most_skipped=1, processing=framed)
    passing.run([DEDUP], *lines, status("COMPLETE"))
    assert set(passing.tables["None.s"].rows) == {"Stream_s_Key_good"}
    assert passing.report.total().failed == 1
    assert passing.states() == [1]
    ending = Sync(model=model, processing=framed)
    with pytest.raises(DataError, match="leaves no room for it in the 20 tokens"):
        ending.run([DEDUP], *lines, status("COMPLETE"))
    assert not ending.states()


def test_the_same_text_is_embedded_once_in_a_sync() -> None:
    sync = Sync()

    def blocks() -> Iterator[Lines | None]:
        for number in range(20):
            yield Lines([record(number, "same")])
            yield None
            time.sleep(0.01)

    sync.load([DEDUP], MemoryStore(sync.tables, "m"), blocks())
    assert sync.model.texts.count("text: same") == 1
    assert len(sync.texts()) == 20


def test_characters_that_no_store_holds_are_replaced_and_counted() -> None:
    sync = Sync()
    sync.run(
        [DEDUP], rb'{"type":"RECORD","record":{"stream":"s","data":{"id":"1","text":"a\u0000b\ud800c"},"emitted_at":1}}'
    )
    assert sync.texts() == ["text: a\ufffdb\ufffdc"]
    assert sync.report.total().characters_replaced == 4  # in the text and in the metadata


@pytest.mark.parametrize("mode", ["append", "append_dedup"])
def test_without_any_status_the_input_is_stored_and_nothing_is_said_to_be_missing(mode: Any) -> None:
    sync = Sync()
    sync.run([replace(DEDUP, mode=mode)], record(1, "a"), state(1))
    assert sync.states() == [1]


def test_a_stream_that_began_and_did_not_complete_fails_the_sync_after_its_records_are_stored() -> None:
    sync = Sync()
    other = replace(DEDUP, name="other")
    with pytest.raises(TransientError, match="other"):
        sync.run(
            [DEDUP, other], status("STARTED"), record(1, "a"), state(1), status("COMPLETE"), status("STARTED", "other")
        )
    assert sync.states() == [1]
    assert sync.texts() == ["text: a"]


def test_what_the_source_said_of_its_failure_is_told_by_the_destination_too() -> None:
    """In a plain pipe nobody else reads the source's messages."""
    failed = error_line("s3://b/k is gone.", "transient_error")
    with pytest.raises(TransientError, match=r"sent all of: s\..* It said: s3://b/k is gone\."):
        Sync().run([DEDUP], status("STARTED"), record(1, "a"), status("INCOMPLETE"), failed)


def test_an_overwrite_without_statuses_is_complete_at_the_end_of_the_input() -> None:
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    sync.run([overwrite], record(2, "b"))
    assert sync.texts() == ["text: b"]


@pytest.mark.parametrize("said", [b"", error_line("no such file", "config_error")], ids=["nothing", "an error"])
def test_a_source_that_did_not_start_empties_nothing(said: bytes) -> None:
    """As in `source-s3 read --config wrong-path | destination-pgvector write`."""
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    with pytest.raises(TransientError, match="stays as it was"):
        Sync(sync.tables).run([overwrite], said)
    assert sync.texts() == ["text: a"]


def test_an_error_of_a_source_without_statuses_fails_the_sync() -> None:
    with pytest.raises(TransientError, match="It said: no such file"):
        Sync().run([DEDUP], error_line("no such file", "config_error"))


def test_an_overwrite_without_rows_is_complete_where_a_state_says_so() -> None:
    sync = Sync()
    overwrite = replace(DEDUP, mode="overwrite")
    sync.run([overwrite], record(1, "a"))
    empty = Sync(sync.tables)
    empty.run([overwrite], state(1))
    assert (empty.texts(), empty.states()) == ([], [1])


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


def test_a_line_cut_off_at_the_end_is_worth_a_retry_and_all_before_it_is_acknowledged() -> None:
    sync = Sync()
    with pytest.raises(TransientError, match="cut off"):
        sync.run([DEDUP], record(1, "a"), state(1), record(2, "b")[:-9], end=b"")
    assert sync.states() == [1]
    assert sync.texts() == ["text: a"]


def test_a_last_line_that_only_lacks_its_newline_counts() -> None:
    sync = Sync()
    sync.run([DEDUP], record(1, "a"), state(1), end=b"")
    assert sync.states() == [1]


def test_a_broken_line_in_the_middle_is_an_error_of_the_data_and_all_before_it_is_acknowledged() -> None:
    sync = Sync()
    with pytest.raises(DataError, match="input line"):
        sync.run([DEDUP], record(1, "a"), state(1), b'{"type": "RECORD", "record"', record(2, "b"), state(2))
    assert sync.states() == [1]


def test_lines_that_are_no_messages_are_passed_over_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    sync = Sync()
    sync.run([DEDUP], b"Traceback: something", record(1, "a"), b"", b"more", state(1))
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert len(warnings) == 2
    assert "Traceback: something" in warnings[0]
    assert sync.states() == [1]


def test_a_record_of_an_unknown_stream_names_it_and_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match=r"`strange`.*It has: s\."):
        Sync().run([DEDUP], record(1, "a", "strange"))


def test_a_record_without_its_key_is_an_error_that_names_the_field() -> None:
    sync = Sync()
    with pytest.raises(DataError, match="primary key field `id`"):
        sync.run([DEDUP], record(1, "a"), state(1), record(None, "b"))
    assert sync.states() == [1]


def test_append_dedup_without_a_key_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="primary key"):
        Sync().run([replace(DEDUP, primary_key=())])
