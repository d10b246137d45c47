"""The load loop with a quarantine: what is kept, before which state, and what that makes out of date."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.contract.memory_store import MemoryStore
from tests.shared.load.syncs import DEDUP, SlowStore, Sync, record, state, status
from vector_ingest.document import Document, Embedded, Known, Refused, Stream, Target
from vector_ingest.errors import DataError
from vector_ingest.load.lines import Lines
from vector_ingest.load.quarantine import Rejected, for_replay, id_of_line
from vector_ingest.messages import record_line


@dataclass(slots=True)
class Kept:
    """A quarantine in a dict, slow to keep."""

    most: int = 100
    place: str = "the test"
    found: dict[str, Rejected] = field(default_factory=dict)

    def keep(self, rejected: Sequence[Rejected]) -> None:
        time.sleep(0.05 if rejected else 0)
        self.found |= {each.id: each for each in rejected}

    def forget(self, stream: Stream, ids: Sequence[str]) -> None:  # noqa: ARG002
        for identity in ids:
            self.found.pop(identity, None)

    def forget_replayed(self, replayed: Sequence[Rejected]) -> None: ...

    def entries(self) -> Iterator[Rejected]:
        return iter(self.found.values())


@dataclass(slots=True)
class Refusing(MemoryStore):
    """A store that takes no document with the word `refused`."""

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        bad = [each.document.id for each in documents if "refused" in each.document.text]
        MemoryStore.replace(self, target, [each for each in documents if each.document.id not in bad])
        return [Refused(identity, "it says so") for identity in bad]


@dataclass(slots=True)
class Remembering(MemoryStore):
    """A store that notes the tenant of each document that it is asked for or given."""

    tenants: list[tuple[str, str | None]] = field(default_factory=list)

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        self.tenants += [("known", document.tenant) for document in documents]
        return MemoryStore.known(self, target, documents)

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        self.tenants += [("delete", document.tenant) for document in documents]
        return MemoryStore.delete(self, target, documents)


def textless(identity: Any, **data: Any) -> bytes:
    return record_line("s", None, {"id": identity, "body": "x", **data}, 1)


def test_a_state_leaves_only_after_what_was_refused_before_it_is_kept() -> None:
    kept, early = Kept(), []

    def look(sync: Sync) -> None:
        number = sync.states()[-1]
        if f"Stream_s_Key_{number}" not in kept.found:
            early.append(number)

    sync = Sync(quarantine=kept, look=look)
    lines = [line for number in range(10) for line in (textless(number), state(number))]
    sync.run([DEDUP], *lines, status("COMPLETE"))
    assert sync.states() == list(range(10))
    assert not early
    assert sync.report.total().failed == 10


def test_what_the_store_refuses_is_kept_with_its_line_and_the_rest_is_stored() -> None:
    sync = Sync(quarantine=(kept := Kept()))
    lines = [record(1, "good"), record(2, "refused"), state(1), status("COMPLETE")]
    sync.load([DEDUP], Refusing(sync.tables, "m"), iter([Lines(lines)]))
    assert sync.texts() == ["text: good"]
    assert sync.states() == [1]
    (rejected,) = kept.found.values()
    assert (rejected.id, rejected.reason, rejected.line) == ("Stream_s_Key_2", "it says so", lines[1])
    assert (sync.report.total().written, sync.report.total().failed) == (1, 1)


@pytest.mark.parametrize("quarantine", [None, Kept(most=0)])
def test_without_a_quarantine_the_first_refusal_ends_the_sync(quarantine: Kept | None) -> None:
    for bad in (textless(1), record(1, "refused")):
        sync = Sync(quarantine=quarantine)
        with pytest.raises(DataError):
            sync.load([DEDUP], Refusing(sync.tables, "m"), iter([Lines([bad, state(1)])]))
        assert sync.states() == []
    assert quarantine is None or not quarantine.found


def test_one_more_than_allowed_ends_the_sync_and_all_are_kept() -> None:
    sync = Sync(quarantine=(kept := Kept(most=2)))
    with pytest.raises(DataError, match=r"3 records.*at most 2.*the test"):
        sync.run([DEDUP], *(textless(number) for number in range(3)), state(1))
    assert len(kept.found) == 3
    assert sync.states() == []


def test_the_last_version_decides_whether_a_record_is_kept_or_stored() -> None:
    sync = Sync(quarantine=(kept := Kept()))
    store = SlowStore(MemoryStore(sync.tables, "m"), lambda: 0.02)
    lines = [record(1, "first"), textless(1), textless(2), record(2, "last"), status("COMPLETE")]
    sync.load([DEDUP], store, iter([Lines(lines)]))
    assert set(kept.found) == {"Stream_s_Key_1"}
    assert sync.texts() == ["text: first", "text: last"]
    assert not store.faults


def test_a_record_that_is_nested_too_deeply_is_refused_alone() -> None:
    sync = Sync(quarantine=(kept := Kept()))
    nested = b'{"a":' * 600 + b"1" + b"}" * 600
    line = b'{"type":"RECORD","record":{"stream":"s","data":{"id":2,"text":%s},"emitted_at":1}}' % nested
    sync.run([DEDUP], record(1, "good"), line, state(1), status("COMPLETE"))
    assert sync.texts() == ["text: good"]
    assert sync.states() == [1]
    (rejected,) = kept.found.values()
    assert rejected.id == "Stream_s_Key_2"
    assert "to a depth of some 200, found more" in rejected.reason


def test_a_reason_can_be_stored_whatever_the_record_holds() -> None:
    sync = Sync(quarantine=(kept := Kept()))
    line = rb'{"type":"RECORD","record":{"stream":"s","data":{"id":1,"a\u0000":1,"b\ud800":2},"emitted_at":1}}'
    sync.run([DEDUP], line, status("COMPLETE"))
    (rejected,) = kept.found.values()
    assert "its fields are: id, a\ufffd, b\ufffd" in rejected.reason


def test_a_record_without_a_key_is_kept_under_its_line() -> None:
    sync = Sync(quarantine=(kept := Kept()))
    line = record_line("s", None, {"text": "no id"}, 1)
    sync.run([DEDUP], line, status("COMPLETE"))
    assert list(kept.found) == [id_of_line(line)]


def test_each_document_names_its_tenant_also_to_be_deleted() -> None:
    sync = Sync(tenant_field="account.id")
    store = Remembering(sync.tables, "m")
    lines = [
        record(1, "one", account={"id": "a"}),
        record(2, "two", account={"id": 7}),
        record(3, "gone", account={"id": "b"}, _ab_cdc_deleted_at="2026-01-01"),
    ]
    sync.load([DEDUP], store, iter([Lines([*lines, status("COMPLETE")])]))
    assert store.tenants == [("known", "a"), ("known", "7"), ("delete", "b")]


@pytest.mark.parametrize("account", [{}, {"id": None}, {"id": ""}, {"id": "a\0"}, {"id": "a\ud800"}, "a"])
def test_a_record_whose_tenant_can_not_be_told_is_an_error_that_names_the_field(account: Any) -> None:
    with pytest.raises(DataError, match=r"tenant .*in the field `account\.id`"):
        Sync(tenant_field="account.id").run([DEDUP], record(1, "one", account=account))


def test_a_replay_writes_among_what_is_there() -> None:
    overwrite = replace(DEDUP, mode="overwrite", generation=4, minimum_generation=4)
    assert for_replay(overwrite) == replace(DEDUP, generation=4)
    assert for_replay(replace(overwrite, primary_key=())).mode == "append"
