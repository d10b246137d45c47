"""Lines against an oracle: Python values, and the lines parsed by Python's own module."""

import datetime as dt
import decimal
import json
import math
from typing import Any

import pyarrow as pa
import pytest

from source_s3.render.lines import Template, render
from source_s3.render.marks import RAW_OBJECT, RAW_VALUE
from tests.source_s3.render.arrow_rows import PLAIN, table
from tests.source_s3.render.expected_json import expected, holds_non_finite
from vector_ingest.errors import ConfigError, DataError

TEMPLATE = Template("rows", None, 1_700_000_000_000, {"url": '"a.parquet"'})
TABLES = 4_000


def records(rows: pa.RecordBatch, template: Template = TEMPLATE, first_row: int = 0) -> list[dict[str, Any]]:
    text = bytes(render(rows, first_row, template)).decode()
    assert text == "" or text.endswith("\n")
    messages = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(message["type"] == "RECORD" for message in messages)
    return [message["record"] for message in messages]


def column(array: pa.Array, name: str = "c") -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([array], names=[name])


def values(array: pa.Array) -> list[Any]:
    return [record["data"]["c"] for record in records(column(array))]


def raw(texts: list[str], metadata: dict[bytes, bytes] = RAW_OBJECT) -> pa.RecordBatch:
    field = pa.field("c", pa.large_string(), metadata=metadata)
    return pa.RecordBatch.from_arrays([pa.array(texts, pa.large_string())], schema=pa.schema([field]))


@pytest.mark.parametrize("start", range(0, TABLES, TABLES // 8))
def test_any_table_becomes_the_records_that_python_makes_of_it(start: int) -> None:
    for seed in range(start, start + TABLES // 8):
        rows = table(seed)
        found = records(rows)
        assert len(found) == rows.num_rows
        for number, record in enumerate(found):
            values = dict(zip(rows.schema.names, (column[number] for column in rows.columns), strict=True))
            wanted = {name: expected(value) for name, value in values.items()} | {"url": "a.parquet"}
            assert wanted == record["data"], (seed, rows.schema)
            lost = [name for name, value in values.items() if holds_non_finite(value)]
            assert [change["field"] for change in record.get("meta", {}).get("changes", [])] == lost, seed


def test_the_largest_numbers_lose_no_digit() -> None:
    assert values(pa.array([2**63 - 1, -(2**63)])) == [2**63 - 1, -(2**63)]
    assert values(pa.array([2**64 - 1], pa.uint64())) == [2**64 - 1]
    big = [decimal.Decimal("9" * 38), decimal.Decimal("-" + "9" * 38)]
    assert values(pa.array(big, pa.decimal128(38, 0))) == ["9" * 38, "-" + "9" * 38]
    assert values(pa.array([decimal.Decimal(12300)], pa.decimal128(5, -2))) == ["1.23E+4"]


def test_what_is_not_finite_becomes_null_and_the_record_says_so() -> None:
    rows = pa.RecordBatch.from_arrays(
        [pa.array([1.5, math.nan, None]), pa.array([[math.inf], [0.5], None], pa.list_(pa.float32()))],
        names=['f"', "l"],
    )
    found = records(rows)
    reason = {"change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}
    assert [record["data"]['f"'] for record in found] == [1.5, None, None]
    assert [record["data"]["l"] for record in found] == [[None], [0.5], None]
    changes = [record.get("meta") for record in found]
    assert changes == [{"changes": [{"field": "l", **reason}]}, {"changes": [{"field": 'f"', **reason}]}, None]


@pytest.mark.parametrize(
    "text",
    ['say "no"', "back\\slash", "\\", '\\"', "".join(map(chr, range(0x20))), "\x7f\u2028\u2029", "🦀é漢", "", " "],
)  # fmt: skip
def test_any_text_is_the_same_after_it_was_parsed(text: str) -> None:
    assert values(pa.array([text, None, "x"])) == [text, None, "x"]
    assert values(pa.array([text, "x"])) == [text, "x"]
    assert values(pa.array([[text]])) == [[text]]
    assert records(column(pa.array([1]), text))[0]["data"][text] == 1
    assert records(column(pa.array([{text: 1}])))[0]["data"]["c"] == {text: 1}


@pytest.mark.parametrize("make", [lambda bad: bad, pa.DictionaryArray.from_arrays, pa.ListArray.from_arrays])
def test_text_that_is_no_utf8_is_an_error_of_the_data(make: Any) -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    array = {
        pa.DictionaryArray.from_arrays: lambda: make(pa.array([0]), bad),
        pa.ListArray.from_arrays: lambda: make(pa.array([0, 1], pa.int32()), bad),
    }.get(make, lambda: make(bad))()
    with pytest.raises(DataError, match=r"column `c`.*UTF-8"):
        render(column(array), 0, TEMPLATE)


@pytest.mark.parametrize("array", [pa.array([2**31 - 1], pa.date32()), pa.array([2**62], pa.timestamp("s", "+05:30"))])
def test_a_year_after_9999_is_an_error_of_the_data(array: pa.Array) -> None:
    with pytest.raises(DataError, match="year from 1 to 9999"):
        render(column(array), 0, TEMPLATE)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([0], pa.timestamp("s", "Mars/Olympus")),
        pa.array([[0]], pa.list_(pa.timestamp("s", "Mars/Olympus"))),
    ],
    ids=str,
)
def test_a_type_without_a_json_form_is_named(array: pa.Array) -> None:
    with pytest.raises(ConfigError, match=r"Arrow type .*Mars"):
        render(column(array), 0, TEMPLATE)


def test_nanoseconds_have_nine_digits_only_where_they_need_them() -> None:
    nanos = pa.array([10**9 + 1, 10**9, 10**9 + 1000], pa.timestamp("ns"))
    seconds = "1970-01-01T00:00:01"
    assert values(nanos) == [f"{seconds}.000000001", seconds, f"{seconds}.000001"]


def test_an_old_offset_with_seconds_still_names_the_same_moment() -> None:
    moment = -5_000_000_000
    for zone in ("Europe/Berlin", "America/New_York"):
        (text,) = values(pa.array([moment], pa.timestamp("s", zone)))
        assert dt.datetime.fromisoformat(text).timestamp() == moment
        assert len(text) == len("1811-07-23T16:00:00+00:53")


def test_uuids_are_text_and_other_extension_types_their_storage() -> None:
    assert values(pa.array([b"\x01" * 16, None], pa.uuid())) == ["01010101-0101-0101-0101-010101010101", None]
    assert values(pa.array(['{"a": 1}'], pa.json_())) == ['{"a": 1}']


def test_a_map_with_struct_keys_has_their_json_as_names() -> None:
    kind = pa.map_(pa.struct([("a", pa.string())]), pa.int64())
    assert values(pa.array([[({"a": 'x"y'}, 1)]], kind)) == [{'{"a":"x\\"y"}': 1}]


def test_a_map_with_numbers_as_keys_has_their_text_as_names() -> None:
    keys = [0.5, math.nan, -math.inf, -0.0, 1.0]
    (names,) = values(pa.array([[(key, 1) for key in keys]], pa.map_(pa.float64(), pa.int64())))
    assert [*map(str, map(float, names))] == [*map(str, keys)]
    assert values(pa.array([[(2**63 - 1, 1)]], pa.map_(pa.int64(), pa.int64()))) == [{str(2**63 - 1): 1}]


def test_of_equal_keys_in_a_map_the_last_counts() -> None:
    assert values(pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64()))) == [{"a": 2}]


