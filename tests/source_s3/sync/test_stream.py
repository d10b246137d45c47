"""What a stream reads, sync after sync."""

from typing import Any

import pytest

from source_s3.config import Config
from source_s3.schema import LAST_MODIFIED
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3 import commands
from tests.source_s3.commands import (
    DELETED_AT,
    ROW,
    URL,
    catalog,
    config,
    counts,
    deletes,
    last_states,
    read_keys,
    records,
    statuses,
)
from tests.source_s3.files import parquet
from tests.source_s3.in_process import sync
from tests.source_s3.sync.listings import list_as
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError

TABLES: dict[str, tuple[bytes, ...]] = {  # two rows, three rows, one row
    "csv": (b"id\n1\n2\n", b"id\n4\n5\n6\n", b"id\n7\n"),
    "jsonl": (b'{"id":1}\n{"id":2}\n', b'{"id":4}\n{"id":5}\n{"id":6}', b'{"id":7}\n'),
    "parquet": tuple(parquet({"id": range(count)}) for count in (2, 3, 1)),
}


def state(stream_state: object) -> list[Any]:
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": stream_state}}]


@pytest.mark.parametrize(
    "states",
    [
        [1],
        "text",
        {"history": {}},
        [{"type": "GLOBAL", "global": {"stream_states": []}}],
        state({"done": {"version": 99, "segments": []}}),
        state({"done": {"version": 1, "segments": [{"kind": "exact", "entries": 1, "data": "no"}]}}),
        state({"surprise": 1}),
        state([1]),
        state("text"),
        state({"done": 1}),
        state({"done": {}, "pending": [1]}),
        state({"done": {}, "resume": {"place": 1}}),
        state({"done": {}, "resume": {"key": "a.csv", "fingerprint": 1, "position": 3, "rows": 1}}),
        state({"done": {}, LAST_MODIFIED: 1}),
        state({"history": ["a.csv"]}),
        state({"history": {"a.csv": "yesterday"}}),
    ],
    ids=str,
)
def test_a_state_of_another_shape_is_refused_with_a_remedy(bucket: Bucket, states: Any) -> None:
    bucket.put("a.csv", "id\n1\n")
    parsed = parse_config(Config, config(bucket))
    with pytest.raises(ConfigError, match=r"[Ss]tate.*(Reset|Give|Use)"):
        for _ in read_all(parsed, configured_streams(catalog(), states)):
            pass


@pytest.mark.parametrize("file_type", TABLES)
def test_a_second_sync_reads_what_is_new_or_changed_and_nothing_else(bucket: Bucket, file_type: str) -> None:
    two, three, one = TABLES[file_type]
    settings = config(bucket, file_type=file_type)
    for key in ("changed", "gone", "same"):
        bucket.put(key, two)
    first = sync(settings)
    assert (first.code, read_keys(first), len(records(first))) == (0, ["changed", "gone", "same"], 6)
    bucket.put("changed", three)
    bucket.put("new", one)
    bucket.client.delete_object(Bucket=bucket.name, Key="gone")
    second = sync(settings, last_states(first))
    assert (second.code, read_keys(second), len(records(second))) == (0, ["changed", "new"], 4)
    third = sync(settings, last_states(second))
    assert (third.code, records(third), len(third.of("STATE"))) == (0, [], 1)


@pytest.mark.parametrize("file_type", TABLES)
def test_rows_of_files_that_are_gone_or_shorter_are_deleted_by_object_and_number(
    bucket: Bucket, file_type: str
) -> None:
    two, three, one = TABLES[file_type]
    settings = config(bucket, file_type=file_type, sync_deletions=True)
    bucket.put("gone", two)
    bucket.put("longer", two)
    bucket.put("shorter", three)
    first = sync(settings)
    assert sorted((record[URL], record[ROW]) for record in records(first)) == [
        *[("gone", 1), ("gone", 2), ("longer", 1), ("longer", 2)],
        *[("shorter", 1), ("shorter", 2), ("shorter", 3)],
    ]
    bucket.client.delete_object(Bucket=bucket.name, Key="gone")
    bucket.put("longer", three)
    bucket.put("shorter", one)
    second = sync(settings, last_states(first))
    assert sorted((key[URL], key[ROW]) for key in deletes(second)) == [
        ("gone", 1),
        ("gone", 2),
        ("shorter", 2),
        ("shorter", 3),
    ]
    assert read_keys(second) == ["longer", "shorter"]
    third = sync(settings, last_states(second))
    assert (third.code, records(third)) == (0, [])


def test_a_document_that_is_gone_is_deleted_by_its_key(bucket: Bucket) -> None:
    settings = config(bucket, file_type="documents", sync_deletions=True)
    for key in ("a.md", "b.md"):
        bucket.put(key, f"# {key}")
    first = sync(settings)
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    (deleted,) = records(sync(settings, last_states(first)))
    assert deleted.pop(DELETED_AT) == deleted.pop("_ab_cdc_updated_at")
    assert deleted == {"document_key": "a.md", URL: "a.md"}


