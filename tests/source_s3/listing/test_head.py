"""Objects named by their keys, or by a list, are read with the right to get them alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.destination_commands import run
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import DELETED_AT, URL, arguments, catalog, last_states, read, records, statuses


@pytest.fixture
def proxy_that_lists_nothing(proxy: FaultyS3) -> FaultyS3:
    """Whoever asks it may list nothing."""
    proxy.rules.append(Rule("answer", status=403, code="AccessDenied", path="list-type=2", times=None))
    return proxy


def config(bucket: Bucket, proxy: FaultyS3, *globs: str, **more: Any) -> dict[str, Any]:
    stream = {"name": "files", "globs": list(globs) or ["**"], "format": {"filetype": "csv"}, **more}
    return {**bucket.sign_in(), "endpoint": proxy.endpoint, "streams": [stream], "sync_deletions": True}


def check(folder: Path, settings: Mapping[str, Any]) -> Any:
    (answer,) = run(arguments(folder, "check", settings)).of("CONNECTION_STATUS")
    return answer


def test_objects_named_by_key_are_checked_read_and_deleted_without_a_listing(
    bucket: Bucket, proxy_that_lists_nothing: FaultyS3, tmp_path: Path
) -> None:
    bucket.put("a.csv", "id\n1\n")
    bucket.put("in/b.csv", "id\n2\n3\n")
    bucket.put("a.csv.old", "id\n9\n")
    settings = config(bucket, proxy_that_lists_nothing, "a.csv", "in/b.csv", "not/there.csv")
    assert check(tmp_path, settings) == {"status": "SUCCEEDED"}
    first = read(tmp_path, settings, catalog())
    assert (first.code, [record["id"] for record in records(first)]) == (0, ["1", "2", "3"])
    assert proxy_that_lists_nothing.seen("GET", "list-type") == []
    bucket.client.delete_object(Bucket=bucket.name, Key="a.csv")
    second = read(tmp_path, settings, catalog(), last_states(first))
    assert [(record[URL], bool(record[DELETED_AT])) for record in records(second)] == [("a.csv", True)]
    assert records(read(tmp_path, settings, catalog(), last_states(second))) == []


def test_objects_of_a_list_are_checked_and_read_without_a_listing(
    bucket: Bucket, proxy_that_lists_nothing: FaultyS3, tmp_path: Path
) -> None:
    bucket.put("a.csv", "id\n1\n")
    bucket.put("list", "uri\na.csv\n")
    settings = config(bucket, proxy_that_lists_nothing, manifest=f"s3://{bucket.name}/list")
    assert check(tmp_path, settings) == {"status": "SUCCEEDED"}
    assert [record["id"] for record in records(read(tmp_path, settings, catalog()))] == ["1"]


def test_a_pattern_needs_the_right_to_list(bucket: Bucket, proxy_that_lists_nothing: FaultyS3, tmp_path: Path) -> None:
    bucket.put("a.csv", "id\n1\n")
    answer = check(tmp_path, config(bucket, proxy_that_lists_nothing, "a.csv", "b*.csv"))
    assert answer["status"] == "FAILED"
    assert "s3:ListBucket" in answer["message"]


def test_what_is_answered_with_403_is_never_taken_for_gone(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    """Without the right to list, a missing object is answered so, too: the message says both."""
    bucket.put("a.csv", "id\n1\n")
    bucket.put("b.csv", "id\n1\n")
    settings = config(bucket, proxy, "a.csv", "b.csv")
    first = read(tmp_path, settings, catalog())
    proxy.rules.append(Rule("answer", status=403, method="HEAD", path="/b.csv", times=None))
    second = read(tmp_path, settings, catalog(), last_states(first))
    assert (second.code, records(second), statuses(second)[-1]) == (1, [], "INCOMPLETE")
    message = second.error()["message"]
    for part in (f"s3://{bucket.name}/b.csv", "403", "grant s3:GetObject", "not there", "s3:ListBucket"):
        assert part in message
    assert "403" in check(tmp_path, config(bucket, proxy, "b.csv"))["message"]


def test_objects_of_a_bucket_that_is_gone_are_not_taken_for_gone(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    """HeadObject answers 404 for it as for a missing object, and its answer has no body that could tell."""
    bucket.put("a.csv", "id\n1\n")
    settings = config(bucket, proxy, "a.csv")
    first = read(tmp_path, settings, catalog())
    bucket.client.delete_object(Bucket=bucket.name, Key="a.csv")
    bucket.client.delete_bucket(Bucket=bucket.name)
    second = read(tmp_path, settings, catalog(), last_states(first))
    assert (second.code, records(second)) == (1, [])
    assert "NoSuchBucket" in second.error()["message"]


def test_a_store_that_contradicts_itself_is_asked_again_later(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    bucket.put("a.csv", "id\n1\n")
    proxy.rules.append(Rule("answer", status=404, method="HEAD", path="/a.csv", times=None))
    ended = read(tmp_path, config(bucket, proxy, "a.csv"), catalog())
    assert (ended.code, ended.error()["failure_type"]) == (1, "transient_error")


def test_where_no_named_object_is_there_the_check_says_so(
    bucket: Bucket, proxy_that_lists_nothing: FaultyS3, tmp_path: Path
) -> None:
    answer = check(tmp_path, config(bucket, proxy_that_lists_nothing, "a.csv"))
    assert answer["status"] == "FAILED"
    assert "no object" in answer["message"]
    assert "a.csv" in answer["message"]
