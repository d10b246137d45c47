"""Folders `name=value` as columns."""

from datetime import UTC, datetime

import pytest

from source_s3.config import Config
from source_s3.discover import discover
from source_s3.records.partitions import partitions_of
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.source_s3.declared import read, rows, settings
from tests.source_s3.files import parquet
from vector_ingest.command.spec import parse_config


@pytest.mark.parametrize(
    ("key", "member", "wanted"),
    [
        ("a/b.csv", None, {}),
        ("year=2024/month=01/b.csv", None, {"year": "2024", "month": "01"}),
        ("in/city=S%C3%A3o%20Paulo/x=/b.csv", None, {"city": "São Paulo", "x": ""}),
        ("a=b=c/d%3D=1/=x/b", None, {"a": "b=c", "d=": "1"}),
        ("day=1/day=2/part=3.csv", None, {"day": "2"}),
        ("day=__HIVE_DEFAULT_PARTITION__/b", None, {"day": None}),
        ("day=1/a.zip", "hour=2/b.csv", {"day": "1", "hour": "2"}),
    ],
)
def test_the_folders_of_a_key_are_taken_apart(key: str, member: str | None, wanted: dict[str, str | None]) -> None:
    assert partitions_of(S3Object(key, 1, datetime.now(UTC), "e", member=member)) == wanted


def test_parquet_files_have_their_folders_as_columns_and_discover_finds_them(bucket: Bucket) -> None:
    bucket.put("year=2024/a.parquet", parquet({"id": [1]}))
    bucket.put("year=2025/kind=x%22y/a.parquet", parquet({"id": [2]}))
    config = settings(bucket, "parquet")
    (stream,) = discover(parse_config(Config, config))
    types = {name: value["type"] for name, value in stream["json_schema"]["properties"].items()}
    assert types["year"] == types["kind"] == ["null", "string"]
    assert rows(read(config)) == [{"id": 1, "year": "2024"}, {"id": 2, "year": "2025", "kind": 'x"y'}]


@pytest.mark.parametrize(("choice", "found"), [("All Formats", {"id": "1", "y": "2"}), ("Parquet Only", {"id": "1"})])
def test_other_formats_have_them_if_asked_for(bucket: Bucket, choice: str, found: dict[str, str]) -> None:
    bucket.put("y=2/a.csv", "id\n1\n")
    assert rows(read(settings(bucket, hive_partitions=choice))) == [found]


def test_parquet_has_none_if_not_wanted(bucket: Bucket) -> None:
    bucket.put("y=2/a.parquet", parquet({"id": [1]}))
    assert rows(read(settings(bucket, "parquet", hive_partitions="None"))) == [{"id": 1}]


def test_the_partition_wins_over_the_files_column(bucket: Bucket) -> None:
    bucket.put("y=2/a.parquet", parquet({"id": [1], "y": [7]}))
    ended = read(settings(bucket, "parquet"))
    assert rows(ended) == [{"id": 1, "y": "2"}]


@pytest.mark.parametrize("columns", [None, {"id": "integer"}])
def test_json_lines_have_them_as_members(bucket: Bucket, columns: dict[str, str] | None) -> None:
    bucket.put("y=2/z=__HIVE_DEFAULT_PARTITION__/a.jsonl", '{"id": 1 }\n{}\n')
    ended = read(settings(bucket, "jsonl", hive_partitions="All Formats"), columns)
    assert rows(ended) == [{"id": 1, "y": "2", "z": None}, {"y": "2", "z": None}]


@pytest.mark.parametrize(("file_type", "content"), [("jsonl", '{"id":1}'), ("csv", "id\n1\n")])
def test_they_are_inside_of_data_in_a_stream_without_schema(bucket: Bucket, file_type: str, content: str) -> None:
    bucket.put("y=2/a", content)
    (found,) = rows(read(settings(bucket, file_type, hive_partitions="All Formats", schemaless=True)))
    assert set(found) == {"data"}
    assert found["data"]["y"] == "2"


def test_a_partition_that_the_catalog_lacks_is_a_column_like_others(bucket: Bucket) -> None:
    bucket.put("y=2/a.parquet", parquet({"id": [1]}))
    assert rows(read(settings(bucket, "parquet"), {"id": "integer"})) == [{"id": 1}]
    assert rows(read(settings(bucket, "parquet", validation_policy="Skip Record"), {"id": "integer"})) == []
    evolved = read(settings(bucket, "parquet", validation_policy="Evolve"), {"id": "integer"})
    assert rows(evolved) == [{"id": 1, "_ab_additional_properties": {"y": "2"}}]