def test_without_sync_deletions_what_is_gone_is_forgotten_in_silence(bucket: Bucket) -> None:
    settings = config(bucket, file_type="documents")
    bucket.put("a.md", "# A")
    first = sync(settings)
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    second = sync(settings, last_states(first))
    assert (records(second), last_states(second)[0]["stream"]["stream_state"]["done"]["segments"]) == ([], [])


def test_the_peers_history_is_taken_over_without_reading_again(bucket: Bucket) -> None:
    for key in ("a.csv", "b.csv"):
        bucket.put(key, "id\n1\n")
    listed = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    history = {item["Key"]: item["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000000Z") for item in listed}
    newest = max(history.values())
    state = {"history": history, LAST_MODIFIED: f"{newest}_b.csv"}
    states = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": state}}]
    first = sync(config(bucket), states)
    assert (first.code, records(first)) == (0, [])
    bucket.put("c.csv", "id\n1\n")
    second = sync(config(bucket), last_states(first))
    assert read_keys(second) == ["c.csv"]


def test_a_full_refresh_reads_all_but_in_the_generation_that_was_cut(bucket: Bucket) -> None:
    bucket.put("a.csv", "id\n1\n")
    first = sync(config(bucket), mode="full_refresh", generation_id=7)
    assert read_keys(first) == ["a.csv"]
    states = last_states(first)
    assert records(sync(config(bucket), states, "full_refresh", generation_id=7)) == []
    assert read_keys(sync(config(bucket), states, "full_refresh", generation_id=8)) == ["a.csv"]
    assert read_keys(sync(config(bucket), states, "full_refresh")) == ["a.csv"]


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_statuses_come_in_order_and_states_count_their_records(bucket: Bucket, mode: str) -> None:
    for number in range(3):
        bucket.put(f"{number}.csv", "id\n1\n2\n")
    ended = sync(config(bucket, sync_deletions=True), mode=mode)
    assert statuses(ended) == ["STARTED", "RUNNING", "COMPLETE"]
    found = list(counts(ended))
    assert sum(told for _, told in found) == len(ended.of("RECORD")) == 6
    assert all(counted == told for counted, told in found)


def test_an_object_that_arrives_late_with_an_older_time_is_found(bucket: Bucket, proxy: FaultyS3) -> None:
    settings = config(bucket, endpoint=proxy.endpoint)
    bucket.put("a.csv", "id\n1\n")
    list_as(bucket, proxy, {"a.csv": "2026-01-02T00:00:00"})
    first = sync(settings)
    assert last_states(first)[0]["stream"]["stream_state"][LAST_MODIFIED] == "2026-01-02T00:00:00.000000Z"
    bucket.put("late.csv", "id\n2\n")
    list_as(bucket, proxy, {"a.csv": "2026-01-02T00:00:00", "late.csv": "2020-01-01T00:00:00"})
    second = sync(settings, last_states(first))
    assert read_keys(second) == ["late.csv"]
    assert last_states(second)[0]["stream"]["stream_state"][LAST_MODIFIED] == "2026-01-02T00:00:00.000000Z"


def test_objects_are_read_by_time_and_key(bucket: Bucket, proxy: FaultyS3) -> None:
    for key in ("a.csv", "b.csv", "c.csv", "d.csv"):
        bucket.put(key, "id\n1\n")
    early, late = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    list_as(bucket, proxy, {"a.csv": late, "b.csv": early, "c.csv": late, "d.csv": early})
    ended = sync(config(bucket, endpoint=proxy.endpoint))
    assert [record[URL] for record in records(ended)] == ["b.csv", "d.csv", "a.csv", "c.csv"]


def test_other_options_of_the_format_read_all_again(bucket: Bucket) -> None:
    bucket.put("a.csv", "id;n\n1;2\n")

    def stream(**more: Any) -> dict[str, Any]:
        reading = {"filetype": "csv", "delimiter": more.pop("delimiter", ",")}
        return {**bucket.sign_in(), "streams": [{"name": "files", "format": reading, **more}]}

    first = sync(stream())
    states = last_states(first)
    assert records(first)[0]["id;n"] == "1;2"
    assert records(sync(stream(), states)) == []
    assert records(sync(stream(delimiter=";"), states))[0]["n"] == "2"
    assert len(records(sync(stream(schemaless=True), states))) == 1
    assert len(records(sync(stream(input_schema='{"id;n": "string"}'), states))) == 1
    assert records(sync({**stream(), "sync_deletions": True}, states))[0][ROW] == 1


def test_the_command_reads_once_and_then_nothing(bucket: Bucket, tmp_path: Any) -> None:
    """The same as above as processes, with the state as a file."""
    bucket.put("a.csv", "id\n1\n")
    first = commands.read(tmp_path, config(bucket), catalog())
    second = commands.read(tmp_path, config(bucket), catalog(), last_states(first))
    assert (first.code, second.code) == (0, 0)
    assert (len(records(first)), records(second)) == (1, [])
    assert statuses(second) == ["STARTED", "RUNNING", "COMPLETE"]
