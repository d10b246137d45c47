"""Every Avro type as the record that Airbyte's source-s3 prints."""

import datetime as dt
import decimal
import io
import math
import uuid
from typing import Any

import pytest

from source_s3.read import avro
from source_s3.read.options import AvroFormat
from tests.source_s3.read.avro_files import batches, lines, record, written

MOMENT = dt.datetime.fromisoformat("2024-07-01T12:30:00.120+00:00")
PLAIN = MOMENT.replace(tzinfo=None)
KEY = uuid.UUID("01020304-0506-0708-090a-0b0c0d0e0f10")


def logical(plain: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": plain, "logicalType": meaning, **more}


def values(kind: Any, rows: list[Any], **options: Any) -> list[Any]:
    content = written(record(("c", kind)), [{"c": value} for value in rows])
    return [line["data"]["c"] for line in lines(batches(content, **options))]


def types(kind: Any, **options: Any) -> Any:
    content = written(record(("c", kind)), [])
    return avro.schema(io.BytesIO(content), AvroFormat(**options))["c"]


CASES: list[tuple[Any, list[Any], list[Any], Any]] = [
    ("boolean", [True, False], [True, False], "boolean"),
    ("int", [2**31 - 1, -(2**31)], [2**31 - 1, -(2**31)], "integer"),
    ("long", [2**63 - 1, -(2**63), 2**53 + 1], [2**63 - 1, -(2**63), 2**53 + 1], "integer"),
    ("double", [0.1, -1e300, 5.0], [0.1, -1e300, 5.0], "number"),
    ("float", [0.5, 0.1], [0.5, 0.10000000149011612], "number"),
    ("string", ['say "no"', "🦀\n", ""], ['say "no"', "🦀\n", ""], "string"),
    ("bytes", [b"ab\xff", b""], ["YWL/", ""], "string"),
    ({"type": "fixed", "name": "F", "size": 3}, [b"ab\xff"], ["YWL/"], "string"),
    ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, ["B", "A"], ["B", "A"], "string"),
    (logical("bytes", "decimal", precision=9, scale=2), [decimal.Decimal("-1.10")], ["-1.10"], "string"),
    (logical("bytes", "decimal", precision=70, scale=0), [decimal.Decimal(-(10**69))], [str(-(10**69))], "string"),
    (logical("bytes", "decimal", precision=90, scale=9), [decimal.Decimal("1E+70")],
     ["1" + "0" * 70 + "." + "0" * 9], "string"),
    (logical("fixed", "decimal", name="D", size=4, precision=9, scale=9), [decimal.Decimal("1E-9")],
     ["1E-9"], "string"),
    (logical("string", "uuid"), [KEY], [str(KEY)], "string"),
    (logical("fixed", "uuid", name="U", size=16), [KEY.bytes], [str(KEY)], "string"),
    (logical("int", "date"), [dt.date(2024, 2, 29)], ["2024-02-29"], "string"),
    (logical("int", "time-millis"), [dt.time(1, 2, 3, 4000)], ["01:02:03.004000"], "string"),
    (logical("long", "time-micros"), [dt.time(1, 2, 3, 4), dt.time(1)], ["01:02:03.000004", "01:00:00"], "string"),
    (logical("long", "timestamp-millis"), [MOMENT, MOMENT.replace(microsecond=0)],
     ["2024-07-01T12:30:00.120+00:00", "2024-07-01T12:30:00.000+00:00"], "string"),
    (logical("long", "timestamp-micros"), [MOMENT], ["2024-07-01T12:30:00.120000+00:00"], "string"),
    (logical("long", "local-timestamp-millis"), [PLAIN], ["2024-07-01T12:30:00.120"], "string"),
    (logical("long", "local-timestamp-micros"), [PLAIN], ["2024-07-01T12:30:00.120000"], "string"),
    (logical("long", "timestamp-nanos"), [10**18 + 1], ["2001-09-09T01:46:40.000000001+00:00"], "string"),
    (logical("fixed", "duration", name="P", size=12), [b"\x01\0\0\0\x02\0\0\0\xff\xff\xff\xff"],
     [{"months": 1, "days": 2, "milliseconds": 2**32 - 1}], "object"),
    (logical("bytes", "unheard-of"), [b"a"], ["YQ=="], "string"),
    ({"type": "array", "items": "long"}, [[1, 2**60], []], [[1, 2**60], []], "array"),
    ({"type": "map", "values": "double"}, [{"a": 1.5, 'q"': 2.5}, {}], [{"a": 1.5, 'q"': 2.5}, {}], "object"),
    (record(("a", "int"), ("t", logical("long", "timestamp-millis")), name="Inner"), [{"a": 1, "t": MOMENT}],
     [{"a": 1, "t": "2024-07-01T12:30:00.120000+00:00"}], "object"),
    (record(name="Empty"), [{}], [{}], "object"),
    ("null", [None], [None], "string"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rows", "wanted", "json_type"), CASES, ids=lambda value: str(value)[:40])
def test_each_type_is_written_as_the_peer_writes_it(kind: Any, rows: list[Any], wanted: Any, json_type: str) -> None:
    assert values(kind, rows) == wanted
    if kind != "null":
        assert values(["null", kind], [None, *rows, None]) == [None, *wanted, None]
        assert values(["null", kind], [None, None]) == [None, None]
        assert values({"type": "array", "items": ["null", kind]}, [[None, rows[0]], []])[1:] == [[]]
        assert types(kind)["type"] == types(["null", kind])["type"] == ["null", json_type]


def test_moments_and_dates_have_their_format_in_the_schema() -> None:
    moment = types(["null", logical("long", "timestamp-micros")])
    assert (moment["format"], moment["airbyte_type"]) == ("date-time", "timestamp_with_timezone")
    assert types(logical("long", "local-timestamp-millis"))["airbyte_type"] == "timestamp_without_timezone"
    assert types(logical("int", "date"))["format"] == "date"


def test_doubles_are_text_where_the_user_wants_it_and_keep_what_is_not_finite() -> None:
    found = values("double", [1.0, 0.1, 1e16, math.nan, -math.inf], double_as_string=True)
    assert found == ["1.0", "0.1", "1e+16", "nan", "-inf"]
    assert types("double", double_as_string=True) == {"type": ["null", "string"]}


def test_what_is_not_finite_is_null_and_named_in_the_record_at_any_depth() -> None:
    schema = record(("a", "double"), ("b", {"type": "array", "items": ["null", "float", "string"]}))
    found = lines(batches(written(schema, [{"a": math.nan, "b": [1.5]}, {"a": 1.0, "b": [math.inf, "x", None]}])))
    assert [line["data"] for line in found] == [{"a": None, "b": [1.5]}, {"a": 1.0, "b": [None, "x", None]}]
    assert [[change["field"] for change in line["meta"]["changes"]] for line in found] == [["a"], ["b"]]


def test_a_union_of_several_types_keeps_each_values_own() -> None:
    inner, other = record(("a", "int"), name="A"), record(("a", logical("int", "date")), name="B")
    union = ["null", "long", "double", "string", "boolean", "bytes", logical("long", "timestamp-millis"),
             logical("int", "date"), inner, other,
             logical("bytes", "decimal", precision=5, scale=2), logical("string", "uuid"),
             {"type": "array", "items": "long"},
             {"type": "map", "values": "string"}]  # fmt: skip
    rows = [None, 2**62, 0.5, "x", True, ("A", {"a": 1}), ("B", {"a": dt.date(2024, 1, 1)}),
            [1], dt.date(2024, 1, 2), decimal.Decimal("1.20"), MOMENT]  # fmt: skip
    wanted = [None, 2**62, 0.5, "x", True, {"a": 1}, {"a": "2024-01-01"},
              [1], "2024-01-02", "1.20", "2024-07-01T12:30:00.120000+00:00"]  # fmt: skip
    assert values(union, rows) == wanted
    assert types(union) == {"type": ["null", "boolean", "integer", "number", "string", "array", "object"]}
    assert values({"type": "map", "values": union}, [{"k": value} for value in rows]) == [
        {"k": value} for value in wanted
    ]


def test_a_named_type_is_the_same_inside_and_outside_of_a_union() -> None:
    fixed = logical("fixed", "decimal", name="D", size=4, precision=9, scale=2)
    key = logical("fixed", "uuid", name="U", size=16)
    nanos = logical("long", "timestamp-nanos")
    schema = record(("d", fixed), ("u", key), ("one", ["null", "D", "string"]), ("two", ["U", "bytes", nanos, "null"]))
    value = decimal.Decimal("1.20")
    rows = [
        {"d": value, "u": KEY.bytes, "one": value, "two": ("U", KEY.bytes)},
        {"d": value, "u": KEY.bytes, "one": "x", "two": 10**9},
        {"d": value, "u": KEY.bytes, "one": None, "two": None},
    ]
    wanted = [("1.20", str(KEY)), ("x", "1970-01-01T00:00:01+00:00"), (None, None)]
    found = [line["data"] for line in lines(batches(written(schema, rows)))]
    assert found == [{"d": "1.20", "u": str(KEY), "one": one, "two": two} for one, two in wanted]


def test_a_type_that_holds_itself_and_a_type_used_twice_are_followed() -> None:
    tree = {"type": "record", "name": "n.s.Node", "fields": [
        {"name": "v", "type": logical("int", "date")},
        {"name": "next", "type": ["null", "n.s.Node"]},
        {"name": "all", "type": {"type": "array", "items": "Node"}},
    ]}  # fmt: skip
    day = dt.date(2024, 1, 1)
    leaf: dict[str, Any] = {"v": day, "next": None, "all": []}
    wanted: dict[str, Any] = {"v": "2024-01-01", "next": None, "all": []}
    schema = record(("one", tree), ("two", ["null", "n.s.Node"]))
    rows = [{"one": {"v": day, "next": leaf, "all": [leaf, leaf]}, "two": leaf}, {"one": leaf, "two": None}]
    found = [line["data"] for line in lines(batches(written(schema, rows)))]
    assert found == [
        {"one": {"v": "2024-01-01", "next": wanted, "all": [wanted, wanted]}, "two": wanted},
        {"one": wanted, "two": None},
    ]
    assert avro.schema(io.BytesIO(written(schema, rows)), AvroFormat())["two"] == {"type": ["null", "object"]}
