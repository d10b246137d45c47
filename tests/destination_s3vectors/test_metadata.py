"""Whatever a record holds, its vector's metadata is within every limit, and all of it comes back."""

import json
import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
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
from destination_s3vectors.vectors.filterable import timestamp
from destination_s3vectors.vectors.metadata import (
    ACCOUNT,
    OURS,
    OVERFLOW,
    OVERFLOW_FIELDS,
    RESERVED,
    SPARE,
    TEXT,
    USERS_NON_FILTERABLE,
    Layout,
    of_document,
    restored,
    whole_metadata,
)
from tests.sessions import signed_in
from vector_ingest.errors import ConfigError, DataError

ACCOUNT_JSON = '{"chunks": 3, "hash": "0011"}'

names = st.one_of(
    st.sampled_from(
        ["a", "b", "a.b", "a.b.c", "a__ts", "d", "d__ts", "a.d__ts", "", "$eq", "é" * 32, "n" * 63, "n" * 64]
    ),
    st.sampled_from([*sorted(RESERVED), "_ab_stream", "hidden"]),
    st.text(max_size=70),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(),
    st.text('aé日😀"\\\n\x00\x7f', max_size=40).map(lambda text: text * 40),
    st.dates().map(lambda date: date.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.just("\ud800"),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4) | st.lists(scalars, max_size=30)
    ),
    max_leaves=20,
)
wide = st.dictionaries(st.text("abcdefgh", min_size=2, max_size=4), scalars, min_size=40, max_size=70)
records = st.dictionaries(names, values, max_size=12) | wide
layouts = st.builds(
    Layout,
    st.sampled_from([(), ("hidden",), ("a.b", "n" * 63)]),
    st.lists(st.sampled_from(["a", "b", "d", "ab"])).map(tuple),
)


def counted(metadata: Mapping[str, Any]) -> int:
    """Bytes, as the service was measured to count them."""
    return 4 + sum(8 + len(name.encode()) + of_value(value) for name, value in metadata.items())


def of_value(value: Any) -> int:
    if isinstance(value, list):
        return sum(4 + of_value(item) for item in value)
    return len(value.encode()) if isinstance(value, str) else 0 if isinstance(value, bool) else 4


def written(metadata: Mapping[str, Any]) -> int:
    return len(json.dumps(metadata, ensure_ascii=False).encode())


