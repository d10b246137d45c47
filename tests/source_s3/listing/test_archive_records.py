"""Records of the files inside of archives, through the command."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.conftest import Bucket
from tests.source_s3.commands import catalog, config, last_states, read, records, statuses
from tests.source_s3.content.packed import zipped
from tests.source_s3.files import jsonl, parquet
from tests.source_s3.listing.archives import TARS

ROWS = [{"id": number, "text": f"text {number}"} for number in range(1_000)]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return b"id,text\n" + b"".join(f"{row['id']},{row['text']}\n".encode() for row in rows)


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    return parquet(pa.Table.from_pylist(rows))


@pytest.mark.parametrize(
    ("key", "kind", "write"),
    [
        ("x.zip", "csv", as_csv),
        ("x.zip", "parquet", as_parquet),
        ("x.tar", "parquet", as_parquet),
        ("x.tar.gz", "jsonl", jsonl),
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
