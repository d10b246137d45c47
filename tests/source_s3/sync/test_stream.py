"""Syncs over HTTP: what is read, what is deleted, what the states say, and what becomes of a cut or failed one."""

import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.client import bucket_of
from source_s3.config import Config
from source_s3.plan import plans
from source_s3.progress import Progress
from source_s3.schema import LAST_MODIFIED
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from source_s3.sync.stream import read_stream
from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3 import commands
from tests.source_s3.commands import catalog, config, counts, last_states, records, statuses
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.spec import parse_config

URL, ROW, DELETED_AT = "_ab_source_file_url", "_ab_source_file_row", "_ab_cdc_deleted_at"


def sync(
    settings: Mapping[str, Any], states: Sequence[Any] = (), mode: str = "incremental", **catalog_entry: Any
) -> Ended:
    """One whole read of all streams, in this process."""
    parsed = parse_config(Config, settings)
    names = [plan.name for plan in plans(parsed)]
    configured = configured_streams(catalog(*names, sync_mode=mode, **catalog_entry), states)
    messages: list[Any] = []
    try:
        for lines in read_all(parsed, configured):
            messages += parsed_lines(lines)
    except (ConfigError, DataError, TransientError) as error:
        return Ended(1, messages, str(error))
    return Ended(0, messages, "")


def parsed_lines(lines: bytes | memoryview) -> list[Any]:
    return [json.loads(line) for line in bytes(lines).splitlines()]


def pieces(settings: Mapping[str, Any], states: Sequence[Any] = (), interval: float = 0) -> Iterator[list[Any]]:
    """One stream's messages, piece by piece as they leave, with a state wherever one can be."""
    parsed = parse_config(Config, settings)
    (plan,) = plans(parsed)
    (configured,) = configured_streams(catalog(plan.name), states)
    for lines in read_stream(bucket_of(parsed), plan, configured, Progress(plan.name), interval):
        yield parsed_lines(lines)


def deletes(ended: Ended) -> list[dict[str, Any]]:
    """The keys of the delete records, in order."""
    return [
        {name: record[name] for name in (URL, ROW) if name in record}
        for record in records(ended)
        if record.get(DELETED_AT)
    ]


def keys(ended: Ended) -> list[str]:
    """The objects whose records came, without delete records."""
    return sorted({record[URL] for record in records(ended) if not record.get(DELETED_AT)})


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


@pytest.mark.parametrize(("file_type", "content"), [("documents", "# A"), ("csv", "id\n1\n2\n"), ("jsonl", '{"id":1}')])
def test_an_object_that_left_without_a_state_and_is_removed_then_is_deleted(
    bucket: Bucket, file_type: str, content: str
) -> None:
    """Of the cut sync only the first state arrived, which says what was under way."""
    settings = config(bucket, file_type=file_type, sync_deletions=True)
    bucket.put("a.md", content)
    cut = sync(settings)
    assert cut.messages.index(next(m for m in cut.messages if m["type"] == "STATE")) < cut.messages.index(
        next(m for m in cut.messages if m["type"] == "RECORD")
    )
    states = [cut.of("STATE")[0]]
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    second = sync(settings, states)
    gone = deletes(second)
    assert {key[URL] for key in gone} == {"a.md"}
    if file_type != "documents":
        assert {key[ROW] for key in gone} >= {record[ROW] for record in records(cut)}
    assert records(sync(settings, last_states(second))) == []


def test_an_object_that_was_under_way_and_is_still_there_is_read_again(bucket: Bucket) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("a.csv", "id\n1\n2\n")
    cut = sync(settings)
    second = sync(settings, [cut.of("STATE")[0]])
    assert (records(second), deletes(second)) == (records(cut), [])


def test_rows_of_an_object_that_was_cut_and_then_shortened_are_deleted(bucket: Bucket) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("a.csv", "id\n1\n2\n3\n")
    cut = sync(settings)
    bucket.put("a.csv", "id\n9\n")
    second = sync(settings, [cut.of("STATE")[0]])
    assert [record["id"] for record in records(second) if not record.get(DELETED_AT)] == ["9"]
    assert {key[ROW] for key in deletes(second)} >= {2, 3}


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


def test_a_jsonl_file_that_was_cut_goes_on_after_the_last_state(bucket: Bucket, proxy: FaultyS3) -> None:
    lines = [json.dumps({"id": number, "text": "x" * 1000}) for number in range(12_000)]
    bucket.put("long.jsonl", "\n".join(lines))
    settings = config(bucket, file_type="jsonl", endpoint=proxy.endpoint)
    assert_goes_on(settings, 12_000)
    assert proxy.seen("GET", "long.jsonl")[-1].range not in {None, "bytes=0-"}


def test_a_parquet_file_that_was_cut_goes_on_with_its_next_row_group(bucket: Bucket) -> None:
    bucket.put("long.parquet", parquet(300_000, 100_000))
    assert_goes_on(config(bucket, file_type="parquet"), 300_000)


def assert_goes_on(settings: Mapping[str, Any], count: int) -> None:
    """Cut at the first state in mid-file: what came until then and what comes afterwards is all, once."""
    before: list[int] = []
    states: list[Any] = []
    for messages in pieces(settings):
        before += [message["record"]["data"]["id"] for message in messages if message["type"] == "RECORD"]
        states = [message["state"] for message in messages if message["type"] == "STATE"]
        if states:
            break
    assert "resume" in states[0]["stream"]["stream_state"]
    assert states[0]["sourceStats"]["recordCount"] == len(before)
    after = sync(settings, states)
    assert 0 < len(before) < count
    assert before + [record["id"] for record in records(after)] == list(range(count))
    assert "resume" not in last_states(after)[0]["stream"]["stream_state"]


def cut_in(settings: Mapping[str, Any]) -> list[Any]:
    """The first state that has a place to go on from."""
    with closing(pieces(settings)) as read:  # type: ignore[type-var]  # a generator
        for messages in read:
            for message in messages:
                if message["type"] == "STATE" and "resume" in message["state"]["stream"]["stream_state"]:
                    return [message["state"]]
    raise AssertionError("no state in mid-file")


def test_an_object_that_was_cut_and_then_emptied_has_its_rows_deleted(bucket: Bucket) -> None:
    settings = config(bucket, file_type="jsonl", sync_deletions=True)
    bucket.put("long.jsonl", "\n".join(json.dumps({"text": "x" * 1000}) for _ in range(9_000)))
    states = cut_in(settings)
    delivered = states[0]["stream"]["stream_state"]["resume"]["rows"]
    bucket.put("long.jsonl", "")
    numbers = [key[ROW] for key in deletes(sync(settings, states))]
    assert numbers[:delivered] == list(range(1, delivered + 1))


def test_an_earlier_object_that_arrives_late_does_not_lose_the_place_to_go_on_from(
    bucket: Bucket, proxy: FaultyS3
) -> None:
    settings = config(bucket, file_type="jsonl", endpoint=proxy.endpoint)
    bucket.put("long.jsonl", "\n".join(json.dumps({"id": n, "text": "x" * 1000}) for n in range(9_000)))
    list_as(bucket, proxy, {"long.jsonl": "2026-01-02T00:00:00"})
    states = cut_in(settings)
    delivered = states[0]["stream"]["stream_state"]["resume"]["rows"]
    bucket.put("late.jsonl", '{"id": -1}')
    list_as(bucket, proxy, {"late.jsonl": "2026-01-01T00:00:00", "long.jsonl": "2026-01-02T00:00:00"})
    assert [record["id"] for record in records(sync(settings, states))] == [-1, *range(delivered, 9_000)]


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
