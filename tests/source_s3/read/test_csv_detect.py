"""Dialects that are found in the head of a file."""

import io
import logging
from typing import Any

import pytest

from source_s3.read import Reading
from source_s3.read import csv as reader
from source_s3.read.csv_detect import SAMPLE
from source_s3.read.options import CsvFormat


def read(content: str, **options: Any) -> list[list[str | None]]:
    found = CsvFormat.model_validate({"detect_dialect": True, **options})
    file = io.BytesIO(content.encode(found.encoding or "utf8"))
    rows = [row for batch in reader.read(file, found, Reading()) for row in batch.rows.to_pylist()]
    assert not rows or list(reader.schema(file, found)) == list(rows[0])
    return [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "6"]]),
        (
            "name;price;q\nx;1,5;2,25\ny;3,75;4,5\n",
            [["name", "price", "q"], ["x", "1,5", "2,25"], ["y", "3,75", "4,5"]],
        ),
        ("a\tb\n1\t2, x\n3\t4\n", [["a", "b"], ["1", "2, x"], ["3", "4"]]),
        ('a|b|c\n"x|y"|y, z|1\nq|r|2\n', [["a", "b", "c"], ["x|y", "y, z", "1"], ["q", "r", "2"]]),
        ('a,b\n"x, ""y""; z",1\n"z; w",2\n', [["a", "b"], ['x, "y"; z', "1"], ["z; w", "2"]]),
        ("a,b\n'x, y',1\n'z, w',2\n", [["a", "b"], ["x, y", "1"], ["z, w", "2"]]),
        ('a,b\n"x \\"y\\", z",1\n"z",2\n', [["a", "b"], ['x "y", z', "1"], ["z", "2"]]),
        ("name\nalpha beta\ngamma\n", [["name"], ["alpha beta"], ["gamma"]]),
        ("id;text\n1;a, b, c\n2;d, e, f\n", [["id", "text"], ["1", "a, b, c"], ["2", "d, e, f"]]),
        ('id;text\n1;"a\nb,c"\n2;"d\ne,f"\n', [["id", "text"], ["1", "a\nb,c"], ["2", "d\ne,f"]]),
        ("t;v\n10:00:01;5\n10:00:02;6\n", [["t", "v"], ["10:00:01", "5"], ["10:00:02", "6"]]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("encoding", ["utf8", "utf-16"])
def test_a_dialect_is_found(content: str, expected: list[list[str]], encoding: str) -> None:
    assert read(content, encoding=encoding) == expected
    assert read("note, by; someone\n" + content, skip_rows_before_header=1, encoding=encoding) == expected


def test_a_quote_that_shows_only_later_is_the_one_that_is_set() -> None:
    rows = "1;2\n" * (SAMPLE // 4 + 10)
    assert read(f'a;b\n{rows}"x;y";3\n')[-1] == ["x;y", "3"]


def test_what_was_found_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read("a;b\n1;2\n")
        read("")
    assert "found the delimiter ';', quote character '\"'" in caplog.text
    assert "could not tell the dialect, so it is read with delimiter ','" in caplog.text
