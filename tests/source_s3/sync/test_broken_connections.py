"""What becomes of a sync when connections break or answers fail to come. All through the command, over HTTP.

docs/faults.md names these tests.
"""

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import records, statuses
from tests.source_s3.content.packed import zipped
from tests.source_s3.files import jsonl, parquet
from tests.source_s3.sync.faults import ROWS, csv_of, ids, put_three, read, settings


def long_parquet() -> bytes:
    columns = {"id": range(ROWS), "text": [f"{number:07d}" * 13 for number in range(ROWS)]}
    return parquet(columns, row_group_size=10_000, compression="none", use_dictionary=False)


def long_jsonl() -> bytes:
    return jsonl({"id": number, "text": f"{number:07d}" * 13} for number in range(ROWS))


LONG: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "csv": ("long.csv", "csv", lambda: csv_of(ROWS)),
    "csv, compressed": ("long.csv.gz", "csv", lambda: gzip.compress(csv_of(ROWS), 1)),
    "jsonl": ("long.jsonl", "jsonl", long_jsonl),
    "parquet": ("long.parquet", "parquet", long_parquet),
    "parquet, compressed": ("long.parquet.gz", "parquet", lambda: gzip.compress(long_parquet(), 1)),
    "in a zip": ("long.zip", "csv", lambda: zipped({"in/it.csv": csv_of(ROWS)}, zipfile.ZIP_STORED)),
}


@pytest.mark.parametrize("fault", ["reset", "truncate"])
@pytest.mark.parametrize("name", LONG)
def test_a_connection_that_breaks_again_and_again_goes_on_by_range_and_loses_no_row(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, name: str, fault: Any
) -> None:
    key, filetype, content = LONG[name]
    bucket.put(key, content())
    proxy.rules.append(Rule(fault, after=200_000, path=f"/{key}", times=4))
    ended = read(tmp_path, settings(bucket, proxy, filetype=filetype))
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE"), ended.messages[-3:]
    assert [int(record["id"]) for record in records(ended)] == list(range(ROWS))
    ranges = [request.range for request in proxy.seen("GET", f"/{key}")]
    assert len(ranges) > 1
    assert ranges[-1] not in {None, "bytes=0-"}


@pytest.mark.parametrize("name", LONG)
def test_a_body_that_stalls_is_given_up_after_the_read_timeout_and_asked_for_by_range(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, name: str
) -> None:
    key, filetype, content = LONG[name]
    bucket.put(key, content())
    proxy.rules.append(Rule("stall", after=100_000, seconds=60, path=f"/{key}", times=2))
    ended = read(tmp_path, settings(bucket, proxy, filetype=filetype))
    assert (ended.code, len(records(ended)), statuses(ended)[-1]) == (0, ROWS, "COMPLETE")


def test_a_document_whose_connection_breaks_comes_whole(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {number}." for number in range(50_000))
    bucket.put("long.md", text)
    proxy.rules.append(Rule("reset", after=200_000, path="/long.md", times=2))
    (record,) = records(read(tmp_path, settings(bucket, proxy, filetype="unstructured")))
    assert record["content"].rstrip().endswith("Paragraph 49999.")
    assert record["content"].count("Paragraph") == 50_000


@pytest.mark.parametrize(
    "rule",
    [
        Rule("answer", status=503, code="SlowDown"),
        Rule("answer", status=500, code="InternalError"),
        Rule("delay", seconds=60),
    ],
    ids=["throttled", "server error", "no answer"],
)
@pytest.mark.parametrize("path", ["list-type=2", "/b.csv"])
def test_what_fails_once_is_asked_again(bucket: Bucket, proxy: FaultyS3, tmp_path: Path, rule: Rule, path: str) -> None:
    put_three(bucket)
    proxy.rules.append(replace(rule, path=path))
    ended = read(tmp_path, settings(bucket, proxy))
    assert (ended.code, ids(ended)) == (0, ["1", "2", "3"])
