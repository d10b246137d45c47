"""The form of source-s3, and what becomes of configurations: taken with their meaning, or refused with the reason."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

from source_s3.config import Config, specification
from source_s3.plan import plans
from source_s3.read.options import CsvFormat, JsonlFormat, UserProvided
from tests.contract.form import nodes
from vector_ingest.aws.credentials import IamRole, IamUser
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError

SPEC = json.loads(files("source_s3").joinpath("spec.json").read_text())
FORM = SPEC["connectionSpecification"]
CONNECTOR = Path(__file__).parents[2] / "source-s3"
SECRET = "s3cret-in-the-config"
KEYS = {"auth_type": "iam_user", "aws_access_key_id": "AKIAX", "aws_secret_access_key": SECRET}
SHORT = {"bucket": "b", "credentials": KEYS, "path": "in/", "file_type": "csv"}


def long(*streams: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"bucket": "b", "credentials": KEYS, "streams": list(streams), **more}


def stream(filetype: str = "csv", reading: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "s", "format": {"filetype": filetype, **(reading or {})}, **more}


def test_the_committed_spec_is_that_of_the_model() -> None:
    """To renew it: `make spec`."""
    assert specification() == SPEC


def test_every_property_has_a_title_a_known_group_and_an_order_of_its_own() -> None:
    groups = {group["id"] for group in FORM["groups"]}
    for name, node in FORM["properties"].items():
        assert node["title"], name
        assert node["group"] in groups, name
    orders = [(node["group"], node["order"]) for node in FORM["properties"].values()]
    assert len(orders) == len(set(orders))
    for branch in [
        FORM["properties"]["streams"]["items"],
        *FORM["properties"]["streams"]["items"]["properties"]["format"]["oneOf"],
    ]:
        inner = [node["order"] for node in branch["properties"].values() if "order" in node]
        assert len(inner) == len(set(inner)), branch["title"]


def test_only_the_bucket_and_the_credentials_are_required() -> None:
    assert set(FORM["required"]) == {"bucket", "credentials"}


@pytest.mark.parametrize("name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"])
def test_secrets_are_marked(name: str) -> None:
    found = [node[name] for node in nodes(FORM) if isinstance(node.get(name), dict) and "title" in node[name]]
    assert found
    assert all(node["airbyte_secret"] is True for node in found)


@pytest.mark.parametrize("settings", [SHORT, long(stream(), stream("unstructured", name="t"))])
def test_what_the_model_takes_fits_the_form(settings: Mapping[str, Any]) -> None:
    jsonschema.Draft7Validator(FORM).validate(settings)
    parse_config(Config, settings)


@pytest.mark.parametrize(
    ("path", "glob", "name"),
    [
        ("reports/2026/", "reports/2026/**", "2026"),
        ("/reports/", "reports/**", "reports"),
        ("reports/*.csv", "reports/*.csv", "reports"),
        ("reports/a.csv", "reports/a.csv", "a"),
        ("**", "**", "b"),
        ("/", "**", "b"),
        ("a{b,c}/*.csv", "a{b,c}/*.csv", "b"),
    ],
)
def test_the_short_form_makes_one_stream(path: str, glob: str, name: str) -> None:
    (plan,) = plans(parse_config(Config, {**SHORT, "path": path}))
    assert (plan.name, plan.selection.globs, plan.format) == (name, [glob], CsvFormat())


def test_each_stream_of_the_long_form_keeps_its_settings() -> None:
    header = {"header_definition_type": "User Provided", "column_names": ["a", "b"]}
    settings = long(
        stream(reading={"delimiter": "\\t", "header_definition": header}, globs=["x/*"], primary_key="a, b"),
        stream("jsonl", name="other", legacy_prefix="in/", schemaless=True, input_schema='{"a": "integer"}'),
        start_date="2026-01-02",
    )
    config = parse_config(Config, settings)
    one, other = plans(config)
    assert isinstance(one.format, CsvFormat)
    assert (one.format.delimiter, one.format.header_definition) == ("\t", UserProvided(column_names=["a", "b"]))
    assert (one.selection.globs, one.keys) == (["x/*"], ["a", "b"])
    assert (other.name, other.selection.prefix, other.schemaless, other.types) == (
        "other",
        "in/",
        True,
        {"a": "integer"},
    )
    assert isinstance(other.format, JsonlFormat)
    assert config.start == datetime(2026, 1, 2, tzinfo=UTC)


def test_keys_at_the_top_as_older_versions_of_the_peer_have_them_become_credentials() -> None:
    older = {name: value for name, value in SHORT.items() if name != "credentials"}
    keys = {"aws_access_key_id": "AKIAX", "aws_secret_access_key": SECRET}
    assert isinstance(parse_config(Config, {**older, **keys}).credentials, IamUser)
    role = parse_config(Config, {**older, "role_arn": "arn:aws:iam::1:role/r"}).credentials
    assert isinstance(role, IamRole)
    both = parse_config(Config, {**older, **keys, "role_arn": "arn:aws:iam::1:role/r"}).credentials
    assert both == role  # there, the role counts, and the machine assumes it
    empty = {"aws_access_key_id": "", "role_arn": None}
    assert parse_config(Config, {**SHORT, **empty}) == parse_config(Config, SHORT)


@pytest.mark.parametrize(
    "endpoint", ["", "minio:9000", "http://127.0.0.1:9000/", "https://x.example.com/storage/v1/s3", " https://x "]
)
def test_addresses_of_other_stores_are_taken_with_and_without_scheme_and_path(endpoint: str) -> None:
    assert parse_config(Config, {**SHORT, "endpoint": endpoint}).endpoint == endpoint.strip()


def test_white_space_around_pasted_keys_is_left_out() -> None:
    credentials = parse_config(Config, {**SHORT, "credentials": {**KEYS, "aws_access_key_id": " AKIAX\n"}}).credentials
    assert isinstance(credentials, IamUser)
    assert credentials.aws_access_key_id.get_secret_value() == "AKIAX"


BAD: dict[str, tuple[Mapping[str, Any], str]] = {
    "no bucket": ({"credentials": KEYS, "path": "x", "file_type": "csv"}, "`bucket` is required and missing: add it"),
    "a path as the bucket": ({**SHORT, "bucket": "s3://b/in"}, "`bucket`.*bare name.*'s3://b/in'.*`path`"),
    "kind of credentials": ({**SHORT, "credentials": {**KEYS, "auth_type": "magic"}}, "`credentials`.*expected one of"),
    "no kind of credentials": ({**SHORT, "credentials": {"aws_secret_access_key": SECRET}}, "`credentials`.*auth_type"),
    "half of the keys": (
        {**SHORT, "credentials": {"auth_type": "iam_user", "aws_secret_access_key": SECRET}},
        "`credentials.aws_access_key_id` is required",
    ),
    "half of the older keys": (
        {"bucket": "b", "path": "x", "file_type": "csv", "aws_secret_access_key": SECRET},
        "`aws_access_key_id` is missing beside `aws_secret_access_key`.*credentials",
    ),
    "endpoint of another kind": ({**SHORT, "endpoint": "ftp://x"}, "`endpoint`.*https://host:port"),
    "endpoint with a password": ({**SHORT, "endpoint": f"http://u:{SECRET}@x"}, "`endpoint`.*https://host:port"),
    "nothing to read": ({"bucket": "b", "credentials": KEYS}, "set `path` and `file_type`.*or list `streams`"),
    "no file type": ({"bucket": "b", "credentials": KEYS, "path": "x"}, "set `path` and `file_type`"),
    "both forms": ({**SHORT, "streams": [stream()]}, "`streams` and `path` are both set: keep one"),
    "file type": ({**SHORT, "file_type": "xml"}, "`file_type`.*'csv'"),
    "start date": ({**SHORT, "start_date": "yesterday"}, "`start_date`"),
    "no such day": ({**SHORT, "start_date": "2026-02-31"}, "`start_date`"),
    "one name twice": (long(stream(), stream()), "two streams.*`s`.*another name"),
    "no globs": (long(stream(globs=[])), "`streams.0.globs`"),
    "delimiter": (long(stream(reading={"delimiter": ";;"})), "`streams.0.format.delimiter`.*one ASCII character"),
    "quote": (long(stream(reading={"quote_char": "''"})), "`streams.0.format.quote_char`.*one ASCII character"),
    "encoding": (long(stream(reading={"encoding": "klingon"})), "`streams.0.format.encoding`.*'klingon'"),
    "column names": (
        long(stream(reading={"header_definition": {"header_definition_type": "User Provided"}})),
        "`streams.0.format.header_definition.column_names` is required",
    ),
    "schema": (long(stream(input_schema="id: integer")), "`streams.0.input_schema`.*JSON object"),
    "type in the schema": (long(stream(input_schema='{"id": "int"}')), "`streams.0.input_schema`.*integer"),
    "list as the type": (long(stream(input_schema='{"id": ["null", "string"]}')), "`streams.0.input_schema`.*string"),
    "no name": (long({"format": {"filetype": "csv"}}), "`streams.0.name` is required"),
    "deletions and raw copies": (
        {**SHORT, "sync_deletions": True, "delivery_method": {"delivery_type": "use_file_transfer"}},
        "`sync_deletions`.*`use_file_transfer`.*Turn one of them off",
    ),
    "deletions and a key": (
        long(stream(primary_key="id"), sync_deletions=True),
        "`sync_deletions`.*primary key.*'s'.*[Rr]emove",
    ),
    # What Airbyte's own source-s3 has and this one lacks:
    "ocr": (long(stream("unstructured", {"strategy": "ocr_only"})), "`streams.0.format.strategy`.*'auto'"),
    "hi_res": (long(stream("unstructured", {"strategy": "hi_res"})), "`streams.0.format.strategy`.*'auto'"),
    "remote processing": (
        long(stream("unstructured", {"processing": {"mode": "api", "api_key": SECRET, "api_url": "here"}})),
        "`streams.0.format.processing.api_url`",
    ),
    "other processing": (
        long(stream("unstructured", {"processing": {"mode": "elsewhere"}})),
        "`streams.0.format.processing",
    ),
    "the provider of version 3": ({**SHORT, "provider": {"aws_secret_access_key": SECRET}}, "`provider`.*version 3"),
    "the schema of version 3": ({**SHORT, "schema": '{"id": "integer"}'}, "`schema`.*version 3"),
    "the format of version 3": ({**SHORT, "format": {"filetype": "csv"}}, "`format`.*version 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_configuration_is_refused_with_the_property_the_expectation_and_no_secret(name: str) -> None:
    settings, expected = BAD[name]
    with pytest.raises(ConfigError) as caught:
        parse_config(Config, settings)
    assert re.search(expected, str(caught.value)), str(caught.value)
    assert SECRET not in str(caught.value)


PEER: dict[str, Any] = {  # each property that the form of Airbyte's source-s3 4.16.1 has, with a value taken here
    "start_date": "2021-01-01T00:00:00.000Z",
    "streams": [
        {
            "name": "s",
            "globs": ["**"],
            "legacy_prefix": "",
            "validation_policy": "Emit Record",
            "input_schema": '{"a": "string"}',
            "primary_key": "a",
            "days_to_sync_if_history_is_full": 3,
            "schemaless": False,
            "recent_n_files_to_read_for_schema_discovery": 3,
            "use_first_found_file_for_schema_discovery": False,
            "skip_full_check_for_parquet": False,
            "format": {
                "filetype": "csv",
                "delimiter": ",",
                "quote_char": '"',
                "escape_char": "\\",
                "encoding": "utf8",
                "double_quote": True,
                "null_values": ["NA"],
                "strings_can_be_null": True,
                "skip_rows_before_header": 0,
                "skip_rows_after_header": 0,
                "header_definition": {"header_definition_type": "From CSV"},
                "true_values": ["y"],
                "false_values": ["n"],
                "inference_type": "None",
                "ignore_errors_on_fields_mismatch": False,
            },
        },
        {
            "name": "documents",
            "format": {
                "filetype": "unstructured",
                "skip_unprocessable_files": True,
                "strategy": "fast",
                "processing": {"mode": "local"},
            },
        },
        {"name": "parquet", "format": {"filetype": "parquet", "decimal_as_float": True}},
    ],
    "delivery_method": {"delivery_type": "use_records_transfer"},
    "credentials": KEYS,
    "bucket": "b",
    "endpoint": "",
    "region_name": "eu-central-1",
}


def test_every_property_of_the_peers_form_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    parse_config(Config, PEER)
    assert "not known" not in caplog.text
    jsonschema.Draft7Validator(FORM).validate(PEER)


def test_properties_that_are_not_known_are_named_in_the_log_without_their_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Refusing them would refuse what forms leave behind; passing over a typing error in silence would mislead."""
    parse_config(
        Config,
        long(
            stream(glob=[SECRET], format={"filetype": "csv", "delimter": SECRET}),
            sync_deletion=SECRET,
            provider={"bucket": SECRET},
        ),
    )
    assert "The configuration has properties that are not known and have no effect: provider, sync_deletion." in (
        caplog.messages
    )
    assert (
        "The stream 's' has properties that are not known and have no effect: format.delimter, glob." in caplog.messages
    )
    assert SECRET not in caplog.text


def test_empty_properties_of_version_3_do_no_harm() -> None:
    """The peer's form has defaults for them, and the platform may have stored these."""
    parse_config(Config, {**PEER, "dataset": "", "path_pattern": None, "schema": "{}", "provider": {}})


def test_metadata_is_what_the_registry_expects() -> None:
    metadata = yaml.safe_load((CONNECTOR / "metadata.yaml").read_text())
    ConnectorMetadataDefinitionV0.model_validate(metadata)
    assert (CONNECTOR / metadata["data"]["icon"]).exists()
