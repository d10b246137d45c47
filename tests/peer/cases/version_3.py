"""Configurations of version 3: one stream, described at the top."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.peer.case import Case
from tests.peer.objects import At, Avro, Compressed, Content, Object, Parquet

PROVIDER = {
    "bucket": "{bucket}",
    "endpoint": "{endpoint}",
    "region_name": "us-east-1",
    "aws_access_key_id": "AKIALOOPBACKONLY0000",
    "aws_secret_access_key": "loopback",
}
TABLE = "id,n,flag,word\n1,1.5,true,x\n2,NA,0,\n3,4,False,null\n"
OLD = {"a.csv": TABLE, "in/b.csv": "id,n,flag,word\n4,5,1,NA\n", "in/c.txt": "no table"}
IN_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIALOOPBACKONLY0000", "AWS_SECRET_ACCESS_KEY": "loopback"}


def old(
    name: str,
    objects: Mapping[str, Object],
    filetype: str | None = "csv",
    *,
    provider: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    without: tuple[str, ...] = (),
    format: dict[str, Any] | None = None,  # noqa: A002 (as the property is called)
    **more: Any,
) -> Case:
    reading = {"filetype": filetype, **(format or {})} if filetype else {}
    way = {key: value for key, value in {**PROVIDER, **(provider or {})}.items() if key not in without}
    config = {"dataset": "s", "path_pattern": "**/*.csv", "format": reading, "schema": "{}", "provider": way, **more}
    kept = {key: value for key, value in config.items() if key not in without}
    return Case(name, objects, config=kept, environment=environment or {}, signs_in=False)


def options(name: str, text: str, **format: Any) -> Case:  # noqa: A002
    told = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in format.items()}
    return old(name, {"a.csv": text}, format=told)


KEYS = ("aws_access_key_id", "aws_secret_access_key")
SHAPE = [
    old("plain", OLD),
    old("dataset_other", OLD, dataset="other"),
    old("path_pattern_star", OLD, path_pattern="*.csv"),
    old("path_pattern_two", OLD, path_pattern="a.csv|in/*.csv"),
    old("path_pattern_all", {"a.csv": TABLE}, path_pattern="**"),
    old("schema_given", OLD, schema='{"id": "string", "n": "number"}'),
    old("schema_blank", OLD, schema=""),
    old("schema_missing", OLD, without=("schema",)),
    old("schema_no_json", OLD, schema="nonsense"),
    old("prefix", OLD, provider={"path_prefix": "in/"}),
    old(
        "start_date_before",
        {"a.csv": At("2022-01-01T00:00:00", TABLE)},
        provider={"start_date": "2021-01-01T00:00:00Z"},
    ),
    old(
        "start_date_after", {"a.csv": At("2022-01-01T00:00:00", TABLE)}, provider={"start_date": "2023-01-01T00:00:00Z"}
    ),
    old("start_date_odd", OLD, provider={"start_date": "2021-01-01"}),
    old("bucket_missing", OLD, provider={"bucket": "no-such-bucket-here"}),
    old("bucket_left_out", OLD, without=("bucket",)),
    old("endpoint_closed", OLD, provider={"endpoint": "http://127.0.0.1:9"}),
    old("region_other", OLD, provider={"region_name": "eu-central-1"}),
    old("keys_left_out", OLD, without=KEYS),
    old("keys_in_environment", OLD, without=KEYS, environment=IN_ENVIRONMENT),
    old("secret_left_out", OLD, without=("aws_secret_access_key",)),
    old("key_left_out", OLD, without=("aws_access_key_id",)),
    old("role", OLD, provider={"role_arn": "arn:aws:iam::123456789012:role/reader"}),
    old(
        "role_alone",
        OLD,
        provider={"role_arn": "arn:aws:iam::123456789012:role/reader"},
        without=KEYS,
        environment={**IN_ENVIRONMENT, "AWS_ENDPOINT_URL_STS": "{endpoint}", "AWS_DEFAULT_REGION": "us-east-1"},
    ),
    old("provider_missing", OLD, without=("provider",)),
    old("dataset_missing", OLD, without=("dataset",)),
    old("path_pattern_missing", OLD, without=("path_pattern",)),
    old("format_missing", OLD, without=("format",)),
    old("format_unknown", OLD, "orc"),
    old("format_empty", OLD, None),
]

CSV = [
    options("delimiter_semicolon", "a,b;c\n1,2;3\n", delimiter=";"),
    options("delimiter_comma", "a,b;c\n1,2;3\n"),
    options("infer_datatypes_off", TABLE, infer_datatypes=False),
    options("infer_datatypes_null", TABLE, infer_datatypes=None),
    options("quote_char_single", "a,b\n'x',\"y\"\n", quote_char="'"),
    options("quote_char_usual", "a,b\n'x',\"y\"\n"),
    options("escape_char", 'a,b\n"x\\"y",2\n', escape_char="\\"),
    options("escape_char_none", 'a,b\n"x\\"y",2\n'),
    options("escape_char_blank", 'a,b\n"x\\"y",2\n', escape_char=""),
    options("encoding_latin1", "a\nné\n", encoding="latin1"),
    options("encoding_usual", "a\nné\n"),
    options("double_quote_off", 'a,b\n"x""y",2\n', double_quote=False),
    options("double_quote_usual", 'a,b\n"x""y",2\n'),
    options("newlines_in_values_on", 'a,b\n"x\ny",2\n', newlines_in_values=True),
    options("newlines_in_values_off", 'a,b\n"x\ny",2\n', newlines_in_values=False),
    options("block_size", TABLE, block_size=100),
    options("block_size_nought", TABLE, block_size=0),
    options("reader_options_none", TABLE),
    options(
        "reader_options_nulls", TABLE, additional_reader_options={"null_values": ["x"], "strings_can_be_null": True}
    ),
    options(
        "reader_options_words",
        "a\nja\nnein\n",
        additional_reader_options={"true_values": ["ja"], "false_values": ["nein"]},
    ),
    options("reader_options_unknown", TABLE, additional_reader_options={"shrubbery": 1}),
    options("reader_options_timestamps", TABLE, additional_reader_options={"timestamp_parsers": ["%Y"]}),
    options("reader_options_no_json", TABLE, additional_reader_options="{nonsense"),
    options("advanced_names", "1,2\n3,4\n", advanced_options={"column_names": ["x", "y"]}),
    options(
        "advanced_names_and_generated",
        "1,2\n3,4\n",
        advanced_options={"column_names": ["x", "y"], "autogenerate_column_names": True},
    ),
    options("advanced_generated", "1,2\n3,4\n", advanced_options={"autogenerate_column_names": True}),
    options("advanced_none", "1,2\n3,4\n"),
    options("advanced_skip_rows", "junk\na,b\n1,2\n", advanced_options={"skip_rows": 1}),
    options("advanced_skip_rows_after_names", "a,b\njunk\n1,2\n", advanced_options={"skip_rows_after_names": 1}),
    options(
        "advanced_noops",
        TABLE,
        advanced_options={"auto_dict_encode": True, "timestamp_parsers": ["%Y"], "block_size": 1, "check_utf8": False},
    ),
    options("advanced_check_utf8", TABLE, advanced_options={"check_utf8": True}),
    options("advanced_unknown", TABLE, advanced_options={"shrubbery": 1}),
    options("advanced_no_json", TABLE, advanced_options="{nonsense"),
]

COLUMNS = Parquet({"a": (pa.int64(), [1]), "d": (pa.decimal128(5, 2), [Decimal("1.50")])})
LINES = '{"a": 1}\n{"a": 2, "b": "x"}\n'
ROWS = Avro([{"name": "a", "type": "double"}], [{"a": 0.1}])


def other(name: str, filetype: str, made: Content, **format: Any) -> Case:  # noqa: A002
    return old(f"{filetype}_{name}", {"a": made}, filetype, format=format, path_pattern="**")


FORMATS = [
    other("plain", "parquet", COLUMNS),
    other("columns", "parquet", COLUMNS, columns=["a"]),
    other("batch_size", "parquet", COLUMNS, batch_size=1),
    other("buffer_size", "parquet", COLUMNS, buffer_size=1),
    other("plain", "jsonl", LINES),
    other("newlines_in_values", "jsonl", LINES, newlines_in_values=True),
    other("ignore", "jsonl", LINES, unexpected_field_behavior="ignore"),
    other("behavior_unknown", "jsonl", LINES, unexpected_field_behavior="shrug"),
    other("block_size", "jsonl", LINES, block_size=100),
    other("plain", "avro", ROWS),
    *[
        old(f"{name}_as_{kind}", {"a": made}, kind, path_pattern="**")
        for name, made, kind in (("parquet", COLUMNS, "jsonl"), ("jsonl", LINES, "csv"), ("avro", ROWS, "jsonl"))
    ],
    old("csv_gz", {"a.csv.gz": Compressed(TABLE, "gz")}, path_pattern="**"),
]

CASES = [*SHAPE, *CSV, *FORMATS]
