"""A filter is refused with a reason, or matches what the documentation says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_s3vectors.emulator.errors import ServiceError
from destination_s3vectors.emulator.filters import constraints, matches, parse
from destination_s3vectors.service import limits

NUMBER_TESTS = ("$gt", "$gte", "$lt", "$lte")

scalars = st.sampled_from(["a", "ab", "b", "", 0, 1, 2, 1.0, 1.5, True, False])
numbers = st.sampled_from([0, 1, 1.5, 2])
keys = st.sampled_from(["x", "y", "z"])
operators = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne"]), scalars),
    st.tuples(st.sampled_from(NUMBER_TESTS), numbers),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(scalars, min_size=1, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$startsWith"), st.sampled_from(["", "a", "ab"])),
)
conditions = st.dictionaries(
    keys, scalars | st.lists(operators, min_size=1, max_size=3).map(dict), min_size=1, max_size=1
)
documents = st.recursive(
    conditions,
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=1
    ),
    max_leaves=6,
)
metadata = st.none() | st.dictionaries(keys, scalars | st.lists(scalars, max_size=3))


def is_match(document: Any, entries: Any) -> bool:
    """The meaning of a filter, written a second time and as plainly as it goes."""
    for key, wanted in document.items():
        if key == "$and":
            good = [is_match(part, entries) for part in wanted].count(False) == 0
        elif key == "$or":
            good = [is_match(part, entries) for part in wanted].count(True) > 0
        else:
            tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
            good = [is_true(name, operand, key, entries) for name, operand in tests.items()].count(False) == 0
        if not good:
            return False
    return True


def is_true(name: str, operand: Any, key: str, entries: Any) -> bool:
    there = key in (entries or {})
    values: list[Any] = []
    if there:
        values = entries[key] if isinstance(entries[key], list) else [entries[key]]
    typed = [(type(value) is bool, value) for value in values]
    figures = [value for value in values if type(value) in (int, float)]
    wanted = [(type(each) is bool, each) for each in (operand if isinstance(operand, list) else [operand])]
    common = len([value for value in typed if value in wanted]) > 0
    if name in NUMBER_TESTS:
        signs = {"$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}[name]
        return any((figure > operand) - (figure < operand) in signs for figure in figures)
    if name == "$startsWith":
        return any(type(value) is str and value[: len(operand)] == operand for value in values)
    return {"$eq": common, "$in": common, "$ne": not common, "$nin": not common, "$exists": there is operand}[name]


@given(documents, metadata)
def test_a_filter_means_what_the_plain_reading_of_it_says(document: Any, entries: Any) -> None:
    assert matches(parse(document, "ENHANCED", ()), entries) == is_match(document, entries)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("genre", "must be an object"),
        ([], "must be an object"),
        ({}, "^Invalid filter: .* it is empty"),
        ({"genre": "a", "year": 1}, "must have exactly one key, but found `genre`, `year`"),
        ({"genre": {"$eq": "a"}, "year": {"$eq": 1}}, "exactly one key"),
        ({"$and": [{"genre": "a", "year": 1}]}, "exactly one key"),
        ({"$and": [{"genre": "a"}], "genre": "a"}, "exactly one key"),
        ({"$and": [{"genre": "a"}], "$or": [{"year": 1}]}, "exactly one key"),
        ({"$and": [{}]}, "it is empty"),
        ({"genre": {"$eq": "a", "x": 1}}, "unknown operator x"),
        ({"genre": {"$and": [{"genre": "a"}]}}, r"unknown operator \$and"),
        ({"genre": {"$in": ["a", None]}}, r"\$in .* an element that isn't allowed"),
        ({"year": {"$gt": float("nan")}}, r"\$gt .* takes a number"),
        ({"year": {"$gt": "NaN"}}, r"\$gt .* takes a number, but found a string"),
        ({"genre": {}}, "no operator"),
        ({"genre": None}, r"\$eq .* takes a string, a number or a boolean, but found null"),
        ({"genre": ["a"]}, r"\$eq .* takes"),
        ({"genre": {"$eq": ["a"]}}, r"\$eq .* takes"),
        ({"genre": {"$ne": {"a": 1}}}, r"\$ne .* found an object"),
        ({"year": {"$gt": "2020"}}, r"\$gt .* takes a number, but found a string"),
        ({"year": {"$lte": True}}, r"\$lte .* takes a number, but found a boolean"),
        ({"genre": {"$in": []}}, r"\$in .* non-empty array .* found an empty array"),
        ({"genre": {"$in": "a"}}, r"\$in .* found a string"),
        ({"genre": {"$nin": [["a"]]}}, r"\$nin .* an element that isn't allowed"),
        ({"genre": {"$exists": 1}}, r"\$exists .* takes a boolean"),
        ({"genre": {"$startsWith": 1}}, r"\$startsWith .* takes a string"),
        ({"genre": {"$regex": "a"}}, r"unknown operator \$regex"),
        ({"genre": {"name": "a"}}, "unknown operator name"),
        ({"$not": {"genre": "a"}}, r"unknown operator \$not"),
        ({"$and": []}, r"\$and takes a non-empty array"),
        ({"$or": {"genre": "a"}}, r"\$or takes a non-empty array"),
        ({"$or": [1]}, "must be an object"),
        ({"$and": [{"text": {"$exists": True}}]}, "^Invalid use of non-filterable metadata in filter: .*`text`"),
    ],
)
def test_a_wrong_filter_is_refused_with_the_reason(document: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        parse(document, "ENHANCED", {"text"})
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_starts_with_needs_enhanced_mode() -> None:
    with pytest.raises(ServiceError, match="ENHANCED"):
        parse({"path": {"$startsWith": "/a"}}, "CLASSIC", ())


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"category": "electronics"}, 1),
        ({"region": {"$in": ["us-east-1", "us-west-2", "eu-west-1"]}}, 3),
        ({"$and": [{"category": "electronics"}, {"price": {"$lte": 500}}]}, 2),
        ({"price": {"$gte": 10, "$lte": 50}}, 2),
    ],
)
def test_each_value_is_a_constraint(document: Any, count: int) -> None:
    assert constraints(parse(document, "ENHANCED", ())) == count


def test_too_many_constraints_are_refused_in_enhanced_mode_only() -> None:
    values = list(range(limits.FILTER_CONSTRAINTS))
    parse({"x": {"$in": values}}, "ENHANCED", ())
    parse({"x": {"$in": [*values, -1]}}, "CLASSIC", ())
    with pytest.raises(ServiceError, match="101 constraints"):
        parse({"x": {"$in": [*values, -1]}}, "ENHANCED", ())


def test_a_filter_of_any_depth_gets_an_answer() -> None:
    document: Any = {"x": 1}
    for _ in range(900):
        document = {"$and": [document]}
    with pytest.raises(ServiceError, match="nested"):
        parse(document, "ENHANCED", ())
