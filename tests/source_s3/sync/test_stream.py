"""Syncs over HTTP: what is read, what is deleted, what the states say, and what becomes of a cut or failed one."""

import io
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.config import Config
from source_s3.schema import LAST_MODIFIED
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3 import commands
from tests.source_s3.commands import catalog, config, counts, last_states, records, statuses
from tests.source_s3.in_process import DELETED_AT, ROW, URL, deletes, keys, pieces, sync
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import ConfigError, DataError


def parquet(count: int, group: int = 1000) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": range(count)}), file, row_group_size=group)
    return file.getvalue()


TABLES: dict[str, tuple[bytes, bytes, bytes]] = {  # two rows, three rows, one row
    "csv": (b"id\n1\n2\n", b"id\n4\n5\n6\n", b"id\n7\n"),
    "jsonl": (b'{"id":1}\n{"id":2}\n', b'{"id":4}\n{"id":5}\n{"id":6}', b'{"id":7}\n'),
    "parquet": (parquet(2), parquet(3), parquet(1)),
}


def state(stream_state: object) -> list[Any]:
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": stream_state}}]


@pytest.mark.parametrize(
    "states",
    [
        [1],
        "text",
        {"history": {}},
        [{"type": "GLOBAL", "global": {"stream_states": []}}],
        state({"done": {"version": 99, "segments": []}}),
        state({"done": {"version": 1, "segments": [{"kind": "exact", "entries": 1, "data": "no"}]}}),
        state({"surprise": 1}),
        state([1]),
        state("text"),
        state({"done": 1}),
        state({"done": {}, "pending": [1]}),
        state({"done": {}, "resume": {"place": 1}}),
        state({"done": {}, "resume": {"key": "a.csv", "fingerprint": 1, "position": 3, "rows": 1}}),
        state({"done": {}, LAST_MODIFIED: 1}),
        state({"history": ["a.csv"]}),
        state({"history": {"a.csv": "yesterday"}}),
    ],
    ids=str,
)
def test_a_state_of_another_shape_is_refused_with_a_remedy(bucket: Bucket, states: Any) -> None:
    bucket.put("a.csv", "id\n1\n")
    parsed = parse_config(Config, config(bucket))
    with pytest.raises(ConfigError, match=r"[Ss]tate.*(Reset|Give|Use)"):
        for _ in read_all(parsed, configured_streams(catalog(), states)):
            pass


@pytest.mark.parametrize("file_type", TABLES)
def test_a_second_sync_reads_what_is_new_or_changed_and_nothing_else(bucket: Bucket, file_type: str) -> None:
    two, three, one = TABLES[file_type]
    settings = config(bucket, file_type=file_type)
    for key in ("changed", "gone", "same"):
        bucket.put(key, two)
    first = sync(settings)
    assert (first.code, keys(first), len(records(first))) == (0, ["changed", "gone", "same"], 6)
    bucket.put("changed", three)
    bucket.put("new", one)
    bucket.client.delete_object(Bucket=bucket.name, Key="gone")
    second = sync(settings, last_states(first))
    assert (second.code, keys(second), len(records(second))) == (0, ["changed", "new"], 4)
    third = sync(settings, last_states(second))
    assert (third.code, records(third), len(third.of("STATE"))) == (0, [], 1)


@pytest.mark.parametrize("file_type", TABLES)
def test_rows_of_files_that_are_gone_or_shorter_are_deleted_by_object_and_number(
    bucket: Bucket, file_type: str
) -> None:
    two, three, one = TABLES[file_type]
    settings = config(bucket, file_type=file_type, sync_deletions=True)
    bucket.put("gone", two)
    bucket.put("longer", two)
    bucket.put("shorter", three)
    first = sync(settings)
    assert sorted((record[URL], record[ROW]) for record in records(first)) == [
        *[("gone", 1), ("gone", 2), ("longer", 1), ("longer", 2)],
        *[("shorter", 1), ("shorter", 2), ("shorter", 3)],
    ]
    bucket.client.delete_object(Bucket=bucket.name, Key="gone")
    bucket.put("longer", three)
    bucket.put("shorter", one)
    second = sync(settings, last_states(first))
    assert sorted((key[URL], key[ROW]) for key in deletes(second)) == [
        ("gone", 1),
        ("gone", 2),
        ("shorter", 2),
        ("shorter", 3),
    ]
    assert keys(second) == ["longer", "shorter"]
    third = sync(settings, last_states(second))
    assert (third.code, records(third)) == (0, [])


def test_a_document_that_is_gone_is_deleted_by_its_key(bucket: Bucket) -> None:
    settings = config(bucket, file_type="documents", sync_deletions=True)
    for key in ("a.md", "b.md"):
        bucket.put(key, f"# {key}")
    first = sync(settings)
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    (deleted,) = records(sync(settings, last_states(first)))
    assert deleted.pop(DELETED_AT) == deleted.pop("_ab_cdc_updated_at")
    assert deleted == {"document_key": "a.md", URL: "a.md"}


def test_without_sync_deletions_what_is_gone_is_forgotten_in_silence(bucket: Bucket) -> None:
    settings = config(bucket, file_type="documents")
    bucket.put("a.md", "# A")
    first = sync(settings)
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    second = sync(settings, last_states(first))
    assert (records(second), last_states(second)[0]["stream"]["stream_state"]["done"]["segments"]) == ([], [])


