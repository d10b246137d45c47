"""The vectors of one index: any puts and deletes leave what a dictionary would hold, and a snapshot what it showed."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination_s3vectors.emulator.records import Records
from destination_s3vectors.emulator.vectors import Snapshot, Vectors

Held = dict[str, tuple[float, Any]]

changes = st.lists(
    st.tuples(st.booleans(), st.lists(st.integers(0, 150), min_size=1, max_size=40, unique=True)), max_size=30
)


def put(vectors: Vectors, keys: list[str], number: int) -> None:
    records = Records(keys, np.full((len(keys), 1), number, np.float32), [{"n": number}] * len(keys))
    vectors.put(records, vectors.sequences(keys))


def shown(snapshot: Snapshot) -> Held:
    columns = (snapshot.keys, snapshot.matrix[:, 0].tolist(), snapshot.metadata)
    return {key: (value, metadata) for key, value, metadata in zip(*columns, strict=True)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes, st.sets(st.integers(0, 30)))
def test_any_puts_and_deletes_leave_what_a_dictionary_would_hold(
    steps: list[tuple[bool, list[int]]], looked_at: set[int]
) -> None:
    vectors, wanted = Vectors(1), Held()
    before: list[tuple[Snapshot, Held]] = []
    for number, (is_put, chosen) in enumerate(steps):
        keys = [f"k{key}" for key in chosen]
        if is_put:
            put(vectors, keys, number)
            wanted |= dict.fromkeys(keys, (float(number), {"n": number}))
        else:
            vectors.delete(keys)
            wanted = {key: value for key, value in wanted.items() if key not in keys}
        if number in looked_at:
            before.append((vectors.snapshot(), wanted.copy()))
    assert dict(zip(vectors.keys, vectors.matrix[:, 0].tolist(), strict=True)) == {k: v for k, (v, _) in wanted.items()}
    assert {stored.key: stored.metadata for stored in vectors.after(0, 0, 1)} == {k: v for k, (_, v) in wanted.items()}
    assert sorted(stored.key for stored in vectors.get(list(wanted))) == sorted(wanted)
    assert all(shown(snapshot) == held for snapshot, held in before)


def test_the_numbers_are_copied_only_for_a_snapshot_in_use() -> None:
    vectors = Vectors(1)
    put(vectors, ["a", "b"], 1)
    first = vectors.snapshot()
    assert vectors.snapshot().metadata is first.metadata
    put(vectors, ["c"], 2)
    assert np.shares_memory(first.matrix, vectors.matrix)
    put(vectors, ["a"], 3)
    assert not np.shares_memory(first.matrix, vectors.matrix)
    assert shown(first) == {"a": (1.0, {"n": 1}), "b": (1.0, {"n": 1})}
    place = vectors.snapshot().matrix.ctypes.data
    put(vectors, ["a"], 4)
    vectors.delete(["b"])
    assert vectors.matrix.ctypes.data == place
