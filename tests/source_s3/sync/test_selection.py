"""What a selection does to whole syncs, through the command: archives, manifests, and nothing to read."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3 import commands
from tests.source_s3.commands import (
    URL,
    arguments,
    catalog,
    deleted_keys,
    last_states,
    logs,
    read_keys,
    records,
    statuses,
)
from tests.source_s3.listing.manifests import as_csv, put_inventory, row


def config(bucket: Bucket, **stream: Any) -> dict[str, Any]:
    chosen = {"name": "files", "globs": ["**/*.csv"], "format": {"filetype": "csv"}, **stream}
    return {**bucket.sign_in(), "streams": [chosen], "sync_deletions": True}


def read(folder: Path, settings: dict[str, Any], after: Ended | None = None) -> Ended:
    return commands.read(folder, settings, catalog(), last_states(after) if after else None)


def freeze(bucket: Bucket, key: str, body: str) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body.encode(), StorageClass="GLACIER")


def test_an_object_that_moves_to_an_archive_is_not_gone_and_is_read_when_it_was_changed_and_restored(
    tmp_path: Path, bucket: Bucket
) -> None:
    bucket.put("a.csv", "id\n1\n")
    bucket.put("b.csv", "id\n1\n")
    settings = config(bucket)
    first = read(tmp_path, settings)
    assert (first.code, read_keys(first)) == (0, ["a.csv", "b.csv"])
    freeze(bucket, "a.csv", "id\n2\n")
    freeze(bucket, "new.csv", "id\n3\n")
    second = read(tmp_path, settings, first)
    assert (second.code, read_keys(second), deleted_keys(second)) == (0, [], [])
    assert "a.csv is in the archive class GLACIER and not restored: it is left out" in logs(second)
    assert "Stream files: 2 objects were left out" in logs(second)
    bucket.client.restore_object(Bucket=bucket.name, Key="a.csv", RestoreRequest={"Days": 1})
    third = read(tmp_path, settings, second)
    assert (third.code, [record["id"] for record in records(third)]) == (0, ["2"])
    bucket.client.delete_object(Bucket=bucket.name, Key="a.csv")
    assert deleted_keys(read(tmp_path, settings, third)) == ["a.csv"]


def test_an_archived_object_ends_the_stream_where_they_are_refused(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("a.csv", "id\n1\n")
    freeze(bucket, "b.csv", "id\n1\n")
    ended = read(tmp_path, config(bucket, archived_objects="Refuse"))
    assert (ended.code, statuses(ended)[-1], records(ended)) == (1, "INCOMPLETE", [])
    assert "b.csv is in the archive class GLACIER and not restored. Restore it, exclude it" in logs(ended)


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_an_archive_that_only_the_reading_tells_of_is_left_to_the_next_sync(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3, size: int
) -> None:
    bucket.put("a.csv", "id\n1\n")
    bucket.put("b.csv", "id\n" + "2" * size + "\n")
    settings = config(bucket) | {"endpoint": proxy.endpoint}
    proxy.rules.append(Rule("answer", status=403, code="InvalidObjectState", path=r"/b\.csv$", times=None))
    first = read(tmp_path, settings)
    assert (first.code, statuses(first)[-1], read_keys(first)) == (0, "COMPLETE", ["a.csv"])
    assert "b.csv is archived and not restored: it is left out" in logs(first)
    refusing = config(bucket, archived_objects="Refuse") | {"endpoint": proxy.endpoint}
    refused = read(tmp_path, refusing)
    assert refused.code == 1
    assert "InvalidObjectState. Restore the object from the archive" in logs(refused)
    proxy.rules.clear()
    assert read_keys(read(tmp_path, settings, first)) == ["b.csv"]


def test_check_and_discover_pass_over_archives_that_only_the_reading_tells_of(
    tmp_path: Path, bucket: Bucket, proxy: FaultyS3
) -> None:
    bucket.put("a.csv", "cold\n1\n")
    bucket.put("b.csv", "id\n1\n")
    settings = config(bucket) | {"endpoint": proxy.endpoint}
    proxy.rules.append(Rule("answer", status=403, code="InvalidObjectState", path=r"/a\.csv$", times=None))
    assert status(tmp_path, settings)["status"] == "SUCCEEDED"
    (message,) = run(arguments(tmp_path, "discover", settings)).of("CATALOG")
    assert {"id"} <= set(message["streams"][0]["json_schema"]["properties"])
    bucket.client.delete_object(Bucket=bucket.name, Key="b.csv")
    failed = status(tmp_path, settings)
    assert failed["status"] == "FAILED"
    assert "can be read: a.csv is archived and not restored. Restore it" in failed["message"]


def status(folder: Path, settings: dict[str, Any]) -> Any:
    (found,) = run(arguments(folder, "check", settings)).of("CONNECTION_STATUS")
    return found


def test_no_object_that_matches_fails_the_check_and_is_an_empty_stream_elsewhere(
    tmp_path: Path, bucket: Bucket
) -> None:
    bucket.put("a.txt", "x")
    settings = config(bucket, exclude_globs=["tmp/**"], max_file_size=5)
    found = status(tmp_path, settings)
    assert found["status"] == "FAILED"
    assert (
        "no object in s3://" + bucket.name + " matches **/*.csv, and not the excluded globs tmp/**, "
        "and the largest size 5. Change the path" in found["message"]
    )
    discovered = run(arguments(tmp_path, "discover", settings))
    (message,) = discovered.of("CATALOG")
    assert (discovered.code, message["streams"][0]["name"]) == (0, "files")
    ended = read(tmp_path, settings)
    assert (ended.code, statuses(ended)[-1], records(ended)) == (0, "COMPLETE", [])
    assert "Stream files: no object matches that could be read" in logs(ended)
    assert read(tmp_path, settings, ended).code == 0


def test_objects_of_an_old_inventory_are_read_as_they_are_now_and_once(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("a.csv", "id\n1\n")
    rows = [row(bucket, "a.csv"), row(bucket, "gone.csv")]
    manifest = put_inventory(bucket, [as_csv(rows)])
    settings = config(bucket, manifest=f"s3://{bucket.name}/{manifest}")
    assert status(tmp_path, settings)["status"] == "SUCCEEDED"
    first = read(tmp_path, settings)
    assert (first.code, [record["id"] for record in records(first)]) == (0, ["1"])
    assert "gone.csv stands in the inventory and is there no longer: it is left out" in logs(first)
    assert records(read(tmp_path, settings, first)) == []
    bucket.put("a.csv", "id\n2\n")
    second = read(tmp_path, settings, first)
    assert [record["id"] for record in records(second)] == ["2"]
    head = bucket.client.head_object(Bucket=bucket.name, Key="a.csv")
    facts = {
        "size": head["ContentLength"],
        "last_modified_date": head["LastModified"],
        "e_tag": head["ETag"].strip('"'),
    }
    put_inventory(bucket, [as_csv([{**row(bucket, "a.csv"), **facts}])])
    assert records(read(tmp_path, settings, second)) == []


def test_objects_of_a_list_are_read_from_other_buckets_too_and_are_gone_when_they_leave_the_list(
    tmp_path: Path, bucket: Bucket
) -> None:
    other = f"{bucket.name}-2"
    bucket.client.create_bucket(Bucket=other)
    bucket.client.put_object(Bucket=other, Key="a.csv", Body=b"id\n2\n")
    bucket.put("a.csv", "id\n1\n")
    bucket.put("list", f"a.csv\ns3://{other}/a.csv\n")
    settings = config(bucket, manifest=f"s3://{bucket.name}/list")
    first = read(tmp_path, settings)
    assert sorted((record["id"], record[URL]) for record in records(first)) == [
        ("1", "a.csv"),
        ("2", f"s3://{other}/a.csv"),
    ]
    bucket.put("list", "a.csv\n")
    second = read(tmp_path, settings, first)
    assert (read_keys(second), deleted_keys(second)) == ([], [f"s3://{other}/a.csv"])
    bucket.put("list", "a.csv\nnone.csv\n")
    third = read(tmp_path, settings, second)
    assert (third.code, statuses(third)[-1]) == (1, "INCOMPLETE")
    assert "list, line 2: names s3://" in logs(third)
