"""Schemas from samples of a bucket's files."""

import io
import logging
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from pyarrow import orc

from source_s3.config import Config
from source_s3.discover import discover
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.declared import changes, read, rows, settings
from tests.source_s3.files import parquet
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError, DataError

FACTS = {"_ab_source_file_last_modified", "_ab_source_file_url"}


def types(config: Any, stream: str = "files") -> dict[str, Any]:
    """JSON types by column, without the facts of the file."""
    found = {entry["name"]: entry["json_schema"]["properties"] for entry in discover(parse_config(Config, config))}
    return {name: value["type"] for name, value in found[stream].items() if name not in FACTS}


def test_the_columns_of_all_sampled_files_are_merged(bucket: Bucket) -> None:
    bucket.put("a", '{"a":1,"b":true,"c":null,"d":1}')
    bucket.put("b", '{"a":1.5,"b":"x","c":null,"d":{"x":1},"e":[1]}')
    assert types(settings(bucket, "jsonl")) == {
        "a": ["null", "number"],
        "b": ["null", "string"],
        "c": ["null", "string"],
        "d": ["null", "integer", "object"],
        "e": ["null", "array"],
    }


def test_a_stated_number_of_the_newest_files_is_read(bucket: Bucket, proxy: FaultyS3) -> None:
    for number in range(13):
        bucket.put(f"{number:02}", f'{{"c{number:02}":1}}')
    through = {**settings(bucket, "jsonl"), "endpoint": proxy.endpoint}
    assert set(types(through)) == {f"c{number:02}" for number in range(3, 13)}
    through["streams"][0]["recent_n_files_to_read_for_schema_discovery"] = 12
    assert set(types(through)) == {f"c{number:02}" for number in range(1, 13)}


def test_the_first_file_alone_decides_if_so_wanted(bucket: Bucket) -> None:
    bucket.put("a", '{"a":1}')
    bucket.put("b", '{"b":1}')
    config = settings(bucket, "jsonl", use_first_found_file_for_schema_discovery=True)
    assert types(config) == {"a": ["null", "integer"]}


def test_streams_are_told_in_the_order_of_the_configuration(bucket: Bucket) -> None:
    names = [f"s{number}" for number in range(9)]
    streams = []
    for name in names:
        bucket.put(f"{name}/a", f'{{"{name}":1}}')
        streams.append({"name": name, "globs": [f"{name}/*"], "format": {"filetype": "jsonl"}})
    found = discover(parse_config(Config, {**bucket.sign_in(), "streams": streams}))
    assert [stream["name"] for stream in found] == names
    assert all(stream["name"] in stream["json_schema"]["properties"] for stream in found)


def test_a_sampled_file_that_cant_be_read_is_named(bucket: Bucket) -> None:
    bucket.put("a", parquet({"id": [1]}))
    bucket.put("broken", "no parquet at all")
    with pytest.raises(DataError, match=rf"s3://{bucket.name}/broken.*expected Parquet"):
        types(settings(bucket, "parquet"))


