"""The guard before many deletions, over HTTP."""

from pathlib import Path

import pytest

from tests.conftest import Bucket
from tests.source_s3.commands import (
    catalog,
    config,
    deleted_keys,
    last_states,
    read,
    read_keys,
    records,
    statuses,
)
from tests.source_s3.sync.buckets import numbered, put, remove


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
    assert (deleted_keys(allowed), read_keys(allowed)) == (numbered(11), ["new.csv"])
    assert deleted_keys(read(tmp_path, settings, catalog(), last_states(allowed))) == []


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
    assert deleted_keys(ended) == ([] if stops else numbered(gone))


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
    assert (first.code, deleted_keys(first)) == (0, numbered(40)[-12:])

    put(bucket, *numbered(40)[-12:])
    states = last_states(read(tmp_path, settings, catalog(), last_states(first)))
    remove(bucket, *numbered(40)[-13:])
    second = read(tmp_path, settings, catalog(), states)  # 13 of the 25 that can be read: more than half
    assert (second.code, deleted_keys(second)) == (1, [])
    assert "13 of the 25 objects" in str(second.of("TRACE"))
