"""Text to the types of an input schema: a value that does not fit stays text."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.read.options import CsvFormat
from source_s3.read.typed import typed
from source_s3.render.lines import Template, render


def values(texts: Sequence[str | None], kind: str, **options: Any) -> list[Any]:
    """As the records have them: typed, then rendered."""
    rows = pa.RecordBatch.from_arrays([pa.array(texts, pa.large_string())], names=["c"])
    lines = bytes(
        render(typed(rows, {"c": kind}, CsvFormat.model_validate(options)).rows, 0, Template("s", None, 1, {"u": "1"}))
    )
    found = [json.loads(line, parse_constant=pytest.fail)["record"] for line in lines.splitlines()]
    assert all("meta" not in record for record in found)
    return [record["data"]["c"] for record in found]


@pytest.mark.parametrize(
    ("kind", "texts", "wanted"),
    [
        ("integer", ["1", "-2", None, "007"], [1, -2, None, 7]),
        ("integer", ["1", "x", None, "1.5", ""], [1, "x", None, "1.5", ""]),
        ("integer", [str(2**63 - 1), str(2**63)], [2**63 - 1, 2**63]),
        ("integer", ["0x1F"], ["0x1F"]),
        ("integer", [" 5 ", "+5"], [5, 5]),
        ("number", ["1", "1.5", "-1e3", None], [1, 1.5, -1000, None]),
        ("number", ["1.5", "n/a", ""], [1.5, "n/a", ""]),
        ("number", ["1_0.5", "٣", "(1)", "nan(1)", "-0", "1e5", ".5"], [10.5, 3, "(1)", "nan(1)", 0, 1e5, 0.5]),
        ("integer", ["1_000", "٣", "+5", "1e5", "-0", "9" * 30], [1000, 3, 5, "1e5", 0, int("9" * 30)]),
        ("boolean", ["yes", "0", "maybe", None, "TRUE"], [True, False, "maybe", None, "TRUE"]),
        ("object", ['{"a": [1]}', "[1]", "x", None, '{"a":1e400}'], [{"a": [1]}, [1], "x", None, '{"a":1e400}']),
        ("object", ['{"a":\n12345678901234567890}', "null", "7"], [{"a": 12345678901234567890}, None, 7]),
        ("array", ["[1, null]", "{}", "[", '["\u2028\\n"]', "[NaN]"], [[1, None], "{}", "[", ["\u2028\n"], "[NaN]"]),
        ("array", ["[" * 100_000], ["[" * 100_000]),
        ("string", ["1", None], ["1", None]),
    ],
)  # fmt: skip
def test_values_have_the_type_that_was_asked_for_or_stay_text(kind: str, texts: list[str], wanted: list[Any]) -> None:
    found = values(texts, kind)
    assert found == wanted
    assert [type(value) for value in found if kind == "boolean"] == [type(v) for v in wanted if kind == "boolean"]


def test_the_words_for_true_and_false_are_the_users() -> None:
    assert values(["ja", "nein", "yes"], "boolean", true_values=["ja"], false_values=["nein"]) == [True, False, "yes"]


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "object"])
def test_null_values_are_null_in_typed_columns_even_if_text_cant_be_null(kind: str) -> None:
    assert values(["NA", None], kind, null_values=["NA"], strings_can_be_null=False) == [None, None]
    assert values(["NA"], "string", null_values=["NA"], strings_can_be_null=False) == ["NA"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers() | st.text("0123456789+-.eExXna ", max_size=5).filter(lambda text: "nan" not in text)))
def test_integers_are_those_that_python_reads(numbers: list[int | str]) -> None:
    texts: list[str | None] = [str(number) for number in numbers]
    assert values(texts, "integer") == [_or_text(int, text) for text in texts]
    assert values(texts, "number") == [_or_text(_finite, text) for text in texts]


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def _or_text(read: Any, text: Any) -> Any:
    try:
        return read(text)
    except ValueError:
        return text


def test_columns_that_are_not_named_stay_as_they_are() -> None:
    rows = pa.RecordBatch.from_pydict(
        {"a": pa.array(["1"], pa.large_string()), "b": pa.array(["2"], pa.large_string())}
    )
    found = typed(rows, {"b": "integer", "gone": "integer"}, CsvFormat())
    assert found.rows.to_pydict() == {"a": ["1"], "b": [2]}


def test_the_values_that_stay_text_and_those_that_become_null_are_told() -> None:
    rows = pa.RecordBatch.from_pydict(
        {
            "a": pa.array(["1", "x", None, "1.5"], pa.large_string()),
            "b": pa.array(["nan", "y", None, "1"], pa.large_string()),
            "c": pa.array(["inf", "2", None, "1"], pa.large_string()),
        }
    )
    found = typed(rows, {"a": "integer", "b": "number", "c": "number"}, CsvFormat())
    assert {name: mask.to_pylist() for name, mask in found.unfit.items()} == {
        "a": [False, True, False, True],
        "b": [False, True, False, False],
    }
    assert {name: mask.to_pylist() for name, mask in found.nulled.items()} == {"b": [True, False, False, False]}
    assert found.rows.column("c").type == pa.float64()


def test_a_sliced_batch_is_typed_like_a_whole_one() -> None:
    rows = pa.RecordBatch.from_pydict({"a": pa.array(["x", "1", "y", "2"], pa.large_string())}).slice(1)
    found = typed(rows, {"a": "integer"}, CsvFormat())
    assert found.rows.column("a").to_pylist() == ["1", '"y"', "2"]
    assert found.unfit["a"].to_pylist() == [False, True, False]
