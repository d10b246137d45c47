"""JSONL, Avro and Excel."""

import datetime as dt
import decimal
from collections.abc import Mapping, Sequence
from typing import Any

from tests.peer.case import Case, stream
from tests.peer.objects import Avro, Compressed, Excel


def jsonl(name: str, text: str | bytes, **more: Any) -> Case:
    return Case(f"jsonl_{name}", {"a.jsonl": text}, [stream("jsonl", **more)])


JSONL = [
    jsonl("plain", '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    jsonl("all_types", '{"i": 1, "n": 1.5, "b": true, "s": "x", "o": {"k": [1]}, "l": [1, "a"], "z": null}\n'),
    jsonl("types_differ", '{"a": 1, "b": 1, "c": true}\n{"a": 1.5, "b": "x", "c": 1}\n'),
    jsonl("object_and_text", '{"a": {"k": 1}}\n{"a": "x"}\n'),
    jsonl("array_and_text", '{"a": [1]}\n{"a": "x"}\n'),
    jsonl("arrays_differ", '{"a": [1]}\n{"a": ["x"]}\n'),
    jsonl("objects_differ", '{"a": {"k": 1}}\n{"a": {"m": "x"}}\n'),
    jsonl("null_then_object", '{"a": null}\n{"a": {"k": 1}}\n'),
    jsonl("columns_differ", '{"a": 1}\n{"b": 2}\n{"a": null, "c": 3}\n'),
    jsonl("large_numbers", '{"a": 9007199254740993, "b": 12345678901234567890123, "c": 1e300, "d": 0.1}\n'),
    jsonl("unicode", '{"ä": "\\u00e9\\ud83d\\ude00", "b": "日本\\u2028\\n"}\n'),
    jsonl("dates", '{"a": "2024-01-01", "b": "2024-01-01T10:00:00Z", "c": "10:00"}\n'),
    jsonl("blank_lines", '\n{"a": 1}\n\n{"a": 2}\n\n'),
    jsonl("crlf", '{"a": 1}\r\n{"a": 2}\r\n'),
    jsonl("no_last_newline", '{"a": 1}\n{"a": 2}'),
    jsonl("spaces", '  {"a": 1}  \n\t{"a": 2}\n'),
    jsonl("over_lines", '{"a":\n 1}\n{"a": 2,\n"b": {\n"c": 3}}\n'),
    jsonl("two_a_line", '{"a": 1}{"a": 2}\n'),
    jsonl("broken_line", '{"a": 1}\n{"a": \n'),
    jsonl("broken_line_in_the_middle", '{"a": 1}\n{"a": x}\n{"a": 3}\n'),
    jsonl("array_line", "[1, 2]\n"),
    jsonl("number_line", '{"a": 1}\n5\n'),
    jsonl("empty_file", ""),
    jsonl("empty_objects", '{}\n{"a": 1}\n'),
    jsonl("only_nulls", '{"a": null}\n'),
    jsonl("duplicate_names", '{"a": 1, "a": 2}\n'),
    jsonl("nan", '{"a": NaN, "b": 1}\n'),
    jsonl("byte_order_mark", b'\xef\xbb\xbf{"a": 1}\n'),
    jsonl("latin1", '{"a": "\xe9"}\n'.encode("latin1")),
    jsonl("utf16", '{"a": "é"}\n'.encode("utf-16")),
    jsonl("schemaless", '{"a": 1}\n{"b": {"c": null}}\n', schemaless=True),
    jsonl("input_schema", '{"a": 1, "b": "x"}\n{"a": "y", "c": 3}\n', input_schema='{"a": "integer", "b": "string"}'),
    jsonl("input_schema_casts_nothing", '{"a": "1", "b": 2}\n', input_schema='{"a": "integer", "b": "string"}'),
    Case("jsonl_two_files", {"a.jsonl": '{"a": 1}\n', "b.jsonl": '{"a": 1.5, "b": true}\n'}, [stream("jsonl")]),
    Case("jsonl_as_csv", {"a.jsonl": '{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'}, [stream("csv")]),
    Case("jsonl_gz", {"a.jsonl.gz": Compressed('{"a": 1}\n', "gz")}, [stream("jsonl")]),
    Case("jsonl_bz2", {"a.jsonl.bz2": Compressed('{"a": 1}\n', "bz2")}, [stream("jsonl")]),
    Case(
        "jsonl_multiple_streams",
        {"a.jsonl": '{"a": 1}\n', "b.csv": "x\n1\n"},
        [stream("jsonl", globs=["*.jsonl"]), stream("csv", "t", globs=["*.csv"])],
    ),
]

SIMPLE = [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]


def logical(base: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": base, "logicalType": kind, **more}


MOMENT = dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=dt.UTC)
ALL: Mapping[str, tuple[Any, Any]] = {
    "null": ("null", None),
    "boolean": ("boolean", True),
    "int": ("int", -5),
    "long": ("long", 9007199254740993),
    "float": ("float", 1.5),
    "double": ("double", 0.1),
    "string": ("string", "é"),
    "bytes": ("bytes", b"bytes"),
    "fixed": ({"type": "fixed", "name": "four", "size": 4}, b"four"),
    "enum": ({"type": "enum", "name": "suit", "symbols": ["HEART", "SPADE"]}, "SPADE"),
    "array": ({"type": "array", "items": "int"}, [1, 2]),
    "map": ({"type": "map", "values": "int"}, {"k": 1}),
    "record": ({"type": "record", "name": "inner", "fields": [{"name": "x", "type": "int"}]}, {"x": 1}),
    "optional": (["null", "string"], "there"),
    "absent": (["null", "long"], None),
    "union": (["null", "long", "string"], "text"),
    "decimal": (logical("bytes", "decimal", precision=9, scale=4), decimal.Decimal("12345.6789")),
    "date": (logical("int", "date"), dt.date(2024, 2, 29)),
    "time_millis": (logical("int", "time-millis"), dt.time(12, 34, 56, 789000)),
    "time_micros": (logical("long", "time-micros"), dt.time(12, 34, 56, 789012)),
    "timestamp_millis": (logical("long", "timestamp-millis"), MOMENT.replace(microsecond=789000)),
    "timestamp_micros": (logical("long", "timestamp-micros"), MOMENT),
    "local_timestamp_millis": (logical("long", "local-timestamp-millis"), dt.datetime(2024, 2, 29, 12, 34, 56, 789000)),  # noqa: DTZ001
    "local_timestamp_micros": (logical("long", "local-timestamp-micros"), dt.datetime(2024, 2, 29, 12, 34, 56, 789012)),  # noqa: DTZ001
    "uuid": (logical("string", "uuid"), "12345678-1234-5678-1234-567812345678"),
}


def avro(name: str, fields: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], **more: Any) -> Case:
    return Case(f"avro_{name}", {"a.avro": Avro(fields, rows)}, [stream("avro", **more)])


