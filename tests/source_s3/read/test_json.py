"""Objects of a JSON file keep their text, whatever stands around them; what is none is named by its byte."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.read import BadRow, Batch, Reading
from source_s3.read import json as reader
from source_s3.read.json_split import LINE, SHOWN, split
from source_s3.read.options import JsonFormat
from vector_ingest.errors import DataError

OPTIONS = JsonFormat()
OBJECTS = ['{"a": 1.10}', "{}", '{"big":123456789012345678901234567890}', '{"t":"}{][ \\" \\\\","é":[{},[1]]}']


def batches(content: bytes) -> list[Batch]:
    return list(reader.read(io.BytesIO(content), OPTIONS, Reading()))


def texts(content: bytes) -> list[str]:
    return [text.rstrip("\n") for batch in batches(content) for text in batch.rows.column(0).to_pylist()]


def refused(content: bytes) -> list[BadRow]:
    return [bad for batch in batches(content) for bad in batch.refused]


@pytest.mark.parametrize(
    ("before", "between", "after"),
    [
        ("[", ",", "]"),
        ("\n[\n  ", ",\r\n  ", "\n]\n"),
        ("\ufeff[", ", ", "]"),
        ("", "", ""),
        ("", "\n", "\n"),
        ("[", ",", ",]"),
    ],
)
def test_each_object_keeps_its_text(before: str, between: str, after: str) -> None:
    content = f"{before}{between.join(OBJECTS)}{after}".encode()
    assert texts(content) == OBJECTS
    assert refused(content) == []


@pytest.mark.parametrize("indent", [1, 4, "\t"])
def test_an_object_over_several_lines_becomes_one(indent: Any) -> None:
    rows = [{"a": number, "t": "x\ny } {", "list": [1, {"b": [None]}]} for number in range(100)]
    for content in (json.dumps(rows, indent=indent), json.dumps(rows, indent=indent).replace("\n", "\r\n")):
        found = texts(content.encode())
        assert [json.loads(text) for text in found] == rows
        assert not any("\n" in text or "\r" in text for text in found)


@pytest.mark.parametrize("content", [b"", b" \n", b"[]", b"[ ]\n", b"\xef\xbb\xbf", b"[][]"])
def test_a_file_without_objects_has_no_rows(content: bytes) -> None:
    assert texts(content) == []
    assert refused(content) == []
    assert reader.schema(io.BytesIO(content), OPTIONS) == {}


@pytest.mark.parametrize(
    ("bad", "raw"),
    [
        (b"1", None),
        (b'"a, {b"', None),
        (b"null, true", None),
        (b"[1]", None),
        (b'{"a":NaN}', None),
        (b'{"a":1,}', None),
        (b'{"a":"x\ny"}', None),
        (b'{"a":1]', None),
        (b'{"a":"\xff"}', None),
        (b'{"a":1}}', b"}"),
    ],
)
def test_an_element_that_is_no_object_is_handed_over_with_its_byte(bad: bytes, raw: bytes | None) -> None:
    content = b'[{"a":1},' + bad + b',{"a":2}]'
    assert texts(content) == ['{"a":1}', *(['{"a":1}'] if raw else []), '{"a":2}']
    place = content.index(b"," + bad) + 1 + (len(bad) - len(raw) if raw else 0)
    assert [(found.where, found.raw) for found in refused(content)] == [(f"byte {place}", raw or bad)]
    assert reader.schema(io.BytesIO(content), OPTIONS) == {"a": {"type": ["null", "integer"]}}


@pytest.mark.parametrize("content", [b"garbage", b"1", b'"text"', b"[1, 2]", b'{"a"', b"[{]"])
def test_a_file_without_any_object_is_refused(content: bytes) -> None:
    assert texts(content) == []
    assert len(refused(content)) == 1 + (content == b"[{]")  # whose array is never closed
    with pytest.raises(DataError, match=r"^byte \d+: expected"):
        reader.schema(io.BytesIO(content), OPTIONS)


@pytest.mark.parametrize("end", [b'{"a":', b'{"a":"x', b'{"a":[{}'])
def test_a_file_that_is_cut_off_loses_its_last_object_only(end: bytes) -> None:
    content = b'[{"a":1},{"a":2},' + end
    assert texts(content) == ['{"a":1}', '{"a":2}']
    assert [bad.raw for bad in refused(content)] == [end]


@pytest.mark.parametrize("end", [b"", b",", b" \n"])
def test_an_array_that_is_cut_off_between_two_objects_is_refused_behind_them(end: bytes) -> None:
    content = b'[{"a":1},{"a":2}' + end
    assert texts(content) == ['{"a":1}', '{"a":2}']
    (bad,) = refused(content)
    assert bad.where == f"byte {len(content.rstrip(b',' + b' ' + bytes([10])))}"
    assert "the end of the file" in bad.reason
    last = batches(content)[-1].resume
    assert not list(reader.read(io.BytesIO(content), OPTIONS, Reading(last)))
    assert refused(content + b"]") == []


def test_a_value_that_never_ends_is_refused_before_it_fills_the_memory() -> None:
    file = io.BytesIO(b'[{"a":1},{"a":[' + b"1," * (2 * LINE))
    found = list(reader.read(file, OPTIONS, Reading()))
    assert sum(batch.rows.num_rows for batch in found) == 1
    assert [SHOWN - 4 < len(bad.raw or b"") <= SHOWN for batch in found for bad in batch.refused] == [True]
    assert file.tell() < 3 * LINE


def test_reading_goes_on_after_each_batch() -> None:
    rows = [{"a": number, "t": "x" * (number % 500)} for number in range(30_000)]
    content = json.dumps(rows).encode()
    found = batches(content)
    assert len(found) > 3
    for batch in found:
        again = list(reader.read(io.BytesIO(content), OPTIONS, Reading(batch.resume)))
        first = batch.first_row + batch.rows.num_rows
        assert [json.loads(text) for one in again for text in one.rows.column(0).to_pylist()] == rows[first:]
        assert not again or again[0].first_row == first
    assert [json.loads(text) for text in texts(content)] == rows


values = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('a"\\{}[],: é\n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('a"\\{}'), max_size=3), inner),
    max_leaves=8,
)
rows_of_values = st.lists(
    st.dictionaries(st.text(st.sampled_from('ab"{\\'), max_size=3), values, max_size=3), max_size=5
)


@settings(max_examples=400, deadline=None)
@given(rows_of_values, st.integers(1, 60), st.sampled_from([None, 1]), st.booleans())
def test_any_objects_are_cut_apart_in_chunks_of_any_size(
    rows: list[Any], size: int, indent: int | None, is_array: bool
) -> None:
    whole = json.dumps(rows, indent=indent) if is_array else "\n".join(json.dumps(row, indent=indent) for row in rows)
    content = whole.encode()
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    cuts = list(split(chunks, 0, inside=False))
    assert [json.loads(text) for cut in cuts for _, text in cut.values] == rows
    assert not any(cut.others for cut in cuts)
    assert all(content[place : place + len(text)] == text for cut in cuts for place, text in cut.values)


@settings(max_examples=1000, deadline=None)
@given(st.text(st.sampled_from('{}[]",:1a\\ \n')), st.integers(1, 30))
def test_whatever_the_text_nothing_of_it_gets_lost(text: str, size: int) -> None:
    content = text.encode()
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    found = b"".join(part for cut in split(chunks, 0, inside=False) for _, part in sorted([*cut.values, *cut.others]))
    blank = bytes.maketrans(b"", b"")
    assert found.translate(blank, b" \n,[]") == content.translate(blank, b" \n,[]")
