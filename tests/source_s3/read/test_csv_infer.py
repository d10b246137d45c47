"""Types of columns from their values."""

import io
from typing import Any

import pytest

from source_s3.read import csv as reader
from source_s3.read.csv_infer import SAMPLE
from source_s3.read.options import CsvFormat


def types(content: str, **options: Any) -> dict[str, list[str]]:
    found = CsvFormat.model_validate({"inference_type": "Primitive Types Only", **options})
    return {name: value["type"] for name, value in reader.schema(io.BytesIO(content.encode()), found).items()}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "0"], "boolean"),
        (["1", "2"], "integer"),
        (["-7", " 8 ", "123456789012345678901234567890"], "integer"),
        (["1", "2.5"], "number"),
        (["1e5", "nan", "-inf"], "number"),
        (["yes", "no"], "boolean"),
        (["yes", "No"], "string"),
        (["1", "x"], "string"),
        (["1", ""], "string"),
        (["2020-01-01"], "string"),
        ([], "string"),
    ],
    ids=str,
)
def test_a_column_is_of_the_narrowest_type_that_all_values_have(values: list[str], kind: str) -> None:
    content = "a,b\n" + "".join(f'"{value}",\n' for value in values)
    assert types(content)["a"] == ["null", kind]


def test_null_values_do_not_count() -> None:
    assert types("a,b\nNA,NA\n2,NA\n", null_values=["NA"]) == {"a": ["null", "integer"], "b": ["null", "string"]}
    assert types("a\nNA\n2\n", null_values=["NA"], strings_can_be_null=False) == {"a": ["null", "integer"]}


def test_the_words_for_true_and_false_are_the_users() -> None:
    assert types("a,b\nja,1\nnein,0\n", true_values=["ja"], false_values=["nein"]) == {
        "a": ["null", "boolean"],
        "b": ["null", "integer"],
    }


def test_only_the_first_values_are_looked_at_and_bad_rows_are_passed_over() -> None:
    content = "a,b\n1\n\n" + "2,3\n" * SAMPLE + "x,y\n"
    assert types(content) == {"a": ["null", "integer"], "b": ["null", "integer"]}


def test_without_inference_every_column_is_text() -> None:
    assert types("a\n1\n", inference_type="None") == {"a": ["null", "string"]}
