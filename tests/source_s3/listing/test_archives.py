"""The files inside of zip and tar archives as objects of their own, over HTTP."""

import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from source_s3.content.contents import fetch_contents, open_contents
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at
from tests.source_s3.content.packed import by_arrow, tarred, zipped
from tests.source_s3.listing.archives import FILES, METHODS, TARS, contents, listed


@pytest.mark.parametrize("method", METHODS)
def test_the_files_of_a_zip_are_objects(client: Any, bucket: Bucket, method: int) -> None:
    bucket.put("x.zip", zipped({**FILES, "empty.csv": b""}, method))
    found = listed(client, bucket)
    assert contents(client, bucket, found) == {**FILES, "empty.csv": b""}
    assert {item.size for item in found.values()} == {len(content) for content in FILES.values()} | {0}
    assert {item.last_modified for item in found.values()} == {datetime(2024, 5, 6, 7, 8, 10, tzinfo=UTC)}


@pytest.mark.parametrize("key", TARS)
def test_the_files_of_a_tar_are_objects(client: Any, bucket: Bucket, key: str) -> None:
    bucket.put(key, TARS[key]({**FILES, "empty.csv": b""}))
    found = listed(client, bucket)
    assert contents(client, bucket, found) == {**FILES, "empty.csv": b""}
    assert {item.name for item in found.values()} == {f"{key}#{name}" for name in [*FILES, "empty.csv"]}
    assert {item.last_modified for item in found.values()} == {datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("pattern", "members"),
    [
        ("**", 3),
        ("**/*.csv", 3),
        ("data/*", 1),
        ("data/*.csv", 1),
        ("data/*.zip", 3),
        ("data/x.zip", 3),
        ("data/x.zip#folder/**", 2),
        ("data/x.zip#folder/*", 1),
        ("data/x.zip#a.csv", 1),
        ("other/*", 0),
    ],
)
def test_globs_match_the_archive_and_the_path_inside_of_it_or_name_the_archive(
    client: Any, bucket: Bucket, pattern: str, members: int
) -> None:
    bucket.put("data/x.zip", zipped(FILES))
    assert len(listed(client, bucket, pattern)) == members


@pytest.mark.parametrize(
    ("pattern", "members"),
    [("**", 3), ("data/*.tar.gz", 3), ("**/*.csv", 0), ("data/*.tar.gz#**/*.csv", 3), ("data/*.tar.gz#*.csv", 1)],
)
def test_a_tar_is_opened_only_where_a_glob_means_it(client: Any, bucket: Bucket, pattern: str, members: int) -> None:
    bucket.put("data/x.tar.gz", tarred(FILES, "w:gz"))
    assert len(listed(client, bucket, pattern)) == members


def test_an_archive_that_is_excluded_is_not_opened(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    bucket.put("x.zip", zipped(FILES))
    bucket.put("y.zip", b"no zip")
    assert [name for name in listed(client, bucket, "**", excluded=["y.zip"]) if "y.zip#" in name] == []
    assert proxy.seen("GET", "/y.zip") == []


def test_archives_stay_whole_for_those_who_copy_them(client: Any, bucket: Bucket) -> None:
    bucket.put("x.zip", zipped(FILES))
    assert list(listed(client, bucket, "**", archives=False)) == ["x.zip"]


def test_the_start_date_is_held_against_the_time_inside_of_the_archive(client: Any, bucket: Bucket) -> None:
    bucket.put("x.zip", zipped(FILES))
    assert len(listed(client, bucket, start=datetime(2024, 5, 6, tzinfo=UTC))) == 3
    assert len(listed(client, bucket, start=datetime(2024, 5, 7, tzinfo=UTC))) == 0


@pytest.mark.parametrize("date", [(1980, 0, 0, 0, 0, 0), (2024, 2, 31, 0, 0, 0)])
def test_a_time_that_is_none_is_that_of_the_archive(client: Any, bucket: Bucket, date: Any) -> None:
    bucket.put("x.zip", zipped({"a.csv": b""}, date=date))
    bucket.put("x.tar", tarred({"a.csv": b""}, mtime=0))
    times = {
        item["Key"]: item["LastModified"] for item in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    }
    assert {item.key: item.last_modified for item in listed(client, bucket).values()} == times


def test_a_zip_of_many_files_is_listed_in_two_requests_and_each_is_read_by_one(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    bucket.put("x.zip", zipped({f"{number}.csv": b"%d" % number for number in range(6_000)}))
    found = listed(client, bucket)
    assert len(found) == 6_000
    assert len(proxy.seen("GET", "/x.zip")) == 2
    items = [found[f"x.zip#{number}.csv"] for number in (0, 3_000, 5_999)]
    assert [fetch_contents(at(client, bucket), item) for item in items] == [b"0", b"3000", b"5999"]
    assert len(proxy.seen("GET", "/x.zip")) == 5


def test_a_plain_tar_is_listed_without_its_contents(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    bucket.put("x.tar", tarred({f"{number}.csv": bytes(2_000_000) for number in range(5)}))
    assert len(listed(client, bucket)) == 5
    ranges = [request.range for request in proxy.seen("GET", "/x.tar")]
    assert len(ranges) == 6, ranges


def test_a_compressed_tar_is_fetched_twice_however_many_files_of_it_are_read(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    bucket.put("x.tar.gz", tarred({f"{number}.csv": b"%d" % number for number in range(50)}, "w:gz"))
    found = listed(client, bucket)
    for number in reversed(range(50)):
        assert fetch_contents(at(client, bucket), found[f"x.tar.gz#{number}.csv"]) == b"%d" % number
    assert len(proxy.seen("GET", "/x.tar.gz")) == 2


def test_a_file_inside_of_an_archive_may_be_compressed_itself(client: Any, bucket: Bucket) -> None:
    packed = {"a.csv.zst": by_arrow("zstd", FILES["folder/b.csv"])}
    for key, body in {"x.zip": zipped(packed), "x.tar": tarred(packed), "x.tar.gz": tarred(packed, "w:gz")}.items():
        bucket.put(key, body)
    found = listed(client, bucket)
    assert len(found) == 3
    for item in found.values():
        for seeks in (False, True):
            with open_contents(at(client, bucket), item, seeks=seeks) as file:
                assert file.read() == FILES["folder/b.csv"]


def test_a_file_in_an_archive_is_read_again_where_the_connection_broke(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    bucket.put("x.zip", zipped(FILES, zipfile.ZIP_STORED))
    found = listed(client, bucket)
    proxy.rules.append(Rule("truncate", after=300_000, path="x.zip", times=1))
    assert fetch_contents(at(client, bucket), found["x.zip#folder/b.csv"]) == FILES["folder/b.csv"]
