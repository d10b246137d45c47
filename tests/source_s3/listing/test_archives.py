"""The files inside of zip and tar archives as objects of their own, over HTTP."""

import io
import json
import logging
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.content.contents import fetch_contents, open_contents
from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import catalog, config, last_states, read, records, statuses
from tests.source_s3.conftest import at
from tests.source_s3.content.packed import by_arrow, tarred, zipped
from vector_ingest.errors import DataError

FILES = {
    "a.csv": b"id,text\n1,one\n",
    "folder/b.csv": b"id,text\n" + b"2,two\n" * 100_000,
    "folder/deep/c.csv": b"id,text\n3,three\n",
}
TARS: Mapping[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "x.tar": tarred,
    "x.tar.gz": lambda files: tarred(files, "w:gz"),
    "x.tgz": lambda files: tarred(files, "w:gz"),
    "x.tar.bz2": lambda files: tarred(files, "w:bz2"),
    "x.tar.xz": lambda files: tarred(files, "w:xz"),
    "x.tar.zst": lambda files: by_arrow("zstd", tarred(files)),
}
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def listed(client: Any, bucket: Bucket, *globs: str, **selection: Any) -> dict[str, S3Object]:
    return {found.name: found for found in list_objects(at(client, bucket), Selection(globs or ["**"], **selection))}


def contents(client: Any, bucket: Bucket, found: Mapping[str, S3Object]) -> dict[str | None, bytes]:
    return {item.member: fetch_contents(at(client, bucket), item) for item in found.values()}


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


ODD = {
    "__MACOSX/._a.csv": b"left out",
    "folder/._a.csv": b"left out",
    "folder/": b"",
    "inner.zip": b"left out",
    "inner.tar.gz": b"left out",
    "/etc/a.csv": b"absolute",
    "../a.csv": b"above",
    "a.csv": b"here",
    "ä/日本.csv": b"letters",
    "a#b.csv": b"hash",
    "line\nbreak.csv": b"break",
}
KEPT = {name: content for name, content in ODD.items() if content not in {b"left out", b""}}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_odd_names_stay_apart_and_inner_archives_are_left_out_with_a_word(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture, pack: Any
) -> None:
    bucket.put(
        "x.zip" if pack is zipped else "x.tar",
        pack({name: ODD[name] for name in ODD if pack is zipped or name != "folder/"}),
    )
    with caplog.at_level(logging.WARNING, "airbyte"):
        found = listed(client, bucket)
    assert contents(client, bucket, found) == KEPT
    assert "2 archives inside of it are left out" in caplog.text


