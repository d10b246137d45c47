"""Lines against an oracle: Python values, and the lines parsed by Python's own module."""

import datetime as dt
import decimal
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from source_s3.render import RAW_OBJECT, RAW_VALUE, Template, render
from tests.source_s3.arrow_rows import SCALARS, batches, expected, same
from vector_ingest.errors import ConfigError, DataError

TEMPLATE = Template("rows", None, 1_700_000_000_000, {"url": '"a.parquet"'})


def holds_non_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return any(holds_non_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(holds_non_finite(item) for item in value)
    return isinstance(value, float | np.floating) and not math.isfinite(value)


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


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches())
def test_any_batch_becomes_the_records_that_python_makes_of_it(rows: pa.RecordBatch) -> None:
    found = records(rows)
    assert len(found) == rows.num_rows
    for number, record in enumerate(found):
        assert record["stream"] == "rows"
        assert record["emitted_at"] == 1_700_000_000_000
        data = {"url": "a.parquet"} | record["data"]
        lost = []
        for name, kind, array in zip(rows.schema.names, rows.schema.types, rows.columns, strict=True):
            assert same(data[name], expected(array[number]), kind), (kind, data[name], array[number])
            if "float" in str(kind) or "double" in str(kind):
                lost += [name] * holds_non_finite(array[number].as_py())
        assert [change["field"] for change in record.get("meta", {}).get("changes", [])] == lost


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
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([pa.MonthDayNano([1, 2, 3])]),
        pa.array([0], pa.timestamp("s", "Mars/Olympus")),
        pa.array([[pa.MonthDayNano([1, 2, 3])]]),
    ],
    ids=str,
)
def test_a_type_without_a_json_form_is_named(array: pa.Array) -> None:
    with pytest.raises(ConfigError, match=r"Arrow type .*(union|interval|Mars)"):
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


@pytest.mark.parametrize("kind", [kind for kind, _ in SCALARS], ids=str)
def test_an_empty_batch_has_no_lines(kind: pa.DataType) -> None:
    assert records(column(pa.array([], kind))) == []
    assert records(column(pa.array([], pa.list_(kind)))) == []
