"""What becomes of a record: stored, replaced, deleted, left as it is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.contract.memory_store import MemoryStore
from tests.shared.load.syncs import DEDUP, PROCESSING, Model, SlowStore, Sync, record, state, status
from vector_ingest.document import Document, Known, Stream, Target
from vector_ingest.embed.embedder import Limits
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.load.batch import PER_DOCUMENT, TIMES_LINE
from vector_ingest.load.lines import Lines
from vector_ingest.load.load import BATCH, FIRST


def test_the_first_batch_is_small_so_that_the_store_has_work_and_none_is_above_the_most() -> None:
    sync = Sync()
    store = SlowStore(MemoryStore(sync.tables, "m"), lambda: 0.0)
    lines = [record(number, "text", wide="x" * 60_000) for number in range(300)]
    sync.load([DEDUP], store, iter([Lines([*lines, status("COMPLETE")])]))
    weight = TIMES_LINE * len(lines[0]) + PER_DOCUMENT
    assert sum(store.sizes) == 300
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


class Unasked(MemoryStore):
    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:  # noqa: ARG002
        raise AssertionError("of ids that are new in every run")


def test_ids_that_are_new_in_every_run_are_not_looked_up() -> None:
    sync = Sync()
    lines = Lines([record(1, "a"), status("COMPLETE")])
    sync.load([Stream("s", None, "append")], Unasked(sync.tables, "m"), iter([lines]))
    assert sync.texts() == ["text: a"]


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
