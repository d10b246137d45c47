"""Lines stay the text they are; what is no object is named by its line."""

import io
import json
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.read import Batch, Reading, jsonl
from source_s3.read.json_objects import DEPTH, SAMPLE, objects_of
from source_s3.read.options import JsonlFormat
from vector_ingest.errors import DataError

OPTIONS = JsonlFormat()


def batches(content: bytes) -> list[Batch]:
    return list(jsonl.read(io.BytesIO(content), OPTIONS, Reading()))


def texts(content: bytes) -> list[str]:
    return [text for batch in batches(content) for text in without_ends(batch.rows.column(0))]


def without_ends(objects: pa.Array) -> list[str]:
    """A line may come with its end."""
    return [text.rstrip("\r\n") for text in objects.to_pylist()]


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


@pytest.mark.parametrize("last", [b"", b'\n{"a":2}\n'])
def test_a_line_that_is_too_long_is_told_by_its_beginning(last: bytes) -> None:
    content = b'{"a":1}\n' + b" " * (jsonl.LINE + 3 * jsonl.BLOCK) + last
    found = batches(content)
    assert [bad.where for batch in found for bad in batch.refused] == ["line 2"]
    assert texts(content) == ['{"a":1}', *(['{"a":2}'] if last else [])]


BAD = [
    b"[1]",
    b"1",
    b'"a"',
    b"null",
    b"{",
    b'{"a":NaN}',
    b'{"a":Inf}',
    b'{"a":-Infinity}',
    b'{"a":9e308}',
    b'{"a":1E+0400}',
    b'{"a":' + b"9" * 400 + b"}",
    b'{"a":' + b"9" * 250 + b"e70}",
    b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}",
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\t"}',
    b'{"a":"\0"}',
    b'{"a":1}\0',
    b"\0",
    b'{"a":1} {"b":2}',
    b'{"a":1}{"b":2}',
    b'{"a":1},',
    b"{} null {}",
    b'{"a":1,}',
    b'{"a":01}',
    b'\xef\xbb\xbf{"a":1}',
    b'\x0c{"a":1}',
    b"garbage",
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad[:20]))
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_is_no_object_is_handed_over_with_its_line_and_text(bad: bytes, end: bytes) -> None:
    content = b'{"a":1}' + end + end + bad + end + b'{"a":2}' + end
    found = batches(content)
    assert texts(content) == ['{"a":1}', '{"a":2}']
    refused = [row for batch in found for row in batch.refused]
    assert [(row.where, row.raw) for row in refused] == [("line 3", bad)]
    assert refused[0].reason.startswith("expected one JSON object")
    assert jsonl.schema(io.BytesIO(content), OPTIONS) == {"a": {"type": ["null", "integer"]}}
    with pytest.raises(DataError, match=r"^line 2: expected one JSON object"):
        jsonl.schema(io.BytesIO(end + bad + end), OPTIONS)


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_an_object_may_take_several_lines(indent: int, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"a": number, "deep": {"text": '} { [ \\ " ]' * 3, "list": [{}, [1, {"x": None}]]}} for number in range(30)]
    content = "\n".join(json.dumps(row, indent=indent) for row in rows) + '\n{"a": 30}\n'
    assert [json.loads(text) for text in texts(content.encode())] == [*rows, {"a": 30}]
    assert not any("\n" in text for text in texts(content.encode()))
    assert "over several lines" in caplog.text


def test_objects_over_several_lines_and_over_blocks_are_found_between_bad_lines() -> None:
    row = {"a": list(range(1000)), "b": {"text": "x" * 1000}}
    content = ("bad\n" + json.dumps(row, indent=1) + '\n{"a": [\n') * 300
    found = batches(content.encode())
    assert len(found) > 2
    assert [json.loads(text) for text in texts(content.encode())] == [row] * 300
    lines = content.split("\n")
    expected = [f"line {index}" for index, line in enumerate(lines, start=1) if line in {"bad", '{"a": ['}]
    assert [bad.where for batch in found for bad in batch.refused] == expected
    for index, batch in enumerate(found):
        assert list(jsonl.read(io.BytesIO(content.encode()), OPTIONS, Reading(batch.resume))) == found[index + 1 :]