def test_the_peers_history_is_taken_over_without_reading_again(bucket: Bucket) -> None:
    for key in ("a.csv", "b.csv"):
        bucket.put(key, "id\n1\n")
    listed = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    history = {item["Key"]: item["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000000Z") for item in listed}
    newest = max(history.values())
    state = {"history": history, LAST_MODIFIED: f"{newest}_b.csv"}
    states = [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "files"}, "stream_state": state}}]
    first = sync(config(bucket), states)
    assert (first.code, records(first)) == (0, [])
    bucket.put("c.csv", "id\n1\n")
    second = sync(config(bucket), last_states(first))
    assert keys(second) == ["c.csv"]


def test_a_full_refresh_reads_all_but_in_the_generation_that_was_cut(bucket: Bucket) -> None:
    bucket.put("a.csv", "id\n1\n")
    first = sync(config(bucket), mode="full_refresh", generation_id=7)
    assert keys(first) == ["a.csv"]
    states = last_states(first)
    assert records(sync(config(bucket), states, "full_refresh", generation_id=7)) == []
    assert keys(sync(config(bucket), states, "full_refresh", generation_id=8)) == ["a.csv"]
    assert keys(sync(config(bucket), states, "full_refresh")) == ["a.csv"]


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_statuses_come_in_order_and_states_count_their_records(bucket: Bucket, mode: str) -> None:
    for number in range(3):
        bucket.put(f"{number}.csv", "id\n1\n2\n")
    ended = sync(config(bucket, sync_deletions=True), mode=mode)
    assert statuses(ended) == ["STARTED", "RUNNING", "COMPLETE"]
    found = list(counts(ended))
    assert sum(told for _, told in found) == len(ended.of("RECORD")) == 6
    assert all(counted == told for counted, told in found)


LISTING = """<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Name>any</Name><Prefix></Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
{contents}</ListBucketResult>"""
CONTENTS = """<Contents><Key>{key}</Key><LastModified>{moment}.000Z</LastModified><ETag>{etag}</ETag><Size>{size}</Size>
<StorageClass>STANDARD</StorageClass></Contents>"""


def list_as(bucket: Bucket, proxy: FaultyS3, moments: Mapping[str, str]) -> None:
    """From now on the listing says that the objects were changed at these times."""
    found = {item["Key"]: item for item in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]}
    contents = [
        CONTENTS.format(key=key, moment=moment, etag=found[key]["ETag"], size=found[key]["Size"])
        for key, moment in moments.items()
    ]
    body = LISTING.format(count=len(contents), contents="".join(contents)).encode()
    headers = {"Content-Type": "application/xml"}
    proxy.rules[:] = [Rule("answer", status=200, body=body, path="list-type=2", times=None, headers=headers)]


def test_an_object_that_arrives_late_with_an_older_time_is_found(bucket: Bucket, proxy: FaultyS3) -> None:
    settings = config(bucket, endpoint=proxy.endpoint)
    bucket.put("a.csv", "id\n1\n")
    list_as(bucket, proxy, {"a.csv": "2026-01-02T00:00:00"})
    first = sync(settings)
    assert last_states(first)[0]["stream"]["stream_state"][LAST_MODIFIED] == "2026-01-02T00:00:00.000000Z"
    bucket.put("late.csv", "id\n2\n")
    list_as(bucket, proxy, {"a.csv": "2026-01-02T00:00:00", "late.csv": "2020-01-01T00:00:00"})
    second = sync(settings, last_states(first))
    assert keys(second) == ["late.csv"]
    assert last_states(second)[0]["stream"]["stream_state"][LAST_MODIFIED] == "2026-01-02T00:00:00.000000Z"


def test_objects_are_read_by_time_and_key(bucket: Bucket, proxy: FaultyS3) -> None:
    for key in ("a.csv", "b.csv", "c.csv", "d.csv"):
        bucket.put(key, "id\n1\n")
    early, late = "2026-01-01T00:00:00", "2026-01-02T00:00:00"
    list_as(bucket, proxy, {"a.csv": late, "b.csv": early, "c.csv": late, "d.csv": early})
    ended = sync(config(bucket, endpoint=proxy.endpoint))
    assert [record[URL] for record in records(ended)] == ["b.csv", "d.csv", "a.csv", "c.csv"]


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


def test_other_options_of_the_format_read_all_again(bucket: Bucket) -> None:
    bucket.put("a.csv", "id;n\n1;2\n")

    def stream(**more: Any) -> dict[str, Any]:
        reading = {"filetype": "csv", "delimiter": more.pop("delimiter", ",")}
        return {**bucket.sign_in(), "streams": [{"name": "files", "format": reading, **more}]}

    first = sync(stream())
    states = last_states(first)
    assert records(first)[0]["id;n"] == "1;2"
    assert records(sync(stream(), states)) == []
    assert records(sync(stream(delimiter=";"), states))[0]["n"] == "2"
    assert len(records(sync(stream(schemaless=True), states))) == 1
    assert len(records(sync(stream(input_schema='{"id;n": "string"}'), states))) == 1
    assert records(sync({**stream(), "sync_deletions": True}, states))[0][ROW] == 1


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


def test_the_command_reads_once_and_then_nothing(bucket: Bucket, tmp_path: Any) -> None:
    """The same as above as processes, with the state as a file."""
    bucket.put("a.csv", "id\n1\n")
    first = commands.read(tmp_path, config(bucket), catalog())
    second = commands.read(tmp_path, config(bucket), catalog(), last_states(first))
    assert (first.code, second.code) == (0, 0)
    assert (len(records(first)), records(second)) == (1, [])
    assert statuses(second) == ["STARTED", "RUNNING", "COMPLETE"]