def test_an_interval_is_its_months_days_and_nanoseconds() -> None:
    assert values(pa.array([pa.MonthDayNano([1, -2, 2**62]), None])) == [[1, -2, 2**62], None]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"]), "the file"),
        (column(pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])), "a struct"),
    ],
)
def test_two_columns_of_one_name_are_an_error_of_the_data(rows: pa.RecordBatch, place: str) -> None:
    with pytest.raises(DataError, match=f"{place}: expected columns of different names, found `id` more than once"):
        render(rows, 0, TEMPLATE)


def test_the_facts_of_the_file_win_over_columns_of_their_name() -> None:
    rows = pa.RecordBatch.from_arrays([pa.array(["old"]), pa.array([7]), pa.array([1])], names=["url", "row", "n"])
    text = bytes(render(rows, 0, Template("s", None, 1, {"url": '"new"'}, "row"))).decode()
    assert text.count('"url":') == text.count('"row":') == 1
    assert json.loads(text)["record"]["data"] == {"n": 1, "row": 1, "url": "new"}


def test_rows_are_numbered_from_the_number_of_the_first() -> None:
    template = Template("s", "n", 1, {"url": '"u"'}, row_number="row")
    found = records(column(pa.array(["a", "b"])), template, first_row=41)
    assert [record["data"] for record in found] == [
        {"c": "a", "row": 42, "url": "u"},
        {"c": "b", "row": 43, "url": "u"},
    ]
    assert {record["namespace"] for record in found} == {"n"}


@pytest.mark.parametrize("row_number", [None, "row"])
def test_wrapped_rows_are_one_object_beside_the_facts_of_the_file(row_number: str | None) -> None:
    template = Template("s", None, 1, {"url": '"u"'}, row_number, wrapped=True)
    number = {"row": 1} if row_number else {}
    whole = {"data": {"a": 1}, **number, "url": "u"}
    assert records(column(pa.array([1]), "a"), template)[0]["data"] == whole
    assert records(raw(['{"a":1}']), template)[0]["data"] == whole


@pytest.mark.parametrize("row_number", [None, "row"])
@pytest.mark.parametrize("constants", [{}, {"url": '"u"'}])
def test_raw_objects_get_the_fields_of_the_template(constants: dict[str, str], row_number: str | None) -> None:
    texts = ["{}", "{ \t}", '{"a":1.10}', '{"a":"}" }', '{"big":123456789012345678901234567890}']
    found = records(raw(texts), Template("s", None, 1, constants, row_number), first_row=4)
    added = {name: json.loads(value) for name, value in constants.items()}
    for number, (record, text) in enumerate(zip(found, texts, strict=True), start=5):
        assert record["data"] == json.loads(text) | added | ({"row": number} if row_number else {})


def test_raw_values_are_taken_as_they_are() -> None:
    assert [record["data"]["c"] for record in records(raw(['{"a":[1]}', "null", '"x"'], RAW_VALUE))] == [
        {"a": [1]},
        None,
        "x",
    ]


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("wrapped", [False, True])
def test_rows_without_columns_are_records_with_the_facts_of_the_file(rows: int, wrapped: bool) -> None:
    batch = pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
    template = Template("s", None, 1, {"url": '"u"'}, wrapped=wrapped)
    assert [record["data"] for record in records(batch, template)] == [
        ({"data": {}} if wrapped else {}) | {"url": "u"}
    ] * rows


@pytest.mark.parametrize("kind", [kind for kind, _ in PLAIN], ids=str)
def test_an_empty_batch_has_no_lines(kind: pa.DataType) -> None:
    assert records(column(pa.array([], kind))) == []
    assert records(column(pa.array([], pa.list_(kind)))) == []