def test_an_object_that_never_ends_is_one_bad_line() -> None:
    content = b'{"a": [\n' + b'{"b": 1},\n' * 600_000 + b'{"c": 1}\n'
    found = batches(content)
    assert [bad.where for batch in found for bad in batch.refused][:2] == ["line 1", "line 2"]
    assert [text for batch in found for text in without_ends(batch.rows.column(0))] == ['{"c": 1}']


def slow_objects(lines: bytes) -> list[str] | None:
    """What orjson says, line by line; None if one of them is no object."""
    found = []
    for raw_line in lines.removesuffix(b"\n").split(b"\n"):
        line = raw_line.removesuffix(b"\r")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(value, dict) or line.strip() != line:
            return None
        found.append(line.decode())
    return found


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["Name", " Inf", ": NaN", "3e308", "-Infinity", "}", "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=4)
PIECES = (
    b'NaN|Inf|-Infinity|nan|,|}|{|]|[|"|\\|\\ud800|\\udc00|\\x|0|1|e308|E+309|1e400|-|+|.|null| null |true|/|:|{}|e99'
    b"|9e0308|1e-400|'| |\t|\n|\r|\r\n|\x00|\x01|\x1f|\x7f|\xff|\xc3|\xed\xa0\x80|\xef\xbb\xbf"
)
pieces = st.sampled_from([b"", b"[" * 1100, b"9" * 220, *PIECES.split(b"|")])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(objects, st.booleans()), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), pieces), max_size=3),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_a_block_is_taken_whole_only_if_orjson_takes_each_line(
    rows: list[tuple[dict[str, Any], bool]], changes: list[tuple[int, int, bytes]], end: bytes
) -> None:
    content = b"".join(
        json.dumps(row, ensure_ascii=is_ascii).encode("utf8", "surrogatepass") + end for row, is_ascii in rows
    )
    for place, count, piece in changes:
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + count :]
    found = objects_of(content)
    if found is not None:
        assert without_ends(found) == slow_objects(content)
    elif not changes:
        assert slow_objects(content) is None or any(len(line) > 2 * DEPTH for line in content.splitlines())


@pytest.mark.parametrize(
    "line", [*BAD, b"{}", b'{"a":1}', b'{"a": "Information, NaN 1e999"}'], ids=lambda line: repr(line[:20])
)
def test_a_single_line_is_taken_if_orjson_takes_it(line: bytes) -> None:
    found = objects_of(line + b"\n")
    assert (without_ends(found) if found is not None else None) == slow_objects(line + b"\n")


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
    file = io.BytesIO(b'{"a":1}\n' * (SAMPLE // 4))
    jsonl.schema(file, OPTIONS)
    assert file.tell() <= SAMPLE + 100


def test_no_object_goes_on_behind_a_line_that_is_too_long() -> None:
    content = b'{"a":1,\n' + b" " * (jsonl.LINE + 3 * jsonl.BLOCK) + b'\n"b":2}\n{"c":3}\n'
    assert texts(content) == ['{"c":3}']
    assert [bad.where for batch in batches(content) for bad in batch.refused] == ["line 1", "line 2", "line 3"]


def test_an_object_is_refused_whose_record_would_be_too_deep_for_those_who_read_it() -> None:
    fits, too_deep = (b'{"a":' * depth + b"1" + b"}" * depth for depth in (DEPTH, DEPTH + 1))
    wide = b'{"a":[' + b"{}," * DEPTH + b"{}]}"
    content = b"\n".join([fits, too_deep, wide])
    assert texts(content) == [fits.decode(), wide.decode()]
    ((where, reason),) = [(bad.where, bad.reason) for batch in batches(content) for bad in batch.refused]
    assert where == "line 2"
    assert reason == f"expected one JSON object, found more than {DEPTH} levels in each other"
