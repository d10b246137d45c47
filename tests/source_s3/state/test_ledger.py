"""The ledger against a plain dict, the peer's history, damaged states, and the promised sizes."""

import base64
import json
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.state.encoding import BLOCK, TOMBSTONE, Row, encode, from_text, to_text
from source_s3.state.ledger import Entry, Ledger, fingerprints, mtime_fingerprint
from vector_ingest.errors import ConfigError

NOON = datetime(2024, 1, 2, 12, 0, 0, tzinfo=UTC)
PEER_NOON = "2024-01-02T12:00:00.000000Z"

# Few letters: keys that share prefixes, are each other's prefixes, and split inside a character of several bytes.
keys = st.one_of(
    st.text("ab/é\u00ea漢\U0001f600", min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.integers(200, 1024).map(lambda length: "k" * length),
)
entries = st.builds(Entry, st.integers(0, TOMBSTONE - 1), st.one_of(st.just(0), st.integers(0, 2**40)))


def through_json(ledger: Ledger) -> Ledger:
    return Ledger.from_state(json.loads(json.dumps(ledger.to_state())))


def filled(contents: dict[str, Entry]) -> Ledger:
    ledger = Ledger()
    for key, entry in contents.items():
        ledger.put(key, entry)
    return ledger


Listed = tuple[str, int, datetime]


@dataclass(frozen=True)
class Diff:
    new: list[str]
    changed: list[str]
    gone: list[tuple[str, Entry]]
    unchanged: int
    ledger: Ledger


def diff(ledger: Ledger, listing: Iterable[Listed]) -> Diff:
    comparison = ledger.compare()
    fates = {key: comparison.find(key, mark, modified) for key, mark, modified in listing}
    named = {fate: [key for key in fates if fates[key] == fate] for fate in ("new", "changed", "unchanged")}
    gone = [(key, entry) for key in comparison.gone() if (entry := ledger.get(key)) is not None]
    return Diff(named["new"], named["changed"], gone, len(named["unchanged"]), comparison.ledger())


def contents(ledger: Ledger) -> dict[str, Entry]:
    return dict(diff(ledger, []).gone)


def listed(key: str, mark: int = 7, mtime: datetime = NOON) -> Listed:
    return key, mark, mtime


def fingerprint(etag: str, size: int, modified: datetime, options: str) -> int:
    return fingerprints(options)(etag, size, modified)


def peer(history: dict[str, Any]) -> dict[str, Any]:
    last = max(((str(time), key) for key, time in history.items()), default=("", ""))
    return {"history": history, "_ab_source_file_last_modified": "_".join(last)}


def state_size(names: list[str], rows: int = 0) -> float:
    ledger = filled({name: Entry(fingerprint(name, 1, NOON, ""), rows) for name in names})
    return len(json.dumps(ledger.to_state())) / len(names)


@given(st.dictionaries(keys, entries))
def test_what_is_put_comes_back_from_the_state(model: dict[str, Entry]) -> None:
    ledger = through_json(filled(model))

    assert contents(ledger) == model
    assert len(ledger) == len(model)
    assert {key: ledger.get(key) for key in model} == model


Op = tuple[str, str, Entry]
ops = st.lists(st.tuples(st.sampled_from(["put", "put", "remove", "checkpoint"]), keys, entries), max_size=60)


@settings(max_examples=200)
@given(ops, st.dictionaries(keys, st.integers(1, TOMBSTONE - 1), max_size=20), st.data())
def test_a_ledger_behaves_as_a_dict_over_any_history(
    history: list[Op], objects: dict[str, int], data: st.DataObject
) -> None:
    ledger, model = Ledger(), dict[str, Entry]()
    for op, key, entry in history:
        if op == "put":
            ledger.put(key, entry)
            model[key] = entry
        elif op == "remove":
            # Mostly a key that is there.
            victim = data.draw(st.sampled_from([*model, key]))
            ledger.remove(victim)
            model.pop(victim, None)
        else:
            ledger = through_json(ledger)
        assert ledger.get(key) == model.get(key)

    # Some objects of the listing are as they were, the rest are drawn freely.
    kept = data.draw(st.sets(st.sampled_from(sorted(model)))) if model else set()
    listing = objects | {key: model[key].fingerprint for key in kept if model[key].fingerprint}
    found = diff(ledger, [listed(key, mark) for key, mark in listing.items()])

    same = [key for key in listing if key in model and model[key].fingerprint == listing[key]]
    assert set(found.new) == listing.keys() - model.keys()
    assert set(found.changed) == (listing.keys() & model.keys()) - set(same)
    assert found.unchanged == len(same)
    assert dict(found.gone) == {key: entry for key, entry in model.items() if key not in listing}
    assert len(found.new) + len(found.changed) + found.unchanged == len(listing)
    assert len(ledger) == len(model)


def test_a_long_history_of_checkpoints_over_many_blocks_stays_exact() -> None:
    draw = random.Random(1)
    ledger, model = Ledger(), dict[str, Entry]()
    for _ in range(30):
        for _ in range(800):
            key = f"data/{draw.randrange(15_000):06}.csv"
            if draw.random() < 0.25:
                ledger.remove(key)
                model.pop(key, None)
            else:
                entry = Entry(draw.randrange(1, TOMBSTONE), draw.choice([0, 5, 300]))
                ledger.put(key, entry)
                model[key] = entry
        ledger = through_json(ledger)

    assert len(model) > BLOCK
    assert contents(ledger) == model
    assert {key: ledger.get(key) for key in list(model)[::50]} == {key: model[key] for key in list(model)[::50]}


def test_small_checkpoints_leave_the_large_segment_as_it_is_and_few_segments() -> None:
    ledger = filled({f"old/{number:06}": Entry(number + 1) for number in range(10_000)})
    large = ledger.to_state()["segments"][0]
    for number in range(20):
        ledger.put(f"new/{number}", Entry(1))
        state = ledger.to_state()
        assert state["segments"][0] == large
        assert len(state["segments"]) <= 4


def test_segments_are_merged_once_the_newer_have_outgrown_a_share_of_the_older() -> None:
    ledger = filled({f"old/{number}": Entry(1) for number in range(100)})
    ledger.to_state()
    for number in range(30):
        ledger.put(f"new/{number}", Entry(1))

    assert [segment["entries"] for segment in ledger.to_state()["segments"]] == [130]


def test_a_removal_hides_the_older_entry_through_a_checkpoint_and_leaves_nothing_once_merged() -> None:
    ledger = filled({str(number): Entry(1) for number in range(100)})
    ledger.to_state()
    ledger.remove("5")
    ledger = through_json(ledger)

    assert [segment["entries"] for segment in ledger.to_state()["segments"]] == [100, 1]
    assert ledger.get("5") is None
    assert diff(ledger, [listed("5")]).new == ["5"]
    assert len(ledger) == 99

    for number in range(100):
        ledger.remove(str(number))
    assert ledger.to_state()["segments"] == []


def test_a_pending_object_is_changed_when_listed_and_gone_with_its_rows_when_not() -> None:
    ledger = through_json(filled({"half.csv": Entry(0, rows=500)}))

    assert diff(ledger, [listed("half.csv")]).changed == ["half.csv"]
    assert diff(ledger, []).gone == [("half.csv", Entry(0, 500))]


def test_of_an_object_listed_twice_the_later_one_counts() -> None:
    found = diff(filled({"a": Entry(8)}), [listed("a", 7), listed("a", 8)])

    assert (found.new, found.changed, found.unchanged) == ([], [], 1)


def test_an_empty_state_is_an_empty_ledger() -> None:
    assert len(Ledger.from_state({})) == 0
    assert len(through_json(Ledger())) == 0


def test_other_parts_of_the_streams_state_do_not_matter() -> None:
    state = filled({"a": Entry(1)}).to_state() | {"cursor": "later"}

    assert contents(Ledger.from_state(state)) == {"a": Entry(1)}


def test_the_peers_history_is_taken_over_and_upgraded_at_the_first_listing() -> None:
    history = {"same.csv": PEER_NOON, "newer.csv": PEER_NOON, "gone.csv": PEER_NOON}
    ledger = through_json(Ledger.from_state(peer(history)))
    assert len(ledger) == 3

    found = diff(ledger, [listed("same.csv"), listed("newer.csv", mtime=NOON + timedelta(hours=1)), listed("new.csv")])
    assert (found.new, found.changed, found.unchanged) == (["new.csv"], ["newer.csv"], 1)
    assert found.gone == [("gone.csv", Entry(mtime_fingerprint(NOON)))]

    # From now on an object of the same time but other content is found.
    upgraded = through_json(found.ledger)
    assert upgraded.get("same.csv") == Entry(7)
    assert diff(upgraded, [listed("same.csv", 8)]).changed == ["same.csv"]
    assert diff(upgraded, [listed("same.csv"), listed("newer.csv")]).unchanged == 2


def test_entries_of_our_own_hide_those_taken_over_and_these_leave_the_state() -> None:
    ledger = Ledger.from_state(peer({"a": PEER_NOON, "b": PEER_NOON, "c": PEER_NOON}))
    ledger.put("a", Entry(9))
    ledger.put("b", Entry(0))
    ledger.remove("c")
    ledger = through_json(ledger)

    found = diff(ledger, [listed("a", 9), listed("b"), listed("c")])
    assert (found.new, found.changed, found.unchanged) == (["c"], ["b"], 1)
    assert [segment["kind"] for segment in found.ledger.to_state()["segments"]] == ["exact"]


def test_a_peer_that_has_synced_nothing_leaves_an_empty_ledger() -> None:
    assert len(Ledger.from_state({"history": {}, "_ab_source_file_last_modified": None})) == 0


def with_segment(**changed: Any) -> dict[str, Any]:
    segment = filled({"a": Entry(1), "b": Entry(2)}).to_state()["segments"][0]
    return {"version": 1, "segments": [segment | changed]}


def packed(*rows: Row) -> str:
    return to_text(encode("exact", rows))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"cursor": "2024-01-02"}, "unknown form.*cursor"),
        ({"version": 2, "segments": []}, "version 2.*version 1"),
        ({"version": 1}, "segments"),
        ({"version": 1, "segments": 3}, "damaged"),
        ({"version": 1, "segments": [{"kind": "exact"}]}, "damaged"),
        (with_segment(kind="hash"), "unknown kind of segment 'hash'"),
        (with_segment(entries=3), "3 entries expected, 2 found"),
        (with_segment(data="no base64!"), "damaged"),
        (with_segment(data=None), "damaged"),
        (with_segment(data=base64.b64encode(b"\xff").decode()), "damaged"),
        (with_segment(data=base64.b64encode(b"\x05hello").decode()), "damaged"),
        (with_segment(data=packed(Row("b", 1, 0), Row("a", 1, 0))), "not in order"),
        (with_segment(data=packed(Row("a", 1, 0), Row("a", 1, 0))), "not in order"),
        (peer({"a.csv": "yesterday"}), "yesterday"),
        (peer({"2024-01-02": ["a.csv"]}), "damaged"),
        ({"history": ["a.csv"]}, "history"),
        ({"history": None}, "history"),
    ],
)
def test_a_damaged_or_foreign_state_is_named_with_its_remedy(state: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=rf"{says}.*Reset the state of this stream"):
        Ledger.from_state(state)


