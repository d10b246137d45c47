"""What of a record can be filtered on: names, kinds of values, dates, and what goes first."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_s3vectors.service import limits
from destination_s3vectors.vectors.filterable import timestamp
from destination_s3vectors.vectors.metadata import (
    ACCOUNT,
    OVERFLOW,
    OVERFLOW_FIELDS,
    RESERVED,
    TEXT,
    Layout,
    of_document,
    restored,
)
from tests.destination_s3vectors.any_record import (
    ACCOUNT_JSON,
    counted,
    filterable,
    layouts,
    metadata_of,
    records,
    wide,
    without_ours,
    written,
)


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
    vector = metadata_of({**others, **first}, Layout(priority=tuple(first)))
    assert {name: vector.get(name) for name in first} == first


@given(wide, st.permutations(range(5)))
def test_among_those_with_priority_the_first_named_goes_first(others: dict[str, Any], order: list[int]) -> None:
    long = {f"long{number}": "x" * 900 for number in order}
    vector = metadata_of({**others, **long}, Layout(priority=("long0", "long1", "long2", "long3", "long4")))
    assert vector.keys() & long.keys() == {"long0", "long1"}


def test_scalars_and_lists_of_one_kind_stay_as_they_are() -> None:
    record = {"s": "x", "i": 1, "f": 1.5, "t": True, "tags": ["a", "b"], "numbers": [1, 2.5]}
    assert metadata_of(record) == {**record, TEXT: "text", ACCOUNT: ACCOUNT_JSON}


def test_an_object_gives_its_scalars_under_dotted_names() -> None:
    record = {"author": {"name": "Ann", "born": {"year": 1970}, "none": None, "mixed": [1, "a"]}}
    assert without_ours(record) == {"author.name": "Ann", "author.born.year": 1970}


@pytest.mark.parametrize(
    "value", [None, [], {}, [True], [1, "a"], [True, 1], [[1]], [None], float("nan"), [2**60], [{"a": 1}]]
)
def test_what_is_no_metadata_value_is_kept_and_named(value: Any) -> None:
    expected = {} if value is None else {OVERFLOW_FIELDS: ["x"]}
    assert without_ours({"x": value}) == expected


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**64 - 1, 10**30])
def test_an_integer_that_a_double_cannot_hold_is_a_string_to_filters(number: int) -> None:
    assert without_ours({"id": number, "in": {"id": number}}) == {"id": str(number), "in.id": str(number)}
    assert restored(metadata_of({"id": number})).metadata == {"id": number}


@pytest.mark.parametrize("name", ["", "$eq", "n" * 64, "é" * 32, *sorted(RESERVED)])
def test_a_name_that_is_not_allowed_is_kept_and_named(name: str) -> None:
    vector = metadata_of({name: "value", "other": 1})
    assert vector[OVERFLOW_FIELDS] == [name]
    assert restored(vector).metadata == {name: "value", "other": 1}


def test_a_field_of_the_record_goes_before_a_name_that_is_made() -> None:
    record = {"a": {"b": 2}, "a.b": 1, "d": "2024-01-01", "d__ts": "mine"}
    assert without_ours(record) == {"a.b": 1, "d": "2024-01-01", "d__ts": "mine", OVERFLOW_FIELDS: ["a"]}


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
    assert without_ours({"d": text}).get("d__ts") == seconds
    assert without_ours({"in": {"d": text}}).get("in.d__ts") == seconds
    assert restored(metadata_of({"d": text})).metadata == {"d": text}


def test_short_fields_are_filterable_before_a_long_one_that_precedes_them() -> None:
    record = {"body": "x" * 1900, **{f"f{number}": "y" * 100 for number in range(8)}}
    assert list(without_ours(record)) == [*(f"f{number}" for number in range(8)), OVERFLOW_FIELDS]
    assert metadata_of(record)[OVERFLOW_FIELDS] == ["body"]


def test_a_long_field_with_priority_goes_first_and_its_nested_values_too() -> None:
    record = {**{f"f{number}": "y" * 100 for number in range(8)}, "body": "x" * 1700, "in": {"a": 1, "b": 2}}
    keys = without_ours(record, Layout(priority=("body", "in.b")))
    assert list(keys)[:2] == ["body", "in.b"]


def test_a_long_field_does_not_end_the_filling() -> None:
    record = {"long": "x" * 3000, "next": "y" * 300, "last": "z" * 300}
    assert set(without_ours(record)) == {"next", "last", OVERFLOW_FIELDS}


def test_the_users_non_filterable_fields_do_not_count_among_the_filterable() -> None:
    record = {"html": "x" * 5000, "title": "y" * 1900}
    assert without_ours(record, Layout(("html",))) == record
    assert json.loads(metadata_of(record)[OVERFLOW])["fields"] == {"html": record["html"]}


@pytest.mark.parametrize("others", [0, 40])
def test_the_filterable_bytes_are_used_up_and_not_exceeded(others: int) -> None:
    """Many short keys count more than their JSON."""
    short = {f"k{number:02}": 7 for number in range(others)}
    layout, sizes = Layout(priority=tuple(short)), []
    for length in range(1300, 2060):
        keys = filterable(metadata_of({**short, "f": "x" * length}, layout), layout)
        assert max(counted(keys), written(keys)) <= limits.FILTERABLE_BYTES
        sizes.append(counted(keys))
    assert max(sizes) >= limits.FILTERABLE_BYTES - 4


def test_no_more_than_fifty_keys_whatever_the_user_reserves() -> None:
    record = {f"f{number:03}": 1 for number in range(80)}
    vector = metadata_of(record, Layout(("f001", "f002")))
    assert len(vector) <= limits.METADATA_KEYS
    assert {"f001", "f002", "f044"} <= vector.keys()
    assert restored(vector).metadata == record
