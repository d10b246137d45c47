"""A stream that fails or is left: its status, the other streams, and no thread of it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from source_s3.config import Config
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3 import commands
from tests.source_s3.commands import (
    URL,
    catalog,
    config,
    records,
    statuses,
)
from tests.source_s3.in_process import pieces, sync
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import DataError


def documents(bucket: Bucket, **reading: Any) -> dict[str, Any]:
    return {
        **bucket.sign_in(),
        "streams": [
            {"name": "files", "globs": ["bad/*"], "format": {"filetype": "unstructured", **reading}},
            {"name": "others", "globs": ["good/*"], "format": {"filetype": "csv"}},
        ],
    }


def test_a_document_that_can_not_be_read_becomes_a_record_that_says_why(bucket: Bucket) -> None:
    bucket.put("bad/a.pdf", b"no PDF at all")
    bucket.put("bad/b.md", b"# fine")
    bucket.put("good/a.csv", "id\n1\n")
    ended = sync(documents(bucket))
    broken, fine = records(ended)
    assert ended.code == 0
    assert (broken["document_key"], broken["content"]) == ("bad/a.pdf", None)
    assert "truncated" in broken["_ab_source_file_parse_error"]
    assert (fine["content"].strip(), fine["_ab_source_file_parse_error"]) == ("# fine", None)


def test_a_stream_that_fails_ends_incomplete_and_the_others_are_read(bucket: Bucket) -> None:
    bucket.put("bad/a.pdf", b"no PDF at all")
    bucket.put("good/a.csv", "id\n1\n")
    ended = sync(documents(bucket, skip_unprocessable_files=False))
    assert ended.code == 1
    assert "bad/a.pdf" in ended.errors
    assert statuses(ended) == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert statuses(ended, "others") == ["STARTED", "RUNNING", "COMPLETE"]
    assert len(records(ended, "others")) == 1
    assert [state["stream"]["stream_descriptor"]["name"] for state in ended.of("STATE")] == ["others"]


LONG = b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 90) for number in range(30_000))  # 2.9 MB


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_connection_that_breaks_in_mid_file_goes_on_where_it_broke(
    bucket: Bucket, proxy: FaultyS3, fault: Any
) -> None:
    bucket.put("long.csv", LONG)
    proxy.rules.append(Rule(fault, after=1_000_000, path="long.csv"))
    ended = sync(config(bucket, endpoint=proxy.endpoint))
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE")
    assert [record["id"] for record in records(ended)] == [str(number) for number in range(30_000)]
    first, second = (request.range for request in proxy.seen("GET", "long.csv"))
    assert (first, second) != ("bytes=0-", "bytes=0-")


@pytest.mark.parametrize("content", [LONG, LONG[:100_000]], ids=["large", "small"])
def test_a_file_that_never_comes_whole_ends_the_command_with_a_transient_error(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Any, content: bytes
) -> None:
    bucket.put("long.csv", content)
    proxy.rules.append(Rule("truncate", after=1000, path="long.csv", times=1))
    proxy.rules.append(Rule("truncate", after=0, path="long.csv", times=None))
    ended = commands.read(tmp_path, config(bucket, endpoint=proxy.endpoint), catalog())
    assert (ended.code, ended.error()["failure_type"]) == (1, "transient_error"), ended.error()
    assert "long.csv" in ended.error()["message"]
    assert statuses(ended) == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert ended.of("STATE") == []


def threads() -> set[str]:
    ours = ("object", "read-ahead", "reader", "render")
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(ours)}


def test_a_consumer_that_stops_early_leaves_no_thread_behind(bucket: Bucket) -> None:
    bucket.put("a.csv", LONG)
    for number in range(5):
        bucket.put(f"{number}.csv", "id\n1\n")
    read = pieces(config(bucket))
    while not any(message["type"] == "RECORD" and message["record"]["data"][URL] == "a.csv" for message in next(read)):
        pass
    assert threads()
    read.close()  # type: ignore[attr-defined]  # a generator
    assert threads() == set()


def test_a_stream_that_failed_leaves_no_thread_to_the_next_one(bucket: Bucket) -> None:
    bucket.put("bad/a.csv", LONG + b"one,two,three\n" + LONG)
    bucket.put("bad/b.csv", LONG[:100_000])
    bucket.put("good/a.csv", "id\n1\n")
    settings = documents(bucket)
    settings["streams"][0]["format"] = {"filetype": "csv"}
    parsed = parse_config(Config, settings)
    left: set[str] = set()

    def all_lines() -> Iterator[Any]:
        yield from read_all(parsed, configured_streams(catalog("files", "others"), []))

    with pytest.raises(DataError, match=r"bad/a\.csv.*expected 2 values, found 3"):
        for lines in all_lines():
            if b"INCOMPLETE" in bytes(lines):
                left = threads()
    assert left == set()