def test_of_files_of_the_same_name_the_last_counts(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    packed, tape = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, tarfile.open(fileobj=tape, mode="w") as tar:
        for content in (b"first", b"second"):
            archive.writestr("a.csv" if content == b"first" else "b.csv", content)
            entry = tarfile.TarInfo("./a.csv" if content == b"first" else "a.csv")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    bucket.put("x.zip", packed.getvalue().replace(b"b.csv", b"a.csv"))
    bucket.put("x.tar", tape.getvalue())
    with caplog.at_level(logging.WARNING, "airbyte"):
        found = listed(client, bucket)
    assert [fetch_contents(at(client, bucket), item) for item in found.values()] == [b"second", b"second"]
    assert caplog.text.count("1 files inside of it are hidden by later ones of the same name") == 2


def test_hard_links_are_files_and_other_links_are_left_out_with_a_word(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("./a.csv")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"text"))
        for name, kind in (("hard.csv", tarfile.LNKTYPE), ("soft.csv", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "a.csv"
            archive.addfile(link)
    bucket.put("x.tar", packed.getvalue())
    with caplog.at_level(logging.WARNING, "airbyte"):
        assert contents(client, bucket, listed(client, bucket)) == {"a.csv": b"text", "hard.csv": b"text"}
    assert "2 links and devices" in caplog.text


def encrypted(body: bytes) -> bytes:
    """As the flag of each file says; the content is not."""
    mended = bytearray(body)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := body.find(signature, place + 1)) >= 0:
            mended[place + flags] |= 1
    return bytes(mended)


def test_an_encrypted_file_is_a_data_error_when_it_is_read(client: Any, bucket: Bucket) -> None:
    bucket.put("x.zip", encrypted(zipped({"a.csv": b"text"})))
    (found,) = listed(client, bucket).values()
    with pytest.raises(DataError, match="encrypted"):
        fetch_contents(at(client, bucket), found)


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_file_inside_of_a_zip_is_a_data_error(client: Any, bucket: Bucket, method: int) -> None:
    body = bytearray(zipped({"a.csv": FILES["folder/b.csv"], "b.csv": b"fine"}, method))
    body[60] ^= 0xFF
    bucket.put("x.zip", bytes(body))
    broken, fine = listed(client, bucket).values()
    with pytest.raises(DataError, match="upload it again"):
        fetch_contents(at(client, bucket), broken)
    assert fetch_contents(at(client, bucket), fine) == b"fine"


def test_a_place_beyond_the_archive_is_a_data_error(client: Any, bucket: Bucket) -> None:
    body = bytearray(zipped({"a.csv": b"text"}))
    entry = body.rfind(b"PK\x01\x02")
    body[entry + 42 : entry + 46] = b"\xff\xff\xff\x0f"
    bucket.put("x.zip", bytes(body))
    (found,) = listed(client, bucket).values()
    with pytest.raises(DataError, match="begins at byte 268435455"):
        fetch_contents(at(client, bucket), found)


@pytest.mark.parametrize("key", ["x.zip", *TARS])
def test_an_archive_that_is_cut_or_none_ends_the_listing_with_its_name(client: Any, bucket: Bucket, key: str) -> None:
    body = zipped(FILES) if key == "x.zip" else TARS[key](FILES)
    for damaged in (
        b"",
        b"no archive at all",
        body[: len(body) * 2 // 3],
        body[:-15_000] if key == "x.tar" else body[:-7],
    ):
        bucket.put(key, damaged)
        with pytest.raises(DataError, match=f"{bucket.name}/{key}"):
            listed(client, bucket)


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


class Pipe(io.RawIOBase):
    """What can't be sought: a zip written to it has the lengths behind each file."""

    def __init__(self) -> None:
        self.body = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.body += bytes(data)
        return len(data)


def test_zips_of_other_makers_are_read(client: Any, bucket: Bucket) -> None:
    pipe, large = Pipe(), io.BytesIO()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    with zipfile.ZipFile(large, "w") as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
        archive.comment = b"a comment " * 1000
    bucket.put("pipe.zip", pipe.body)
    bucket.put("large.zip", large.getvalue())
    bucket.put("extracts-itself.zip", b"#!/bin/sh\n" * 50_000 + zipped(FILES))
    found = listed(client, bucket)
    for key in ("pipe.zip", "large.zip", "extracts-itself.zip"):
        members = {name: item for name, item in found.items() if item.key == key}
        assert contents(client, bucket, members) == FILES


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
    for item in listed(client, bucket).values():
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


ROWS = [{"id": number, "text": f"text {number}"} for number in range(1_000)]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return b"id,text\n" + b"".join(f"{row['id']},{row['text']}\n".encode() for row in rows)


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), table)
    return table.getvalue()


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("key", "kind", "write"),
    [
        ("x.zip", "csv", as_csv),
        ("x.zip", "parquet", as_parquet),
        ("x.tar", "parquet", as_parquet),
        ("x.tar.gz", "jsonl", as_jsonl),
        ("x.tar.gz", "parquet", as_parquet),
    ],
)
def test_tables_in_archives_are_read_and_read_again_when_the_archive_changed(
    bucket: Bucket, tmp_path: Path, key: str, kind: str, write: Any
) -> None:
    pack = zipped if key == "x.zip" else TARS[key]
    bucket.put(key, pack({f"a.{kind}": write(ROWS[:500]), f"b.{kind}": write(ROWS[500:])}))
    settings = config(bucket, key, kind)
    first = read(tmp_path, settings, catalog())
    assert (first.code, statuses(first)[-1]) == (0, "COMPLETE"), first.errors
    assert [int(row["id"]) for row in records(first)] == list(range(1_000))
    assert {row["_ab_source_file_url"] for row in records(first)} == {f"{key}#a.{kind}", f"{key}#b.{kind}"}
    second = read(tmp_path, settings, catalog(), last_states(first))
    assert (second.code, records(second)) == (0, [])
    bucket.put(key, pack({f"a.{kind}": write(ROWS[:1]), f"b.{kind}": write(ROWS[1:2])}))
    third = read(tmp_path, settings, catalog(), last_states(second))
    assert [int(row["id"]) for row in records(third)] == [0, 1]


def test_rows_of_files_that_left_their_archive_are_deleted(bucket: Bucket, tmp_path: Path) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("x.zip", zipped({"a.csv": as_csv(ROWS[:2]), "b.csv": as_csv(ROWS[:1])}))
    first = read(tmp_path, settings, catalog())
    bucket.put("x.zip", zipped({"b.csv": as_csv(ROWS[:1])}))
    second = read(tmp_path, settings, catalog(), last_states(first))
    gone = [row for row in records(second) if row.get("_ab_cdc_deleted_at")]
    assert [(row["_ab_source_file_url"], row["_ab_source_file_row"]) for row in gone] == [
        ("x.zip#a.csv", 1),
        ("x.zip#a.csv", 2),
    ]


def test_an_archive_that_can_not_be_listed_deletes_nothing(bucket: Bucket, tmp_path: Path) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("x.zip", zipped({"a.csv": as_csv(ROWS[:2])}))
    first = read(tmp_path, settings, catalog())
    bucket.put("x.zip", b"damaged")
    second = read(tmp_path, settings, catalog(), last_states(first))
    assert (second.code, records(second)) == (1, [])
    assert "x.zip" in second.error()["message"]


def test_documents_in_archives_are_records(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("x.zip", zipped({"a.md": b"# A", "b.txt": b"B"}))
    ended = read(tmp_path, config(bucket, file_type="documents"), catalog())
    assert [(row["document_key"], row["content"]) for row in records(ended)] == [
        ("x.zip#a.md", "# A\n"),
        ("x.zip#b.txt", "B\n"),
    ]
