"""Records of compressed objects, through the command."""

import bz2
import gzip
import json
import lzma
import subprocess
from pathlib import Path

import pyarrow as pa

from tests.conftest import Bucket
from tests.source_s3.commands import arguments, catalog, config, last_states, read, records, statuses
from tests.source_s3.content.packed import TEXT, by_arrow
from tests.source_s3.files import jsonl, parquet

ROWS = [{"id": number, "text": f"text {number}"} for number in range(1_000)]


def test_tables_are_read_compressed_and_not_again_when_unchanged(bucket: Bucket, tmp_path: Path) -> None:
    csv = "id,text\n" + "".join(f"{row['id']},{row['text']}\n" for row in ROWS)
    bucket.put("a.csv.gz", gzip.compress(csv.encode()))
    bucket.put("b.jsonl.zst", by_arrow("zstd", jsonl(ROWS)))
    bucket.put("c.parquet.gz", gzip.compress(parquet(pa.Table.from_pylist(ROWS))))
    bucket.put("d.csv.xz", lzma.compress(csv.encode()))
    for key in ("a.csv.gz", "b.jsonl.zst", "c.parquet.gz", "d.csv.xz"):
        kind = key.split(".")[1]
        settings = config(bucket, key, kind)
        first = read(tmp_path, settings, catalog())
        assert (first.code, statuses(first)[-1]) == (0, "COMPLETE")
        found = [{"id": int(row["id"]), "text": row["text"]} for row in records(first)]
        assert found == ROWS
        assert {row["_ab_source_file_url"] for row in records(first)} == {key}
        assert records(read(tmp_path, settings, catalog(), last_states(first))) == []


def test_a_cut_object_ends_the_stream_with_an_error_that_names_it(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv.gz", gzip.compress(b"id,text\n" + TEXT)[:-100])
    ended = read(tmp_path, config(bucket), catalog())
    assert (ended.code, statuses(ended)[-1]) == (1, "INCOMPLETE")
    assert "a.csv.gz" in ended.error()["message"]
    assert "ends too early" in ended.error()["message"]


def test_a_cut_object_can_be_passed_over_after_the_rows_before_the_cut(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv.gz", gzip.compress(b"id,text\n" + TEXT)[:-100])
    bucket.put("b.csv.gz", gzip.compress(b"id,text\n1,b\n"))
    bucket.put("c.csv.gz", b"id,text\n1,c\n")
    stream = {"name": "files", "format": {"filetype": "csv"}, "bad_rows": {"type": "skip"}}
    line = arguments(tmp_path, "read", {**bucket.sign_in(), "streams": [stream]}, catalog())
    done = subprocess.run(line, capture_output=True, check=True)
    messages = [json.loads(text) for text in done.stdout.splitlines()]  # an empty line would fail
    found = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
    assert {row["_ab_source_file_url"] for row in found} == {"a.csv.gz", "b.csv.gz"}
    logged = [message["log"]["message"] for message in messages if message["type"] == "LOG"]
    assert any("a.csv.gz" in text and "ends too early" in text for text in logged)
    assert any("c.csv.gz" in text and "its name says gzip" in text for text in logged)


def test_a_small_object_that_becomes_very_many_rows_is_read_to_its_end(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv.bz2", bz2.compress(b"id\n" + b"1\n" * 200_000))
    bucket.put("b.csv.bz2", bz2.compress(b"id\n2\n"))
    settings = config(bucket, sync_deletions=True)
    ended = read(tmp_path, settings, catalog())
    assert ended.code == 0
    assert [row["id"] for row in records(ended)] == ["1"] * 200_000 + ["2"]


def test_documents_are_read_compressed_by_the_extension_before_it(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.md.gz", gzip.compress(b"# Title"))
    bucket.put("b.gz", gzip.compress(b"# Title"))
    bucket.put("c.txt.gz", b"no gzip")
    ended = read(tmp_path, config(bucket, file_type="documents"), catalog())
    good, unknown, broken = records(ended)
    assert (good["document_key"], good["content"]) == ("a.md.gz", "# Title\n")
    assert "no reader for this kind of file" in unknown["_ab_source_file_parse_error"]
    assert "its name says gzip" in broken["_ab_source_file_parse_error"]
