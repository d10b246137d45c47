"""Lines stay the text they are; what is no object is named by its line."""

import io
import json
from typing import Any

import pytest

from source_s3.read import Batch, Reading, jsonl
from source_s3.read.options import JsonlFormat
from vector_ingest.errors import DataError

OPTIONS = JsonlFormat()


def batches(content: bytes) -> list[Batch]:
    return list(jsonl.read(io.BytesIO(content), OPTIONS, Reading()))


def texts(content: bytes) -> list[str]:
    return [text for batch in batches(content) for text in batch.rows.column(0).to_pylist()]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n \n"])
def test_each_object_keeps_its_text(end: str, last: str) -> None:
    objects = ['{"a": 1.10}', "{}", '{"big":123456789012345678901234567890}', '{"t":"\\u2028 \u2028 \\" é"}']
    assert texts((end.join(objects) + last).encode()) == objects


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\r\n"])
def test_a_file_without_objects_has_no_rows(content: bytes) -> None:
    assert texts(content) == []
    assert jsonl.schema(io.BytesIO(content), OPTIONS) == {}


def test_a_byte_order_mark_is_no_part_of_the_first_object() -> None:
    content = b'\xef\xbb\xbf{"a":1}\n{"a":2}\n'
    assert texts(content) == ['{"a":1}', '{"a":2}']
    assert list(jsonl.schema(io.BytesIO(content), OPTIONS)) == ["a"]


def test_a_line_may_be_longer_than_several_blocks() -> None:
    long = json.dumps({"text": "x" * (2 * jsonl.BLOCK + 5)})
    assert texts(f'{{"a":1}}\n{long}\n{{"a":2}}'.encode()) == ['{"a":1}', long, '{"a":2}']


def test_a_file_without_line_breaks_is_refused_before_it_fills_the_memory() -> None:
    file = io.BytesIO(b" " * (jsonl.LINE + 3 * jsonl.BLOCK))
    with pytest.raises(DataError, match="expected lines of at most"):
        list(jsonl.read(file, OPTIONS, Reading()))
    assert file.tell() <= jsonl.LINE + jsonl.BLOCK


@pytest.mark.parametrize(
    "bad", [b"{", b"[1]", b"1", b'"a"', b"null", b'{"a":NaN}', b'{"a":"\xff"}', b'{"a":1} {"b":2}']
)
def test_what_is_no_object_is_named_by_its_line(bad: bytes) -> None:
    content = b'{"a":1}\n\n' + bad + b"\n"
    for work in (lambda: batches(content), lambda: jsonl.schema(io.BytesIO(content), OPTIONS)):
        with pytest.raises(DataError, match=r"^line 3: expected one JSON object") as found:
            work()
        assert found.value.where == "line 3"


def test_lines_are_counted_over_blocks_and_after_a_resume() -> None:
    line = json.dumps({"text": "x" * 100}).encode() + b"\n\n"
    content = line * (2 * jsonl.BLOCK // len(line)) + b"bad\n"
    number = content.count(b"\n")
    found: list[Batch] = []
    with pytest.raises(DataError, match=rf"^line {number}:"):
        found.extend(jsonl.read(io.BytesIO(content), OPTIONS, Reading()))
    first = next(jsonl.read(io.BytesIO(content), OPTIONS, Reading()))
    with pytest.raises(DataError, match=rf"^line {number}:"):
        list(jsonl.read(io.BytesIO(content), OPTIONS, Reading(first.resume)))


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([1], ["null", "integer"]),
        ([1, 1.5], ["null", "number"]),
        ([1, "x"], ["null", "string"]),
        ([True, None], ["null", "boolean"]),
        ([None], ["null"]),
        ([[1], {"a": 1}], ["null", "array", "object"]),
        ([2**70], ["null", "number"]),
    ],
    ids=str,
)
def test_the_schema_has_the_types_of_all_rows(rows: list[Any], kinds: list[str]) -> None:
    content = "\n".join(json.dumps({"c": row}) for row in rows).encode()
    assert jsonl.schema(io.BytesIO(content), OPTIONS) == {"c": {"type": kinds}}


def test_the_schema_is_taken_from_the_head_of_the_file() -> None:
    file = io.BytesIO(b'{"a":1}\n' * (jsonl.SAMPLE // 4))
    jsonl.schema(file, OPTIONS)
    assert file.tell() <= jsonl.SAMPLE + 100
