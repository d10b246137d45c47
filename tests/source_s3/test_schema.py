"""Properties of Arrow types, of parsed rows, and of two files together."""

import json
from typing import Any

import pyarrow as pa
import pytest

from source_s3.render.lines import Template, render
from source_s3.schema import declared, merge, properties_of, properties_of_rows, stream_schema
from tests.source_s3.render.arrow_rows import table

TEXT: dict[str, Any] = {"type": ["null", "string"]}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (pa.bool_(), {"type": ["null", "boolean"]}),
        (pa.uint64(), {"type": ["null", "integer"]}),
        (pa.duration("s"), {"type": ["null", "integer"]}),
        (pa.float16(), {"type": ["null", "number"]}),
        (pa.decimal256(50, 2), TEXT),
        (pa.null(), {"type": ["null"]}),
        (pa.string_view(), TEXT),
        (pa.binary(4), TEXT),
        (pa.uuid(), TEXT),
        (pa.json_(), TEXT),
        (pa.time64("us"), TEXT),
        (pa.date32(), {**TEXT, "format": "date"}),
        (pa.timestamp("ns"), {**TEXT, "format": "date-time", "airbyte_type": "timestamp_without_timezone"}),
        (pa.timestamp("s", "UTC"), {**TEXT, "format": "date-time", "airbyte_type": "timestamp_with_timezone"}),
        (pa.dictionary(pa.int32(), pa.float64()), {"type": ["null", "number"]}),
        (pa.list_(pa.int64()), {"type": ["null", "array"]}),
        (pa.list_(pa.int64(), 2), {"type": ["null", "array"]}),
        (pa.large_list_view(pa.int64()), {"type": ["null", "array"]}),
        (pa.map_(pa.string(), pa.int64()), {"type": ["null", "object"]}),
        (pa.struct([("a", pa.int64())]), {"type": ["null", "object"]}),
        (pa.bool8(), {"type": ["null", "boolean"]}),
        (pa.run_end_encoded(pa.int32(), pa.date32()), {**TEXT, "format": "date"}),
        (pa.month_day_nano_interval(), {"type": ["null", "array"]}),
        (
            pa.dense_union([pa.field("a", pa.string()), pa.field("b", pa.int64())]),
            {"type": ["null", "integer", "string"]},
        ),
    ],
    ids=str,
)
def test_each_arrow_type_has_the_json_type_it_is_written_as(kind: pa.DataType, wanted: dict[str, Any]) -> None:
    assert properties_of(pa.schema([("c", kind)])) == {"c": wanted}


def test_the_json_type_of_any_value_is_among_its_columns_types() -> None:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    for seed in range(500):
        rows = table(seed)
        properties = properties_of(rows.schema)
        for line in bytes(render(rows, 0, Template("s", None, 1, {}))).decode().split("\n")[:-1]:
            for name, value in json.loads(line)["record"]["data"].items():
                found = "null" if value is None else names[type(value)]
                types = properties[name]["type"]
                assert found in types or (found == "integer" and "number" in types), (seed, name, value)


def test_a_column_of_two_files_has_the_types_of_both() -> None:
    def merged(one: pa.DataType, other: pa.DataType) -> dict[str, Any]:
        return merge(properties_of(pa.schema([("c", one)])), properties_of(pa.schema([("c", other)])))["c"]

    assert merged(pa.int64(), pa.float64()) == {"type": ["null", "number"]}
    assert merged(pa.int64(), pa.string()) == TEXT
    assert merged(pa.date32(), pa.timestamp("s")) == TEXT
    assert merged(pa.date32(), pa.date64()) == {**TEXT, "format": "date"}
    assert merged(pa.null(), pa.int64()) == merged(pa.int64(), pa.null()) == {"type": ["null", "integer"]}


def test_merging_changes_neither_of_the_two() -> None:
    one, other = {"a": {"type": ["null", "integer"]}}, {"a": {"type": ["null", "number"]}, "b": TEXT}
    assert merge(one, other) == {"a": {"type": ["null", "number"]}, "b": TEXT}
    assert one == {"a": {"type": ["null", "integer"]}}


def test_rows_give_a_property_for_each_name() -> None:
    found = properties_of_rows([{"a": 1, "b": None}, {"a": 1.5, "c": {"d": 1}}])
    assert found == {"a": {"type": ["null", "number"]}, "b": {"type": ["null"]}, "c": {"type": ["null", "object"]}}


def test_the_schema_of_a_stream_has_the_facts_of_the_file_last() -> None:
    found = stream_schema({"a": TEXT, "_ab_source_file_url": {"type": ["null", "integer"]}}, {"row": TEXT})
    assert found["properties"]["_ab_source_file_url"] == TEXT
    assert set(found["properties"]) == {"a", "row", "_ab_source_file_url", "_ab_source_file_last_modified"}


def test_the_wider_of_two_plain_types_counts_and_others_stand_side_by_side() -> None:
    def merged(*kinds: str) -> list[str]:
        both: dict[str, Any] = {}
        for kind in kinds:
            both = merge(both, {"c": {"type": kind}})
        found: list[str] = both["c"]["type"]
        return found

    assert merged("boolean", "integer") == merged("integer", "boolean") == ["null", "integer"]
    assert merged("string", "number", "boolean") == ["null", "string"]
    assert merged("array", "integer", "number") == ["null", "number", "array"]
    assert merged("object", "string", "array") == ["null", "string", "array", "object"]


def test_members_and_elements_are_merged_like_columns() -> None:
    one = {"type": ["null", "object"], "properties": {"a": {"type": "integer"}, "b": TEXT}, "title": "x"}
    other = {"type": ["null", "object"], "properties": {"a": {"type": "number"}, "c": TEXT}, "title": "y"}
    assert merge({"c": one}, {"c": other})["c"] == {
        "type": ["null", "object"],
        "properties": {"a": {"type": ["null", "number"]}, "b": TEXT, "c": TEXT},
    }
    lists = [{"type": ["null", "array"], "items": {"type": kind}} for kind in ("integer", "string")]
    assert merge({"c": lists[0]}, {"c": lists[1]})["c"]["items"] == TEXT
    assert merge({"c": one}, {"c": {"type": "object"}})["c"] == {"type": ["null", "object"]}


def test_a_column_without_values_is_text() -> None:
    assert stream_schema(properties_of(pa.schema([("c", pa.null())])), {})["properties"]["c"] == TEXT


@pytest.mark.parametrize(
    ("json_schema", "wanted"),
    [
        ({}, {}),
        ({"properties": None}, {}),
        ({"properties": {"data": {"type": "object"}, "_ab_source_file_url": TEXT}}, {}),
        ({"properties": {"a": {"type": "integer"}, "b": TEXT}}, {"a": {"integer"}, "b": {"string"}}),
        ({"properties": {"a": {}, "b": {"type": ["null"]}}}, {"a": set(), "b": set()}),
    ],
)
def test_a_catalog_declares_the_types_of_columns(json_schema: dict[str, Any], wanted: dict[str, set[str]]) -> None:
    assert declared(json_schema) == wanted