def test_a_stream_without_files_has_the_one_column_data_and_reads_those_that_come_later(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert types(settings(bucket)) == {"data": "object"}
    assert "no objects to take a schema from" in caplog.text
    bucket.put("a", "id\n1\n")
    assert rows(read(settings(bucket), {"data": ["object"]})) == [{"id": "1"}]


@pytest.mark.parametrize("more", [{}, {"input_schema": '{"id": "integer"}'}])
def test_a_stream_without_schema_has_one_object_a_row(bucket: Bucket, more: dict[str, Any]) -> None:
    bucket.put("a", "id\n1\n")
    config = settings(bucket, schemaless=True, **more)
    assert types(config) == {"data": "object"}
    assert rows(read(config, {"data": ["object"]})) == [{"data": {"id": "1"}}]


def test_evolving_adds_the_field_for_what_does_not_fit(bucket: Bucket) -> None:
    bucket.put("a", '{"a":1}')
    found = types(settings(bucket, "jsonl", validation_policy="Evolve"))
    assert found == {"a": ["null", "integer"], "_ab_additional_properties": ["null", "object"]}


def test_an_input_schema_is_read_as_people_write_it(bucket: Bucket) -> None:
    found = types(settings(bucket, input_schema='{" id ": " Integer", "price": "FLOAT", "raw": "object"}'))
    assert found == {"id": ["null", "integer"], "price": ["null", "number"], "raw": ["null", "object"]}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ('{"id": {"type": "integer"}}', "expected one of string.*column 'id', found {'type': 'integer'}"),
        ('{"id": "int"}', "expected one of string.*column 'id', found 'int'"),
        ('{" ": "integer"}', "a column without a name"),
        ("id: integer", "found text that is no JSON"),
        ('["id"]', "expected a JSON object of column names and types"),
    ],
)
def test_an_input_schema_of_another_shape_is_refused(bucket: Bucket, schema: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(Config, settings(bucket, input_schema=schema))


def test_text_is_cast_to_the_types_of_the_catalog_and_unknown_columns_are_told_and_left_out(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put("a", 'id,ok,new,list,either\n1,yes,x,"[1, ""a""]",5\n')
    bucket.put("b", "id,newer,new\n2,z,z\n")
    columns = {"id": "integer", "ok": "boolean", "list": "array", "either": ["null", "string", "integer"]}
    with caplog.at_level(logging.WARNING):
        ended = read(settings(bucket), columns)
    assert rows(ended) == [{"id": 1, "ok": True, "list": [1, "a"], "either": "5"}, {"id": 2}]
    told = [record.getMessage() for record in caplog.records if "that the catalog lacks" in record.getMessage()]
    assert sorted(name for name in ("`new`", "`newer`") if any(name in line for line in told)) == ["`new`", "`newer`"]
    assert sum(line.count("`new`") for line in told) == 1


def test_the_catalog_counts_before_the_input_schema(bucket: Bucket) -> None:
    bucket.put("a", "id,b\n1,2\n")
    config = settings(bucket, input_schema='{"id": "integer", "b": "integer"}')
    assert rows(read(config)) == [{"id": 1, "b": 2}]
    assert rows(read(config, {"id": "string"})) == [{"id": "1"}]


@pytest.mark.parametrize(("more", "left"), [({}, {"id"}), ({"input_schema": '{"id": "integer"}'}, {"id", "b"})])
def test_parquet_columns_that_the_catalog_lacks_are_left_out_without_an_input_schema(
    bucket: Bucket, caplog: pytest.LogCaptureFixture, more: dict[str, Any], left: set[str]
) -> None:
    bucket.put("a", parquet({"id": [1], "b": [2]}))
    with caplog.at_level(logging.WARNING):
        (row,) = rows(read(settings(bucket, "parquet", **more), {"id": "integer"}))
    assert set(row) == left
    assert ("left out: `b`" in caplog.text) == (left == {"id"})


def written(file_type: str, rows: list[dict[str, int]]) -> bytes:
    body, table = io.BytesIO(), pa.Table.from_pylist(rows)
    if file_type == "parquet":
        return parquet(table)
    if file_type == "orc":
        orc.write_table(table, body)
    elif file_type == "avro":
        fields = [{"name": name, "type": "long"} for name in table.column_names]
        fastavro.writer(body, {"type": "record", "name": "r", "fields": fields}, rows)
    else:
        pacsv.write_csv(table, body)
    return body.getvalue()


@pytest.mark.parametrize("file_type", ["csv", "parquet", "orc", "avro"])
def test_each_reader_names_the_columns_that_it_leaves_out(
    bucket: Bucket, caplog: pytest.LogCaptureFixture, file_type: str
) -> None:
    bucket.put("a", written(file_type, [{"id": 1, "b": 2, "c": 3}]))
    with caplog.at_level(logging.WARNING):
        assert rows(read(settings(bucket, file_type), {"id": "integer"})) == [{"id": 1}]
    assert "left out: `b`, `c`" in caplog.text


def test_a_catalog_without_any_of_the_files_columns_still_gives_a_record_a_row(bucket: Bucket) -> None:
    bucket.put("a", parquet({"id": [1, 2]}))
    bucket.put("b.txt", "x")
    config = settings(bucket, "parquet", globs=["a"])
    ended = read(config, {"other": "integer"})
    assert rows(ended) == [{}, {}]
    assert changes(ended) == [[], []]
