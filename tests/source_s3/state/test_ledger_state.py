"""The state of a ledger: the peer's history, damaged states, and the promised sizes."""

import base64
import json
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_s3.state.encoding import Row, encode, from_text, to_text
from source_s3.state.ledger import Entry, Ledger, mtime_fingerprint
from tests.source_s3.state.ledgers import (
    NOON,
    PEER_NOON,
    contents,
    diff,
    filled,
    fingerprint,
    listed,
    peer,
    through_json,
)
from vector_ingest.errors import ConfigError


def state_size(names: list[str], rows: int = 0) -> float:
    ledger = filled({name: Entry(fingerprint(name, 1, NOON, ""), rows) for name in names})
    return len(json.dumps(ledger.to_state())) / len(names)


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


def test_a_state_of_100_000_usual_names_weighs_at_most_16_bytes_a_file() -> None:
    names = [
        f"data/{NOON + timedelta(days=day):%Y/%m/%d}/part-{part:05}.csv" for day in range(1000) for part in range(100)
    ]
    assert state_size(names) < 12
    assert state_size(names, rows=1000) < 16


def test_a_state_of_100_000_random_names_weighs_at_most_48_bytes_a_file() -> None:
    draw = random.Random(1)
    assert state_size([f"{uuid.UUID(int=draw.getrandbits(128))}.pdf" for _ in range(100_000)]) < 40
