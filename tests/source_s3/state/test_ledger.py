"""The ledger against a plain dict."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.state.encoding import BLOCK, TOMBSTONE
from source_s3.state.ledger import Entry, Ledger
from tests.source_s3.state.ledgers import contents, diff, filled, listed, through_json

# Few letters: keys that share prefixes, are each other's prefixes, and split inside a character of several bytes.
keys = st.one_of(
    st.text("ab/é\u00ea漢\U0001f600", min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.integers(200, 1024).map(lambda length: "k" * length),
)
entries = st.builds(Entry, st.integers(0, TOMBSTONE - 1), st.one_of(st.just(0), st.integers(0, 2**40)))


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
