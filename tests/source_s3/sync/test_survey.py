"""What a sync finds to do when objects come late, are renamed or replaced, over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from source_s3.schema import LAST_MODIFIED
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.commands import (
    catalog,
    config,
    deleted_keys,
    last_states,
    read,
    read_keys,
    records,
)
from tests.source_s3.sync.buckets import put, remove
from tests.source_s3.sync.listings import answer_listings, list_as


def test_a_multipart_upload_that_began_before_the_last_sync_and_ended_after_it_is_found(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3
) -> None:
    """S3 dates an object by the begin of its upload, the server of the tests by its end: so the listing is mended."""
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key="late.csv")["UploadId"]
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    put(bucket, "early.csv")
    settings = {**config(bucket), "endpoint": proxy.endpoint}
    first = read(tmp_path, settings, catalog())
    assert read_keys(first) == ["early.csv"]

    place = {"Bucket": bucket.name, "Key": "late.csv", "UploadId": upload}
    etag = bucket.client.upload_part(**place, PartNumber=1, Body=b"id\n9\n")["ETag"]
    bucket.client.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]})
    list_as(bucket, proxy, {"late.csv": f"{began:%Y-%m-%dT%H:%M:%S}"})

    second = read(tmp_path, settings, catalog(), last_states(first))
    assert [record["id"] for record in records(second)] == ["9"]
    (told,) = [record["data"][LAST_MODIFIED] for record in second.of("RECORD")]
    assert told == began.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert records(read(tmp_path, settings, catalog(), last_states(second))) == []


def test_objects_of_one_second_are_each_read_once_whenever_they_come(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3
) -> None:
    settings = {**config(bucket), "endpoint": proxy.endpoint}
    states: list[Any] = []
    for keys in (["b.csv"], ["a.csv", "c.csv"], []):
        put(bucket, *keys)
        list_as(bucket, proxy, dict.fromkeys(("a.csv", "b.csv", "c.csv"), "2024-05-01T00:00:00"))
        ended = read(tmp_path, settings, catalog(), states)
        assert read_keys(ended) == keys
        states = last_states(ended)


def test_a_renamed_object_is_deleted_by_its_old_name_and_read_by_its_new_one(tmp_path: Path, bucket: Bucket) -> None:
    put(bucket, "old.csv")
    settings = config(bucket, sync_deletions=True)
    states = last_states(read(tmp_path, settings, catalog()))
    bucket.client.copy_object(Bucket=bucket.name, Key="new.csv", CopySource=f"{bucket.name}/old.csv")
    remove(bucket, "old.csv")

    ended = read(tmp_path, settings, catalog(), states)
    assert (deleted_keys(ended), read_keys(ended)) == (["old.csv"], ["new.csv"])


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
    answer_listings(proxy, page, {})
    time_of = "2024-01-01T00:00:00.000000Z"
    peer = {"history": dict.fromkeys(names, time_of), LAST_MODIFIED: f"{time_of}_{names[-1]}"}
    state = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": peer}}

    ended = read(tmp_path, settings, catalog(), [state])
    assert (ended.code, records(ended), proxy.seen("GET", "csv")) == (0, [], [])
    (ours,) = last_states(ended)
    assert len(json.dumps(ours)) < 16 * len(names)
    again = read(tmp_path, settings, catalog(), [ours])
    assert (again.code, records(again), proxy.seen("GET", "csv")) == (0, [], [])
