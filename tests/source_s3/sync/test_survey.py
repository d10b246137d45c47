"""What a sync finds to do: the guard before many deletions, changed settings, and what comes late, over HTTP."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from source_s3.config import Config
from source_s3.plan import plans
from source_s3.schema import LAST_MODIFIED
from source_s3.state.settings import changed, changed_columns, settings_of
from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import catalog, config, last_states, logs, read, records, statuses
from vector_ingest.command.spec import parse_config

URL, DELETED_AT = "_ab_source_file_url", "_ab_cdc_deleted_at"
CSV = {"filetype": "csv"}


def stream(bucket: Bucket, more: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """One stream called `files`; `more`: properties of the whole configuration."""
    found = {"name": "files", "globs": ["**"], "format": CSV, **settings}
    return {**bucket.sign_in(), "streams": [found], **(more or {})}


def put(bucket: Bucket, *keys: str) -> None:
    for key in keys:
        bucket.put(key, f"id\n{key}\n")


def remove(bucket: Bucket, *keys: str) -> None:
    bucket.client.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": key} for key in keys]})


def numbered(count: int, folder: str = "") -> list[str]:
    return [f"{folder}{number:02}.csv" for number in range(count)]


def deleted(ended: Ended) -> list[str]:
    return sorted({record[URL] for record in records(ended) if record.get(DELETED_AT)})


def emitted(ended: Ended) -> list[str]:
    return sorted({record[URL] for record in records(ended) if not record.get(DELETED_AT)})


def test_a_listing_that_lost_too_much_stops_the_stream_and_is_let_through_once(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(20))
    settings = config(bucket, sync_deletions=True)
    states = last_states(read(tmp_path, settings, catalog()))
    remove(bucket, *numbered(11))
    put(bucket, "new.csv")

    stopped = read(tmp_path, settings, catalog(), states)
    assert stopped.code == 1
    assert (records(stopped), stopped.of("STATE"), statuses(stopped)) == ([], [], ["STARTED", "INCOMPLETE"])
    (error,) = [trace["error"] for trace in stopped.of("TRACE") if trace["type"] == "ERROR"]
    assert error["failure_type"] == "config_error"
    for part in ("11 of the 20 objects", "50 %", "right to list", "`most_deleted_percent` to 100"):
        assert part in error["message"]

    allowed = read(tmp_path, {**settings, "most_deleted_percent": 100}, catalog(), states)
    assert allowed.code == 0
    assert (deleted(allowed), emitted(allowed)) == (numbered(11), ["new.csv"])
    assert deleted(read(tmp_path, settings, catalog(), last_states(allowed))) == []


@pytest.mark.parametrize(
    ("known", "gone", "percent", "stops"),
    [
        (20, 10, 50, False),
        (20, 11, 50, True),
        (19, 19, 50, False),
        (20, 20, 100, False),
        (20, 20, 99, True),
        (20, 1, 0, True),
        (20, 0, 0, False),
    ],
)
def test_the_guard_allows_up_to_its_share_and_any_of_few_objects(
    tmp_path: Path, bucket: Bucket, known: int, gone: int, percent: int, stops: bool
) -> None:
    put(bucket, *numbered(known))
    settings = config(bucket, sync_deletions=True, most_deleted_percent=percent)
    states = last_states(read(tmp_path, settings, catalog()))
    if gone:
        remove(bucket, *numbered(gone))

    ended = read(tmp_path, settings, catalog(), states)
    assert ended.code == int(stops)
    assert deleted(ended) == ([] if stops else numbered(gone))


def test_without_deletions_an_emptied_bucket_ends_no_stream(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(20))
    states = last_states(read(tmp_path, config(bucket), catalog()))
    remove(bucket, *numbered(20))

    assert read(tmp_path, config(bucket), catalog(), states).code == 0


def test_archived_objects_are_neither_gone_nor_counted_by_the_guard(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(40))
    settings = config(bucket, sync_deletions=True)
    states = last_states(read(tmp_path, settings, catalog()))
    for key in numbered(15):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"id\n1\n", StorageClass="GLACIER")
    remove(bucket, *numbered(40)[-12:])

    first = read(tmp_path, settings, catalog(), states)
    assert (first.code, deleted(first)) == (0, numbered(40)[-12:])

    put(bucket, *numbered(40)[-12:])
    states = last_states(read(tmp_path, settings, catalog(), last_states(first)))
    remove(bucket, *numbered(40)[-13:])
    second = read(tmp_path, settings, catalog(), states)  # 13 of the 25 that can be read: more than half
    assert (second.code, deleted(second)) == (1, [])
    assert "13 of the 25 objects" in str(second.of("TRACE"))


def test_a_narrower_selection_is_named_where_it_would_delete(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(15, "a/"), *numbered(15, "b/"))
    deletions = {"sync_deletions": True}
    states = last_states(read(tmp_path, stream(bucket, deletions), catalog()))

    few = read(tmp_path, stream(bucket, deletions, exclude_globs=["a/0[0-4].csv"]), catalog(), states)
    assert deleted(few) == numbered(5, "a/")
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
    assert (silent.code, deleted(silent)) == (0, [])


def test_changed_settings_of_reading_are_named_once_with_what_they_read_again(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, *numbered(3))
    states = last_states(read(tmp_path, stream(bucket), catalog()))
    other = stream(bucket, format={**CSV, "delimiter": ";"})

    ended = read(tmp_path, other, catalog(), states)
    assert emitted(ended) == numbered(3)
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


def test_a_multipart_upload_that_began_before_the_last_sync_and_ended_after_it_is_found(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3
) -> None:
    """S3 dates an object by the begin of its upload, the server of the tests by its end: so the listing is mended."""
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="late.csv")["UploadId"]
    began = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1.1)
    put(bucket, "early.csv")
    settings = {**config(bucket), "endpoint": proxy.endpoint}
    first = read(tmp_path, settings, catalog())
    assert emitted(first) == ["early.csv"]

    place = {"Bucket": bucket.name, "Key": "late.csv", "UploadId": upload}
    etag = bucket.client.upload_part(**place, PartNumber=1, Body=b"id\n9\n")["ETag"]
    bucket.client.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
    page = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    proxy.rules.append(
        Rule("answer", status=200, body=listing(page, {"late.csv": began}), path="list-type=2", times=None)
    )

    second = read(tmp_path, settings, catalog(), last_states(first))
    assert [record["id"] for record in records(second)] == ["9"]
    (told,) = [record["data"][LAST_MODIFIED] for record in second.of("RECORD")]
    assert told == began.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert records(read(tmp_path, settings, catalog(), last_states(second))) == []


def listing(page: Any, times: Mapping[str, datetime]) -> bytes:
    """A page with other times of some objects."""
    entries = "".join(
        f"<Contents><Key>{item['Key']}</Key><Size>{item['Size']}</Size><ETag>{item['ETag']}</ETag>"
        f"<LastModified>{times.get(item['Key'], item['LastModified']):%Y-%m-%dT%H:%M:%S}.000Z</LastModified></Contents>"
        for item in page
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


def test_objects_of_one_second_are_each_read_once_whenever_they_come(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3
) -> None:
    second = datetime(2024, 5, 1, tzinfo=UTC)
    settings = {**config(bucket), "endpoint": proxy.endpoint}
    states: list[Any] = []
    for keys in (["b.csv"], ["a.csv", "c.csv"], []):
        put(bucket, *keys)
        page = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
        proxy.rules[:] = [
            Rule(
                "answer",
                status=200,
                body=listing(page, dict.fromkeys(("a.csv", "b.csv", "c.csv"), second)),
                path="list-type=2",
                times=None,
            )
        ]
        ended = read(tmp_path, settings, catalog(), states)
        assert emitted(ended) == keys
        states = last_states(ended)


def test_a_renamed_object_is_deleted_by_its_old_name_and_read_by_its_new_one(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, "old.csv")
    settings = config(bucket, sync_deletions=True)
    states = last_states(read(tmp_path, settings, catalog()))
    bucket.client.copy_object(Bucket=bucket.name, Key="new.csv", CopySource=f"{bucket.name}/old.csv")
    remove(bucket, "old.csv")

    ended = read(tmp_path, settings, catalog(), states)
    assert (deleted(ended), emitted(ended)) == (["old.csv"], ["new.csv"])


def test_an_overwrite_of_the_same_size_is_read(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("00.csv", "id\n1\n")
    states = last_states(read(tmp_path, config(bucket), catalog()))
    bucket.put("00.csv", "id\n2\n")

    assert [record["id"] for record in records(read(tmp_path, config(bucket), catalog(), states))] == ["2"]


def test_a_full_history_of_the_peer_reads_nothing_again(tmp_path: Path, bucket: Bucket, proxy: FaultyS3) -> None:
    """It keeps 10,000 names at most."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    names = [f"data/{number:05}.csv" for number in range(10_000)]
    page = [{"Key": name, "Size": 5, "ETag": '"e"', "LastModified": moment} for name in names]
    settings = {**config(bucket), "endpoint": proxy.endpoint}
    proxy.rules.append(Rule("answer", status=200, body=listing(page, {}), path="list-type=2", times=None))
    time_of = "2024-01-01T00:00:00.000000Z"
    peer = {"history": dict.fromkeys(names, time_of), LAST_MODIFIED: f"{time_of}_{names[-1]}"}
    state = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": peer}}

    ended = read(tmp_path, settings, catalog(), [state])
    assert (ended.code, records(ended), proxy.seen("GET", "csv")) == (0, [], [])
    (ours,) = last_states(ended)
    assert len(json.dumps(ours)) < 16 * len(names)
    again = read(tmp_path, settings, catalog(), [ours])
    assert (again.code, records(again), proxy.seen("GET", "csv")) == (0, [], [])