@given(st.data())
def test_no_change_of_a_byte_goes_unseen(data: st.DataObject) -> None:
    text = packed(*(Row(f"key-{number:03}", number, number) for number in range(300)))
    raw = bytearray(base64.b64decode(text))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    try:
        rows = list(from_text("exact", 300, base64.b64encode(raw).decode()))
    except ValueError:
        return
    # A few bits of zlib's header mean nothing; no other change passes.
    assert rows == [Row(f"key-{number:03}", number, number) for number in range(300)]


@pytest.mark.parametrize("mark", [-1, TOMBSTONE])
def test_an_entry_has_a_fingerprint_of_40_bits(mark: int) -> None:
    with pytest.raises(ValueError, match="not an entry"):
        Entry(mark)


def test_a_fingerprint_changes_with_each_of_its_parts() -> None:
    marks = {
        fingerprint("e", 1, NOON, "csv"),
        fingerprint("f", 1, NOON, "csv"),
        fingerprint("e", 2, NOON, "csv"),
        fingerprint("e", 1, NOON + timedelta(seconds=1), "csv"),
        fingerprint("e", 1, NOON, "jsonl"),
        fingerprint("e1", 1, NOON, "csv"),
        fingerprint("", 1, NOON, "ecsv"),
        mtime_fingerprint(NOON),
        mtime_fingerprint(NOON + timedelta(seconds=1)),
    }
    assert len(marks) == 9
    assert all(0 < mark < TOMBSTONE for mark in marks)


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    """A change here makes every user read every object anew: raise the ledger's version instead."""
    assert fingerprint('"9b2cf535f27731c9"', 1024, NOON, "{}") == 913612462509


def test_only_whole_seconds_count_in_any_zone() -> None:
    late = NOON.replace(microsecond=999_999).astimezone(timezone(timedelta(hours=5)))

    assert fingerprint("e", 1, late, "") == fingerprint("e", 1, NOON, "")
    assert mtime_fingerprint(late) == mtime_fingerprint(NOON)
    with pytest.raises(ValueError, match="without a zone"):
        mtime_fingerprint(NOON.replace(tzinfo=None))


def test_a_state_of_100_000_usual_names_weighs_at_most_16_bytes_a_file() -> None:
    names = [
        f"data/{NOON + timedelta(days=day):%Y/%m/%d}/part-{part:05}.csv" for day in range(1000) for part in range(100)
    ]
    assert state_size(names) < 12
    assert state_size(names, rows=1000) < 16


def test_a_state_of_100_000_random_names_weighs_at_most_48_bytes_a_file() -> None:
    draw = random.Random(1)
    assert state_size([f"{uuid.UUID(int=draw.getrandbits(128))}.pdf" for _ in range(100_000)]) < 40
