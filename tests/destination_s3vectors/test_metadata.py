"""Whatever a record holds, its vector's metadata is within every limit, and all of it comes back."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from destination_s3vectors.emulator.records import metadata_bytes
from destination_s3vectors.emulator.server import REGION, Emulator
from destination_s3vectors.indexes.index import IndexSettings, ensure_index
from destination_s3vectors.service import limits
from destination_s3vectors.service.transport import Transport, Vector, client_for
from destination_s3vectors.vectors.metadata import (
    ACCOUNT,
    OURS,
    SPARE,
    TEXT,
    USERS_NON_FILTERABLE,
    Layout,
    of_document,
    restored,
)
from tests.destination_s3vectors.any_record import (
    ACCOUNT_JSON,
    counted,
    filterable,
    is_same,
    layouts,
    metadata_of,
    records,
    written,
)
from tests.sessions import signed_in
from vector_ingest.errors import ConfigError


def is_metadata_value(value: Any) -> bool:
    kinds = {type(item) for item in value} if isinstance(value, list) else {type(value)}
    scalar = not isinstance(value, list)
    return kinds in ({str}, {int}, {float}, {int, float}) or (scalar and kinds == {bool})


@given(records, layouts, st.text(max_size=200), st.integers(0, 2))
@example({"a.b": 1, "a": {"b": 2}}, Layout(), "", 0)
@example({"a": {"b.c": 1, "b": {"c": 2}}}, Layout(), "", 0)
@example({"d": "2024-01-01", "d__ts": 1704067200}, Layout(), "", 0)
@example({"d__ts": 5}, Layout(("d__ts",)), "", 0)
@example({"n": 2**60, "s": "x" * 3000}, Layout(), "", 1)
@example({"x": -0.0, "y": 1e-7, "z": [1e-7] * 150}, Layout(), "", 0)
@example({"\ud800": "\ud800", "a": [float("nan"), None, float("-inf")]}, Layout(), "", 0)
def test_every_limit_holds_and_everything_comes_back(
    record: dict[str, Any], layout: Layout, text: str, number: int
) -> None:
    raw = of_document(record, layout).of_chunk(text, ACCOUNT_JSON, number)
    vector = json.loads(raw)
    assert counted(vector) == metadata_bytes(vector) <= limits.METADATA_BYTES
    assert counted(filterable(vector, layout)) <= limits.FILTERABLE_BYTES
    assert written(filterable(vector, layout)) <= limits.FILTERABLE_BYTES
    assert len(vector) <= limits.METADATA_KEYS
    assert len(json.loads(raw, object_pairs_hook=list)) == len(vector)
    assert all(1 <= len(name.encode()) <= limits.METADATA_KEY_BYTES for name in vector)
    assert not any(name.startswith("$") for name in vector)
    assert all(is_metadata_value(value) for value in vector.values())
    back = restored(vector)
    assert (back.text, back.account) == (text, ACCOUNT_JSON)
    if not back.pieces:
        assert is_same(back.metadata, record)
    else:
        assert number > 0
        assert all(is_same(value, record[name]) for name, value in back.metadata.items())


def test_without_text_there_is_none() -> None:
    vector = metadata_of({"a": 1}, Layout(with_text=False))
    assert TEXT not in vector
    assert restored(vector).text is None


@pytest.mark.parametrize("account", [ACCOUNT_JSON, ACCOUNT_JSON.encode(), '"é"'])
def test_the_account_comes_back_as_it_was_given(account: str | bytes) -> None:
    vector = json.loads(of_document({}, Layout()).of_chunk("", account, 0))
    assert restored(vector).account == (account if isinstance(account, str) else account.decode())


def test_an_empty_record_has_our_keys_only() -> None:
    assert metadata_of({}).keys() == {TEXT, ACCOUNT}


@pytest.mark.parametrize(
    ("fields", "priority", "said"),
    [
        (tuple("abcdefg"), (), f"at most {USERS_NON_FILTERABLE}"),
        (("_text",), (), "`_text` can't"),
        ((SPARE,), (), "none of"),
        (("$a",), (), "begin with"),
        (("",), (), "1 to 63 bytes"),
        (("n" * 64,), (), "1 to 63 bytes"),
        (("a",), ("a",), "`a` is set both"),
    ],
)
def test_a_layout_that_no_index_can_have_is_refused(
    fields: tuple[str, ...], priority: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said.replace("$", r"\$")):
        Layout(fields, priority)


def test_an_index_of_the_most_fields_keeps_one_key_spare() -> None:
    layout = Layout(("a", "b", "a", *"cdef"))
    assert layout.reserved_keys == (*OURS, "a", "b", "c", "d", "e", "f")
    assert len(layout.reserved_keys) + 1 == limits.NON_FILTERABLE_KEYS


def test_the_emulator_takes_what_is_made_of_any_record_and_gives_it_back(emulator: Emulator) -> None:
    layout = Layout(("hidden", "n" * 63), priority=("d", "a.b"))
    client = client_for(signed_in("the-key", "secret"), REGION, emulator.endpoint)
    transport = Transport(client)
    client.create_vector_bucket(vectorBucketName="vectors")
    index = ensure_index(
        transport, "vectors", "docs.any", IndexSettings(1, "cosine", layout.reserved_keys), may_create=True
    )

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.tuples(records, st.text(max_size=50)), min_size=1, max_size=20))
    def put_and_get(documents: list[tuple[dict[str, Any], str]]) -> None:
        vectors = [
            Vector(str(number), np.ones(1, np.float32), of_document(record, layout).of_chunk(text, ACCOUNT_JSON, 0))
            for number, (record, text) in enumerate(documents)
        ]
        assert transport.put(index.arn, vectors) == []
        found = transport.get(index.arn, [vector.key for vector in vectors])
        for number, (record, text) in enumerate(documents):
            back = restored(found[str(number)].metadata)
            assert (back.text, back.account) == (text, ACCOUNT_JSON)
            assert is_same(back.metadata, record)

    put_and_get()
    transport.close()
    client.close()
