"""Rows that can't be read are handed over with their line and text, and the others are read."""

import io
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.read import BadRow, Reading
from source_s3.read import csv as reader
from source_s3.read.csv_block import Layout, layout_of, parse, parse_with_care
from source_s3.read.csv_head import Head
from source_s3.read.csv_rows import LINE, SHOWN, Dialect, row_slices, whole_rows
from source_s3.read.options import CsvFormat

Row = dict[str, str | None]


def read(content: bytes, **options: Any) -> tuple[list[Row], list[BadRow]]:
    batches = list(reader.read(io.BytesIO(content), CsvFormat.model_validate(options), Reading()))
    return (
        [row for batch in batches for row in batch.rows.to_pylist()],
        [bad for batch in batches for bad in batch.refused],
    )


def places(refused: list[BadRow]) -> list[tuple[str, bytes | None]]:
    return [(bad.where, bad.raw) for bad in refused]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_rows_with_another_number_of_values_are_told_with_their_lines(end: bytes) -> None:
    lines = [b"note", b"a,b", b'1,"x', b'y"', b"", b"3", b"4,5,6", b"7,8", b'"9', b'9"', b"10,11"]
    rows, refused = read(end.join(lines), skip_rows_before_header=1)
    assert [row["a"] for row in rows] == ["1", "7", "10"]
    assert places(refused) == [("line 6", b"3"), ("line 7", b"4,5,6"), ("line 9", b'"9' + end + b'9"')]
    assert [bad.reason for bad in refused] == [f"expected 2 values, found {count}" for count in (1, 3, 1)]


def test_rows_of_another_length_can_be_passed_over_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read(b"a,b\n1\n1,2\n1,2,3\n4,\xff\n4,5\n", ignore_errors_on_fields_mismatch=True)
    assert found[0] == [{"a": "1", "b": "2"}, {"a": "4", "b": "5"}]
    assert places(found[1]) == [("line 5", b"4,\xff")]
    assert "Passed over 2 rows with a wrong number of values, the first: line 2" in caplog.text


@pytest.mark.parametrize("bad", [b"caf\xe9,2", b"caf\xe9", b'"two\n\xff",2'])
@pytest.mark.parametrize("encoding", ["utf8", "ascii", "utf-8-sig"])
def test_only_the_rows_in_another_encoding_are_refused(bad: bytes, encoding: str) -> None:
    rows, refused = read(b"a,b\n1,2\n" + bad + b"\n3,4\n", encoding=encoding)
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert [bad.where for bad in refused] == ["line 3"]
    assert "expected text in the encoding" in refused[0].reason


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk", "euc_kr", "big5", "cp1252"])
def test_bytes_that_a_national_encoding_lacks_are_refused_row_by_row(encoding: str) -> None:
    content = b"a,b\n1,2\nx\x81\xff,\xc3\xa9\x81\n3,4\n" if encoding != "cp1252" else b"a,b\n1,2\n\x81,2\n3,4\n"
    rows, refused = read(content, encoding=encoding)
    assert rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert [bad.where for bad in refused] == ["line 3"]


def test_nameless_columns_at_the_end_are_left_out_while_they_are_empty() -> None:
    rows, refused = read(b'a,b,, \n1,2,,\n3,4, ,\n5,6\n7,8,\n9\n10,11,"x"\n12,13,,,\n14,15\r\n')
    assert rows == [{"a": a, "b": b} for a, b in (("1", "2"), ("3", "4"), ("5", "6"), ("7", "8"), ("14", "15"))]
    assert places(refused) == [("line 6", b"9"), ("line 7", b'10,11,"x"'), ("line 8", b"12,13,,,")]
    assert "whose header is empty" in next(bad.reason for bad in refused if bad.where == "line 7")


def test_a_quote_that_is_never_closed_takes_one_line_and_no_more() -> None:
    content = b'a,b\n1,2\n3,"x\n' + b"5,6\n" * 100
    rows, refused = read(content)
    assert [row["a"] for row in rows] == ["1"] + ["5"] * 100
    assert places(refused) == [("line 3", b'3,"x')]
    assert "expected the end of a quoted value" in refused[0].reason


def test_a_quote_that_is_never_closed_is_found_in_bounded_memory() -> None:
    count = LINE // 4 + 1_000_000
    rows, refused = read(b'a,b\n1,2\n3,"x\n' + b"5,6\n" * count + b"7\n")
    assert len(rows) == count + 1
    assert places(refused) == [("line 3", b'3,"x'), (f"line {count + 4}", b"7")]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_file_that_is_cut_in_a_quoted_value_loses_its_last_row_only(end: bytes) -> None:
    rows, refused = read(b'a,b\n1,2\n3,"x' + end)
    assert rows == [{"a": "1", "b": "2"}]
    assert places(refused) == [("line 3", b'3,"x')]


@pytest.mark.parametrize("last", [b"", b"\n3,4\n"])
def test_a_row_that_is_too_long_is_told_by_its_beginning(last: bytes) -> None:
    rows, refused = read(b"a,b\n1,2\n9," + b"x" * (2 * LINE) + last)
    assert len(rows) == 1 + bool(last)
    assert [(bad.where, len(bad.raw or b"")) for bad in refused] == [("line 3", SHOWN)]
    assert f"at most {LINE} bytes" in refused[0].reason


