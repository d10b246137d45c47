"""What a sync says and reads again when settings or columns have changed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from source_s3.config import Config
from source_s3.plan import plans
from source_s3.state.settings import changed, changed_columns, settings_of
from tests.conftest import Bucket
from tests.source_s3.commands import (
    catalog,
    deleted_keys,
    last_states,
    logs,
    read,
    read_keys,
    records,
)
from tests.source_s3.sync.buckets import numbered, put
from vector_ingest.command.spec import parse_config

CSV = {"filetype": "csv"}


def stream(bucket: Bucket, more: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """One stream called `files`; `more`: properties of the whole configuration."""
    found = {"name": "files", "globs": ["**"], "format": CSV, **settings}
    return {**bucket.sign_in(), "streams": [found], **(more or {})}


def test_a_narrower_selection_is_named_where_it_would_delete(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(15, "a/"), *numbered(15, "b/"))
    deletions = {"sync_deletions": True}
    states = last_states(read(tmp_path, stream(bucket, deletions), catalog()))

    few = read(tmp_path, stream(bucket, deletions, exclude_globs=["a/0[0-4].csv"]), catalog(), states)
    assert deleted_keys(few) == numbered(5, "a/")
    assert '`exclude_globs` was not set and is ["a/0[0-4].csv"]' in logs(few)
    assert "Of the 30 objects known, 5 are no longer in it" in logs(few)

    many = read(tmp_path, stream(bucket, deletions, globs=["a/0*"]), catalog(), states)
    assert (many.code, records(many), many.of("STATE")) == (1, [], [])
    assert '`globs` was ["**"] and is ["a/0*"]' in str(many.of("TRACE"))

    tomorrow = {"start_date": "2999-01-01T00:00:00Z", **deletions}
    late = read(tmp_path, stream(bucket, tomorrow), catalog(), states)
    assert late.code == 1
    assert "`start_date` was not set and is" in str(late.of("TRACE"))

    silent = read(tmp_path, stream(bucket, globs=["a/**"]), catalog(), states)
    assert (silent.code, deleted_keys(silent)) == (0, [])


def test_changed_settings_of_reading_are_named_once_with_what_they_read_again(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(3))
    states = last_states(read(tmp_path, stream(bucket), catalog()))
    other = stream(bucket, format={**CSV, "delimiter": ";"})

    ended = read(tmp_path, other, catalog(), states)
    assert read_keys(ended) == numbered(3)
    assert '`format.delimiter` was not set and is ";". So 3 of 3 objects are read again.' in logs(ended)

    again = read(tmp_path, other, catalog(), last_states(ended))
    assert (records(again), "since the last sync" in logs(again)) == ([], False)


SILENT: list[dict[str, Any]] = [
    {"format": {**CSV, "inference_type": "Primitive Types Only"}},
    {"format": {**CSV, "delimiter": ",", "encoding": "UTF-8"}},
    {"validation_policy": "Wait for Discover"},
    {"recent_n_files_to_read_for_schema_discovery": 3},
    {"bad_rows": {"type": "skip"}},
    {"globs": ["**", "*.csv"]},
]


@pytest.mark.parametrize("settings", SILENT, ids=lambda settings: next(iter(settings)))
def test_settings_that_change_no_record_read_nothing_again_and_raise_no_alarm(
    tmp_path: Path, bucket: Bucket, settings: dict[str, Any]
) -> None:
    put(bucket, *numbered(2))
    states = last_states(read(tmp_path, stream(bucket), catalog()))

    ended = read(tmp_path, stream(bucket, **settings), catalog(), states)
    assert (ended.code, records(ended)) == (0, [])
    assert "since the last sync" not in logs(ended)


def plan_of(**settings: Any) -> Any:
    credentials = {"auth_type": "anonymous"}
    found = {"name": "files", "format": CSV, **settings}
    (plan,) = plans(parse_config(Config, {"bucket": "b", "credentials": credentials, "streams": [found]}))
    return plan


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"format": {"filetype": "jsonl"}}, "format.filetype"),
        ({"format": {**CSV, "null_values": ["NA"]}}, "format.null_values"),
        ({"input_schema": '{"id": "integer"}'}, "input_schema"),
        ({"schemaless": True}, "schemaless"),
        ({"validation_policy": "Evolve"}, "validation_policy"),
        ({"hive_partitions": "All Formats"}, "hive_partitions"),
    ],
)
def test_each_setting_that_makes_other_fingerprints_has_a_name(settings: dict[str, Any], name: str) -> None:
    before, after = plan_of(), plan_of(**settings)
    assert before.reading != after.reading
    assert f"`{name}` was" in changed(settings_of(before), settings_of(after), "reading")


def test_the_order_of_an_input_schema_changes_nothing() -> None:
    one, other = (
        plan_of(input_schema=text) for text in ('{"a": "integer", "b": "string"}', '{"b":"string","a":"integer"}')
    )
    assert one.reading == other.reading
    assert settings_of(one) == settings_of(other)


def test_long_settings_are_kept_short_and_still_told_apart() -> None:
    one, other = (plan_of(globs=[*(f"folder-{number}/**" for number in range(500)), last]) for last in ("x", "y"))
    assert len(json.dumps(settings_of(one))) < 400
    assert changed(settings_of(one), settings_of(other), "selection")
    assert not changed(settings_of(one), settings_of(one), "selection")


def with_columns(*names: str) -> dict[str, Any]:
    schema = {"properties": {name: {"type": ["null", "string"]} for name in names}}
    found = catalog()
    found["streams"][0]["stream"]["json_schema"] = schema
    return found


def test_other_columns_of_the_catalog_leave_what_was_read_and_name_the_remedy(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("00.csv", "id,name,mark\n1,a,x\n")
    states = last_states(read(tmp_path, stream(bucket), with_columns("id", "mark")))

    ended = read(tmp_path, stream(bucket), with_columns("id", "name"), states)
    assert records(ended) == []
    assert "columns have changed (new: name (string); no longer: mark (string)). 1 objects" in logs(ended)
    assert "refresh the stream" in logs(ended)
    assert "columns have changed" not in logs(
        read(tmp_path, stream(bucket), with_columns("id", "name"), last_states(ended))
    )


def test_so_many_columns_that_they_are_not_kept_are_still_told_apart() -> None:
    def wide(count: int) -> Any:
        return replace(plan_of(), columns={f"column_{number:04}": frozenset({"string"}) for number in range(count)})

    before, after = settings_of(wide(3000)), settings_of(wide(3001))
    assert len(json.dumps(before)) < 200
    assert changed_columns(before, after) == "other columns"
    assert changed_columns(before, before) == ""


def test_a_state_from_before_settings_were_kept_raises_no_alarm(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, "00.csv")
    (state,) = last_states(read(tmp_path, stream(bucket), catalog()))
    del state["stream"]["stream_state"]["settings"]

    ended = read(tmp_path, stream(bucket), catalog(), [state])
    assert (ended.code, records(ended)) == (0, [])
    assert "settings" in last_states(ended)[0]["stream"]["stream_state"]


def test_changed_settings_are_said_again_where_the_sync_that_read_by_them_was_not_whole(
    tmp_path: Path, bucket: Bucket
) -> None:
    for key in ("00.csv", "01.csv", "02.csv"):
        put(bucket, key)
    states = last_states(read(tmp_path, stream(bucket), catalog()))
    bucket.put("01.csv", "id\n1,2,3\n")  # a row that ends the stream
    other = stream(bucket, schemaless=True)

    failed = read(tmp_path, other, catalog(), states)
    assert failed.code == 1
    put(bucket, "01.csv")
    ended = read(tmp_path, other, catalog(), last_states(failed) or states)
    assert "`schemaless` was not set and is true" in logs(ended)
