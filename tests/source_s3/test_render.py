"""Lines against a slow and obvious oracle: Python values by `as_py`, as JSON by Python's own module."""

import base64
import datetime as dt
import decimal
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_s3.render import RAW_OBJECT, RAW_VALUE, Template, render
from vector_ingest.errors import ConfigError, DataError

TEMPLATE = Template("rows", None, 1_700_000_000_000, {"url": '"a.parquet"'})

TIMES = st.datetimes(*map(dt.datetime.fromisoformat, ("0001-01-03", "9999-12-29")))
FINE_TIMES = st.datetimes(*map(dt.datetime.fromisoformat, ("1678-01-01", "2262-01-01")))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def decimals(digits: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda number: decimal.Decimal(f"{number}e{-scale}"))


def narrow(values: st.SearchStrategy[float], kind: type[np.floating[Any]]) -> st.SearchStrategy[Any]:
    return values.map(kind)


SCALARS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    *((kind, st.integers(np.iinfo(kind.to_pandas_dtype()).min, np.iinfo(kind.to_pandas_dtype()).max))
      for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), narrow(st.floats(width=16), np.float16)),
    *((kind, TEXTS) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, st.binary(max_size=8)) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.decimal128(38, 10), decimals(38, 10)),
    (pa.decimal128(10, -3), decimals(10, -3)),
    (pa.decimal256(76, 20), decimals(76, 20)),
    (pa.date32(), st.dates()),
    (pa.date64(), st.dates()),
    (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time32("ms"), st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))),
    (pa.time64("us"), st.times()),
    (pa.time64("ns"), st.times()),
    *((pa.timestamp(unit, zone), FINE_TIMES if unit == "ns" else TIMES)
      for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Europe/Berlin", "+05:30", "America/New_York")),
    *((pa.duration(unit), st.integers(-(2**63), 2**63 - 1)) for unit in ("s", "ms", "us", "ns")),
    (pa.null(), st.none()),
]  # fmt: skip


def nested(inner: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    kind, values = inner
    optional = st.none() | values
    lists = st.lists(optional, max_size=3)
    return st.sampled_from(
        [
            *((make(kind), lists) for make in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)),
            (pa.list_(kind, 2), st.lists(optional, min_size=2, max_size=2)),
            (pa.struct([("a", kind), ('q"b', pa.string())]), st.fixed_dictionaries({"a": optional, 'q"b': TEXTS})),
            (pa.map_(pa.string(), kind), st.dictionaries(TEXTS, optional, max_size=3).map(lambda d: list(d.items()))),
            (pa.map_(pa.int32(), kind), st.dictionaries(st.integers(-9, 9), optional).map(lambda d: list(d.items()))),
        ]
    )


COLUMNS = st.recursive(st.sampled_from(SCALARS), lambda inner: inner.flatmap(nested), max_leaves=3)


@st.composite
def arrays(draw: st.DrawFn, rows: int) -> pa.Array:
    """With nulls, and often a slice of a longer one."""
    kind, values = draw(COLUMNS)
    before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    count = before + rows + after
    optional = values if draw(st.booleans()) else st.none() | values
    array = pa.array(draw(st.lists(optional, min_size=count, max_size=count)), kind)
    if pa.types.is_string(kind) and draw(st.booleans()):
        array = array.dictionary_encode()
    return array.slice(before, rows)


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    rows = draw(st.integers(0, 4))
    columns = draw(st.lists(arrays(rows), min_size=1, max_size=4))
    names = draw(st.lists(TEXTS, min_size=len(columns), max_size=len(columns), unique=True))
    return pa.RecordBatch.from_arrays(columns, names=names)


def expected(value: pa.Scalar) -> Any:
    """The JSON value of one Arrow value."""
    kind = value.type
    if not value.is_valid or pa.types.is_null(kind):
        return None
    if pa.types.is_dictionary(kind):
        return expected(pa.scalar(value.as_py(), kind.value_type))
    if pa.types.is_map(kind):
        return {
            _name(key): expected(item) for key, item in zip(value.values.field(0), value.values.field(1), strict=True)
        }
    if pa.types.is_struct(kind):
        return {field.name: expected(item) for field, item in zip(kind.fields, value.values(), strict=True)}
    if pa.types.is_nested(kind):
        return [expected(item) for item in value.values]
    if pa.types.is_floating(kind):
        return float(value.as_py()) if math.isfinite(value.as_py()) else None
    return expected_text(value)


def _name(key: pa.Scalar) -> str:
    text: str = key.as_py() if pa.types.is_string(key.type) else json.dumps(expected(key))
    return text


def expected_text(value: pa.Scalar) -> Any:
    kind = value.type
    if pa.types.is_timestamp(kind):
        return expected_time(value)
    if pa.types.is_duration(kind):
        return value.value
    if pa.types.is_time(kind):
        time = (dt.datetime.fromisoformat("1970-01-01") + dt.timedelta(microseconds=value.value // 1000)).time()
        return (time if kind.unit == "ns" else value.as_py()).isoformat()
    if pa.types.is_date(kind):
        return value.as_py().isoformat()
    if pa.types.is_decimal(kind):
        return str(value.as_py())
    found = value.as_py()
    return base64.b64encode(found).decode() if isinstance(found, bytes) else found


def expected_time(value: pa.Scalar) -> str:
    """As isoformat; nanoseconds are whole microseconds here. Old offsets lose their seconds, the clock too."""
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[value.type.unit]
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=value.value * 10**6 // per_second)
    if value.type.tz is None:
        return moment.replace(tzinfo=None).isoformat()
    offset = moment.astimezone(pa.lib.string_to_tzinfo(value.type.tz)).utcoffset()
    assert offset is not None
    return moment.astimezone(dt.timezone(dt.timedelta(minutes=offset // dt.timedelta(minutes=1)))).isoformat()


def same(found: Any, wanted: Any, kind: pa.DataType) -> bool:
    """Floats of less than 64 bits have fewer digits in JSON: equal once they have the same width again."""
    if wanted is None or found is None:
        return found is wanted
    if pa.types.is_dictionary(kind):
        return same(found, wanted, kind.value_type)
    if pa.types.is_map(kind):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key], kind.item_type) for key in found)
    if pa.types.is_struct(kind):
        return found.keys() == wanted.keys() and all(same(found[f.name], wanted[f.name], f.type) for f in kind.fields)
    if pa.types.is_nested(kind):
        return len(found) == len(wanted) and all(
            same(a, b, kind.value_type) for a, b in zip(found, wanted, strict=True)
        )
    if pa.types.is_floating(kind):
        narrowed = kind.to_pandas_dtype()
        return bool(narrowed(found) == narrowed(wanted))
    if pa.types.is_timestamp(kind) and kind.tz and not "1970" < wanted[:4] < "2037":
        # Arrow knows no summer time after 2037: another offset, the same moment.
        return dt.datetime.fromisoformat(found) == dt.datetime.fromisoformat(wanted)
    return bool(found == wanted and type(found) is type(wanted))


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