def test_lines_are_counted_and_rows_numbered_over_blocks_and_after_a_resume() -> None:
    line = b'1,"' + b"x" * 90 + b'\n"\n'
    content = b"a,b\n" + line * 60_000 + b"bad\n"
    batches = list(reader.read(io.BytesIO(content), CsvFormat(), Reading()))
    assert [bad.where for batch in batches for bad in batch.refused] == ["line 120002"]
    again = list(reader.read(io.BytesIO(content), CsvFormat(), Reading(batches[1].resume)))
    assert again[0].first_row == batches[2].first_row
    assert [bad for batch in again for bad in batch.refused] == [bad for batch in batches[2:] for bad in batch.refused]
    rows, rest = (pa.Table.from_batches([batch.rows for batch in found]) for found in (batches[2:], again))
    assert rest.combine_chunks() == rows.combine_chunks()


def test_a_utf16_file_is_resumed_where_it_was_left() -> None:
    content = ("a,b\n" + "é,漢\n" * 700_000 + "x").encode("utf-16")
    options = CsvFormat(encoding="utf-16")
    batches = list(reader.read(io.BytesIO(content), options, Reading()))
    assert len(batches) > 2
    again = list(reader.read(io.BytesIO(content), options, Reading(batches[0].resume)))
    assert again == batches[1:]
    assert places(list(again[-1].refused)) == [("line 700002", b"x")]


@dataclass(frozen=True)
class Slow:
    text: str
    values: list[str]
    is_closed: bool


def slow_rows(text: str, dialect: Dialect) -> list[Slow]:  # noqa: C901, PLR0912  the slow, plain way
    """Character by character. Blank lines are no rows."""
    rows: list[Slow] = []
    values: list[str] = []
    value, begin, index = "", 0, 0
    inside, at_begin = False, True
    while index < len(text):
        character = text[index]
        if dialect.escape and character == dialect.escape:
            value, at_begin = value + text[index + 1 : index + 2], False
            index += 1
        elif inside and character == dialect.quote:
            if dialect.double_quote and text[index + 1 : index + 2] == dialect.quote:
                value += dialect.quote
                index += 1
            else:
                inside = False
        elif inside:
            value += character
        elif dialect.quote and character == dialect.quote and at_begin:
            inside, at_begin = True, False
        elif character == dialect.delimiter:
            values, value, at_begin = [*values, value], "", True
        elif character in "\r\n":
            if text[index : index + 2] == "\r\n":
                index += 1
            raw = text[begin : index + 1]
            if raw.strip("\r\n"):
                rows.append(Slow(raw, [*values, value], True))
            values, value, at_begin, begin = [], "", True, index + 1
        else:
            value, at_begin = value + character, False
        index += 1
    if text[begin:]:
        rows.append(Slow(text[begin:], [*values, value], not inside))
    return rows


DIALECTS = [
    Dialect(",", '"', "", True),
    Dialect(",", '"', "", False),
    Dialect(",", '"', "\\", True),
    Dialect(",", '"', "\\", False),
    Dialect(",", "", "\\", True),
    Dialect(",", "", "", True),
]
texts = st.text(st.sampled_from('a,"\n\r\\'), max_size=60)


@settings(max_examples=2000, deadline=None)
@given(texts, st.sampled_from(DIALECTS))
def test_rows_end_where_a_slow_reading_says(text: str, dialect: Dialect) -> None:
    expected = [row.text for row in slow_rows(text, dialect)]
    assert [text[begin:end] for begin, end in row_slices(text.encode(), dialect)] == expected


def layout(dialect: Dialect, width: int) -> Layout:
    return layout_of(Head([f"c{index}" for index in range(width)], 0, 0, 0), CsvFormat(), dialect)


@settings(max_examples=2000, deadline=None)
@given(texts, st.sampled_from(DIALECTS), st.integers(1, 3), st.integers(1, 70))
def test_any_text_gives_the_rows_of_a_slow_reading_in_blocks_of_any_size(
    text: str, dialect: Dialect, width: int, size: int
) -> None:
    slow = slow_rows(text, dialect)
    if not all(row.is_closed for row in slow):
        return
    content, table = text.encode(), layout(dialect, width)
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    rows, bad, line = [], [], 0
    for block in whole_rows(chunks, dialect, 0, 0, partial(parse, layout=table)):
        assert block.text == content[block.byte : block.byte + len(block.text)]
        assert block.line == line
        parsed = parse_with_care(block, table)
        rows += [list(row.values()) for row in parsed.rows.to_pylist()]
        bad += [refused.raw for _, refused in parsed.miscounted]
        assert not block.refused
        assert not parsed.refused
        line = block.end_line
    assert rows == [row.values for row in slow if len(row.values) == width]
    expected = [row.text.removesuffix("\n").removesuffix("\r") for row in slow if len(row.values) != width]
    assert [raw and raw.decode() for raw in bad] == expected


@settings(max_examples=1000, deadline=None)
@given(texts, st.sampled_from(DIALECTS), st.integers(1, 70))
def test_whatever_the_quoting_nothing_of_the_text_gets_lost(text: str, dialect: Dialect, size: int) -> None:
    content, table = text.encode(), layout(dialect, 2)
    chunks = (content[start : start + size] for start in range(0, len(content), size))
    found = b""
    for block in whole_rows(chunks, dialect, 0, 0, partial(parse, layout=table)):
        found += b"".join(bad.raw or b"" for bad in block.refused) + bytes(block.text)
    assert found.replace(b"\r", b"").replace(b"\n", b"") == content.replace(b"\r", b"").replace(b"\n", b"")


@pytest.mark.parametrize(("encoding", "half"), [("utf-7", b"+2AA-"), ("raw_unicode_escape", rb"\ud800")])
def test_half_of_a_pair_is_no_text_and_its_row_alone_is_refused(encoding: str, half: bytes) -> None:
    rows, refused = read(b"a,b\n1,x\n2," + half + b"\n3,z\n", encoding=encoding)
    assert [row["a"] for row in rows] == ["1", "3"]
    assert [(bad.where, bad.reason[:29]) for bad in refused] == [("line 3", "expected text in the encoding")]