def is_same(one: Any, other: Any) -> bool:
    """Equal in type too, and NaN like NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other) or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def is_metadata_value(value: Any) -> bool:
    kinds = {type(item) for item in value} if isinstance(value, list) else {type(value)}
    scalar = not isinstance(value, list)
    return kinds in ({str}, {int}, {float}, {int, float}) or (scalar and kinds == {bool})


def filterable(vector: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    return {name: value for name, value in vector.items() if name not in layout.reserved_keys}


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


@given(records, layouts)
def test_a_field_that_is_not_filterable_is_named_if_any_is(record: dict[str, Any], layout: Layout) -> None:
    document = of_document(record, layout)
    vector = json.loads(document.of_chunk("", ACCOUNT_JSON, 0))
    seen = set(filterable(vector, layout)) | set(layout.non_filterable)
    for name, value in record.items():
        if value is not None and name not in document.moved:
            assert name in seen or any(key.startswith(f"{name}.") for key in seen)
    assert OVERFLOW_FIELDS not in vector or vector[OVERFLOW_FIELDS] == list(document.moved)


@given(wide, st.lists(st.integers(-9, 9) | st.booleans() | st.text("aé日", max_size=60), min_size=1, max_size=8))
def test_what_has_priority_is_filterable_whatever_else_there_is(others: dict[str, Any], small: list[Any]) -> None:
    first = {f"first{number}": value for number, value in enumerate(small)}
    assert counted(first) < limits.FILTERABLE_BYTES
    vector = vector_of({**others, **first}, Layout(priority=tuple(first)))
    assert {name: vector.get(name) for name in first} == first


@given(wide, st.permutations(range(5)))
def test_among_those_with_priority_the_first_named_goes_first(others: dict[str, Any], order: list[int]) -> None:
    long = {f"long{number}": "x" * 900 for number in order}
    vector = vector_of({**others, **long}, Layout(priority=("long0", "long1", "long2", "long3", "long4")))
    assert vector.keys() & long.keys() == {"long0", "long1"}


def vector_of(record: Mapping[str, Any], layout: Layout | None = None, text: str = "text", number: int = 0) -> Any:
    return json.loads(of_document(record, layout or Layout()).of_chunk(text, ACCOUNT_JSON, number))


def keys_of(record: Mapping[str, Any], layout: Layout | None = None) -> dict[str, Any]:
    return {name: value for name, value in vector_of(record, layout).items() if name not in OURS}


def test_scalars_and_lists_of_one_kind_stay_as_they_are() -> None:
    record = {"s": "x", "i": 1, "f": 1.5, "t": True, "tags": ["a", "b"], "numbers": [1, 2.5]}
    assert vector_of(record) == {**record, TEXT: "text", ACCOUNT: ACCOUNT_JSON}


def test_an_object_gives_its_scalars_under_dotted_names() -> None:
    record = {"author": {"name": "Ann", "born": {"year": 1970}, "none": None, "mixed": [1, "a"]}}
    assert keys_of(record) == {"author.name": "Ann", "author.born.year": 1970}


@pytest.mark.parametrize(
    "value", [None, [], {}, [True], [1, "a"], [True, 1], [[1]], [None], float("nan"), [2**60], [{"a": 1}]]
)
def test_what_is_no_metadata_value_is_kept_and_named(value: Any) -> None:
    expected = {} if value is None else {OVERFLOW_FIELDS: ["x"]}
    assert keys_of({"x": value}) == expected


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**64 - 1, 10**30])
def test_an_integer_that_a_double_cannot_hold_is_a_string_to_filters(number: int) -> None:
    assert keys_of({"id": number, "in": {"id": number}}) == {"id": str(number), "in.id": str(number)}
    assert restored(vector_of({"id": number})).metadata == {"id": number}


@pytest.mark.parametrize("name", ["", "$eq", "n" * 64, "é" * 32, *sorted(RESERVED)])
def test_a_name_that_is_not_allowed_is_kept_and_named(name: str) -> None:
    vector = vector_of({name: "value", "other": 1})
    assert vector[OVERFLOW_FIELDS] == [name]
    assert restored(vector).metadata == {name: "value", "other": 1}


def test_a_field_of_the_record_goes_before_a_name_that_is_made() -> None:
    record = {"a": {"b": 2}, "a.b": 1, "d": "2024-01-01", "d__ts": "mine"}
    assert keys_of(record) == {"a.b": 1, "d": "2024-01-01", "d__ts": "mine", OVERFLOW_FIELDS: ["a"]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-02-29", 1709164800),
        ("2024-01-01T10:00:00Z", 1704103200),
        ("2024-01-01t10:00:00z", 1704103200),
        ("2024-01-01 12:00:00+02:00", 1704103200),
        ("2024-01-01T12:00+0200", 1704103200),
        ("2024-01-01T10:00:00", 1704103200),
        ("2024-01-01T10:00:00.25Z", 1704103200.25),
        ("2024-01-01T10:00:00.250000000Z", 1704103200.25),
        ("1969-12-31", -86400),
        ("0001-01-01T00:00:00+14:00", -62135647200),
        ("2023-02-29", None),
        ("20240101", None),
        ("2024-W01-1", None),
        ("2024-01-01 and more", None),
        ("2024-01-01\n", None),
        (" 2024-01-01", None),
        ("2024-01-01T25:00:00Z", None),
        ("٢٠٢٤-01-01", None),
        (20240101, None),
    ],
)
def test_a_date_is_also_a_number_of_seconds(text: Any, seconds: float | None) -> None:
    assert timestamp(text) == seconds
    assert type(timestamp(text)) is type(seconds)
    assert keys_of({"d": text}).get("d__ts") == seconds
    assert keys_of({"in": {"d": text}}).get("in.d__ts") == seconds
    assert restored(vector_of({"d": text})).metadata == {"d": text}


def test_short_fields_are_filterable_before_a_long_one_that_precedes_them() -> None:
    record = {"body": "x" * 1900, **{f"f{number}": "y" * 100 for number in range(8)}}
    assert list(keys_of(record)) == [*(f"f{number}" for number in range(8)), OVERFLOW_FIELDS]
    assert vector_of(record)[OVERFLOW_FIELDS] == ["body"]


def test_a_long_field_with_priority_goes_first_and_its_nested_values_too() -> None:
    record = {**{f"f{number}": "y" * 100 for number in range(8)}, "body": "x" * 1700, "in": {"a": 1, "b": 2}}
    keys = keys_of(record, Layout(priority=("body", "in.b")))
    assert list(keys)[:2] == ["body", "in.b"]


def test_a_long_field_does_not_end_the_filling() -> None:
    record = {"long": "x" * 3000, "next": "y" * 300, "last": "z" * 300}
    assert set(keys_of(record)) == {"next", "last", OVERFLOW_FIELDS}


def test_the_users_non_filterable_fields_do_not_count_among_the_filterable() -> None:
    record = {"html": "x" * 5000, "title": "y" * 1900}
    assert keys_of(record, Layout(("html",))) == record
    assert json.loads(vector_of(record)[OVERFLOW])["fields"] == {"html": record["html"]}


@pytest.mark.parametrize("others", [0, 40])
def test_the_filterable_bytes_are_used_up_and_not_exceeded(others: int) -> None:
    """Many short keys count more than their JSON."""
    short = {f"k{number:02}": 7 for number in range(others)}
    layout, sizes = Layout(priority=tuple(short)), []
    for length in range(1300, 2060):
        keys = filterable(vector_of({**short, "f": "x" * length}, layout), layout)
        assert max(counted(keys), written(keys)) <= limits.FILTERABLE_BYTES
        sizes.append(counted(keys))
    assert max(sizes) >= limits.FILTERABLE_BYTES - 4


def test_no_more_than_fifty_keys_whatever_the_user_reserves() -> None:
    record = {f"f{number:03}": 1 for number in range(80)}
    vector = vector_of(record, Layout(("f001", "f002")))
    assert len(vector) <= limits.METADATA_KEYS
    assert {"f001", "f002", "f044"} <= vector.keys()
    assert restored(vector).metadata == record


def test_without_text_there_is_none() -> None:
    vector = vector_of({"a": 1}, Layout(with_text=False))
    assert TEXT not in vector
    assert restored(vector).text is None


def test_a_long_overflow_is_kept_with_the_first_chunk_only_and_the_others_say_so() -> None:
    record = {"a": 1, "body": "x" * 20_000, "in": {"b": 1}, "in.c": 2, "id": 2**60}
    first, later = vector_of(record), vector_of(record, number=1)
    assert restored(first).metadata == record
    assert not restored(first).pieces
    assert restored(later).metadata == {"a": 1, "in.c": 2}
    assert restored(later).pieces == 1
    assert len(json.dumps(later)) < 300
    assert filterable(later, Layout()) == filterable(first, Layout())


def test_a_short_overflow_is_repeated_in_each_chunk() -> None:
    record = {"in": {"b": [1, "x"]}, "none": None}
    assert restored(vector_of(record, number=7)).metadata == record
    assert not restored(vector_of(record, number=7)).pieces


@settings(max_examples=60)
@given(records, st.text('aé日🙂\\"\n', min_size=1, max_size=40), st.integers(20, 120), st.integers(0, 20_000))
def test_a_longer_overflow_is_spread_over_the_chunks_and_comes_back(
    record: dict[str, Any], piece: str, kilobytes: int, longest: int
) -> None:
    record = {**record, "body": piece * (kilobytes * 1000 // len(piece.encode()))}
    text = "x" * longest
    document = of_document(record, Layout(), chunks=40, longest=longest)
    vectors = [json.loads(document.of_chunk(text, ACCOUNT_JSON + " " * 1000, number)) for number in range(40)]
    assert all(metadata_bytes(vector) <= limits.METADATA_BYTES for vector in vectors)
    pieces = restored(vectors[-1]).pieces
    assert pieces == document.pieces > kilobytes // 41
    assert is_same(whole_metadata(vectors[:pieces]), record)
    for vector in vectors:
        assert "body" not in restored(vector).metadata or pieces == 1
        assert filterable(vector, Layout()) == filterable(vectors[0], Layout())


def test_an_overflow_that_no_number_of_chunks_holds_is_refused() -> None:
    record = {"body": "x" * 100_000}
    assert of_document(record, Layout(), chunks=3).of_chunk("", ACCOUNT_JSON, 0)
    with pytest.raises(DataError, match=r"`body` takes 100,0"):
        of_document(record, Layout(), chunks=2).of_chunk("", ACCOUNT_JSON, 0)


def test_long_fields_that_are_never_filtered_on_are_not_repeated_in_each_chunk() -> None:
    layout = Layout(("body", "note"))
    record = {"body": "x" * 20_000, "note": "short"}
    first, later = vector_of(record, layout), vector_of(record, layout, number=1)
    assert restored(first).metadata == record
    assert restored(later).metadata == {"note": "short"}


def test_text_and_metadata_up_to_the_limit_are_taken_and_more_is_refused_with_sizes_and_remedy() -> None:
    document = of_document({"title": "t", "body": "x" * 10_000}, Layout(), "document `a` of stream `s`")
    longest = bisect_left(range(40_000), True, key=lambda size: not fits(document, "y" * size)) - 1
    vector = json.loads(document.of_chunk("y" * longest, ACCOUNT_JSON, 0))
    assert counted(vector) == limits.METADATA_BYTES
    document.of_chunk("y" * 35_000, ACCOUNT_JSON, 1)
    with pytest.raises(DataError) as raised:
        document.of_chunk("y" * 35_000, ACCOUNT_JSON, 0)
    assert raised.value.where == "document `a` of stream `s`"
    for said in ("chunk 0", "40,960", "text takes 35,", "`body` takes 10,", "processing.chunk_size", "metadata_fields"):
        assert said in raised.value.reason


def fits(document: Any, text: str) -> bool:
    try:
        document.of_chunk(text, ACCOUNT_JSON, 0)
    except DataError:
        return False
    return True


def test_text_counts_its_utf_8_and_not_its_escapes() -> None:
    document = of_document({}, Layout())
    room = 40_960 - 4 - (8 + len("_text")) - (8 + len("_account") + len(ACCOUNT_JSON))
    for letter in ("a", "\x01", '"', "\n"):
        assert fits(document, letter * room)
        assert not fits(document, letter * (room + 1))
    assert fits(document, "日" * (room // 3))
    assert not fits(document, "日" * (room // 3 + 1))


@pytest.mark.parametrize("account", [ACCOUNT_JSON, ACCOUNT_JSON.encode(), '"é"'])
def test_the_account_comes_back_as_it_was_given(account: str | bytes) -> None:
    vector = json.loads(of_document({}, Layout()).of_chunk("", account, 0))
    assert restored(vector).account == (account if isinstance(account, str) else account.decode())


def test_deep_nesting_comes_back_and_what_is_too_deep_is_refused() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = {"a": deep}
    record = {"deep": deep}
    assert restored(vector_of(record)).metadata == record
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(DataError, match="document `a`: its metadata is nested too deep"):
        of_document({"deep": deep}, Layout(), "document `a`")


def test_an_empty_record_has_our_keys_only() -> None:
    assert vector_of({}).keys() == {TEXT, ACCOUNT}


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


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    emulator = Emulator()
    emulator.start()
    yield emulator
    emulator.stop()


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