def of_kinds(*names: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return [{"name": name, "type": ALL[name][0]} for name in names], [{name: ALL[name][1] for name in names}]


DOUBLES = [{"name": "d", "type": "double"}, {"name": "f", "type": "float"}]
AVRO = [
    avro("plain", SIMPLE, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    Case("avro_as_csv", {"a.avro": Avro(SIMPLE, [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])}, [stream("csv")]),
    avro("no_rows", SIMPLE, []),
    *[avro(f"type_{name}", *of_kinds(name)) for name in ALL],
    avro("double_as_number", DOUBLES, [{"d": 0.1, "f": 1.5}, {"d": 1e300, "f": 2.0}]),
    avro(
        "double_as_string", DOUBLES, [{"d": 0.1, "f": 1.5}, {"d": 1e300, "f": 2.0}], format={"double_as_string": True}
    ),
    avro("schemaless", SIMPLE, [{"a": 1, "b": "x"}], schemaless=True),
    avro("input_schema", SIMPLE, [{"a": 1, "b": "x"}], input_schema='{"a": "string"}'),
    Case(
        "avro_two_files",
        {
            "a.avro": Avro(SIMPLE, [{"a": 1, "b": "x"}]),
            "b.avro": Avro([SIMPLE[0], {"name": "c", "type": "long"}], [{"a": 2, "c": 3}]),
        },
        [stream("avro")],
    ),
    Case("avro_deflate", {"a.avro": Avro(SIMPLE, [{"a": 1, "b": "x"}], codec="deflate")}, [stream("avro")]),
    Case("avro_not_avro", {"a.avro": "id,name\n"}, [stream("avro")]),
    Case(
        "avro_column_types_differ",
        {"a.avro": Avro(SIMPLE[:1], [{"a": 1}]), "b.avro": Avro([{"name": "a", "type": "string"}], [{"a": "x"}])},
        [stream("avro")],
    ),
]


def excel(name: str, *rows: Sequence[Any], **more: Any) -> Case:
    return Case(f"excel_{name}", {"a.xlsx": Excel({"Sheet": rows})}, [stream("excel", **more)])


EXCEL = [
    excel("plain", ["id", "name"], [1, "Ada"], [2, "Bob"]),
    excel(
        "types",
        ["i", "n", "b", "s", "d", "t", "e"],
        [1, 1.5, True, "x", dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 34, 56), None],  # noqa: DTZ001
        [2, 2.0, False, "y", dt.date(2024, 3, 1), dt.datetime(2024, 3, 1), None],  # noqa: DTZ001
    ),
    excel("mixed_column", ["a"], [1], ["x"], [2.5]),
    excel("mixed_dates", ["a"], [dt.datetime(2024, 2, 29)], ["x"]),  # noqa: DTZ001
    excel("whole_numbers_and_empty_cells", ["a", "b"], [1, "x"], [None, None], [3, "y"]),
    excel("empty_cells", ["a", "b"], [1, None], [None, "y"]),
    excel("empty_rows", ["a", "b"], [1, "x"], [None, None], [2, "y"]),
    excel("times", ["a"], [dt.time(12, 34, 56)]),
    excel("header_of_numbers", [1, 2.5, "x"], [3, 4, 5]),
    excel("header_with_a_gap", ["a", None, "c"], [1, 2, 3]),
    excel("duplicate_header", ["a", "a"], [1, 2]),
    excel("header_only", ["a", "b"]),
    excel("long_numbers", ["a", "b"], [9007199254740991, 0.1]),
    excel("formula", ["a", "b"], [1, "=A2+1"]),
    excel("schemaless", ["a", "b"], [1, "x"], schemaless=True),
    excel("input_schema", ["a", "b"], [1, "x"], input_schema='{"a": "string"}'),
    Case("excel_as_csv", {"a.xlsx": Excel({"Sheet": (["id", "name"], [1, "Ada"], [2, "Bob"])})}, [stream("csv")]),
    Case("excel_two_sheets", {"a.xlsx": Excel({"one": [["a"], [1]], "two": [["b"], [2]]})}, [stream("excel")]),
    Case(
        "excel_two_files",
        {"a.xlsx": Excel({"s": [["a"], [1]]}), "b.xlsx": Excel({"s": [["b"], ["x"]]})},
        [stream("excel")],
    ),
    Case("excel_not_excel", {"a.xlsx": "id,name\n"}, [stream("excel")]),
]

CASES = [*JSONL, *AVRO, *EXCEL]
