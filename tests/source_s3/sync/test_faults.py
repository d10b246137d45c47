"""What becomes of a sync when an object, a connection or the store fails. All through the command, over HTTP.

docs/faults.md names these tests.
"""

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import arguments, catalog, last_states, logs, records, statuses

URL, ROW, DELETED_AT = "_ab_source_file_url", "_ab_source_file_row", "_ab_cdc_deleted_at"
QUICK = {"AWS_MAX_ATTEMPTS": "2", "S3_CONNECT_TIMEOUT_SECONDS": "1", "S3_READ_TIMEOUT_SECONDS": "1"}
LEAVE: dict[str, Any] = {"type": "leave_for_later"}
NAMES = ("a.csv", "b.csv", "c.csv")  # one of each: b.csv fails


def settings(
    bucket: Bucket, proxy: FaultyS3, unreadable: Mapping[str, Any] | None = None, filetype: str = "csv", **more: Any
) -> dict[str, Any]:
    stream: dict[str, Any] = {"name": "files", "globs": ["**"], "format": {"filetype": filetype}}
    if unreadable is not None:
        stream["unreadable_objects"] = unreadable
    return {**bucket.sign_in(), "endpoint": proxy.endpoint, "streams": [stream], **more}


def read(
    folder: Path, config: Mapping[str, Any], states: Sequence[Any] | None = None, mode: str = "incremental", **more: Any
) -> Ended:
    """With little patience, so that what lasts is soon over."""
    names = [stream["name"] for stream in config["streams"]]
    return run(arguments(folder, "read", config, catalog(*names, sync_mode=mode, **more), states), b"", **QUICK)


def put_three(bucket: Bucket) -> None:
    for number, name in enumerate(NAMES, start=1):
        bucket.put(name, f"id\n{number}\n")


def ids(ended: Ended) -> list[str]:
    return sorted(str(record["id"]) for record in records(ended) if not record.get(DELETED_AT))


@dataclass(frozen=True, slots=True)
class Lasting:
    """A fault that does not go away. `said`: what its message says after the name of the object."""

    rule: Rule
    said: str
    kind: str = "transient_error"

    def on(self, name: str) -> Rule:
        return replace(self.rule, path=f"/{name}", times=None)


OF_ONE_OBJECT = {
    "access denied": Lasting(Rule("answer", status=403, code="AccessDenied"), "AccessDenied.*Grant", "config_error"),
    "a key of KMS withheld": Lasting(Rule("answer", status=400, code="KMS.DisabledException"), "KMS", "config_error"),
    "server error": Lasting(Rule("answer", status=500, code="InternalError"), r"InternalError.*HTTP 500.*Try later"),
    "truncated": Lasting(Rule("truncate"), r"byte 0 of 5, 5 times in a row\. Try again later"),
    "reset": Lasting(Rule("reset"), r"byte 0 of 5, 5 times in a row\. Try again later"),
    "stalled body": Lasting(Rule("stall", seconds=60), r"byte 0 of 5, 5 times in a row\. Try again later"),
    "no answer": Lasting(Rule("delay", seconds=60), "[Rr]ead timeout.*Check the endpoint and the network"),
}
OF_THE_STORE = {
    "throttled": Lasting(Rule("answer", status=503, code="SlowDown"), "SlowDown.*HTTP 503.*with fewer at once"),
    "clock skew": Lasting(Rule("answer", status=403, code="RequestTimeTooSkewed"), "Set the clock", "config_error"),
    "expired token": Lasting(Rule("answer", status=400, code="ExpiredToken"), "credentials", "config_error"),
    "wrong region": Lasting(
        Rule("answer", status=301, code="PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-3"}),
        "PermanentRedirect.*region",
        "config_error",
    ),
    "temporary redirect": Lasting(Rule("answer", status=307, code="TemporaryRedirect"), "HTTP 307", "config_error"),
}


@pytest.mark.parametrize("fault", OF_ONE_OBJECT | OF_THE_STORE)
def test_a_lasting_fault_ends_the_stream_and_what_came_before_keeps_its_state(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, fault: str
) -> None:
    lasting = (OF_ONE_OBJECT | OF_THE_STORE)[fault]
    put_three(bucket)
    proxy.rules.append(lasting.on("b.csv"))
    cut = read(tmp_path, settings(bucket, proxy))
    assert (cut.code, statuses(cut)) == (1, ["STARTED", "RUNNING", "INCOMPLETE"])
    error = cut.error()
    assert re.search(f"s3://{bucket.name}/b.csv.*byte 0.*", error["message"]), error
    assert re.search(lasting.said, error["message"]), error
    assert (error["failure_type"], error["stream_descriptor"]) == (lasting.kind, {"name": "files"})
    assert ids(cut) == ["1"]
    proxy.rules.clear()
    after = read(tmp_path, settings(bucket, proxy), last_states(cut))
    assert (after.code, ids(after)) == (0, ["2", "3"])


@pytest.mark.parametrize("fault", OF_ONE_OBJECT)
def test_an_unreadable_object_is_left_and_tried_again_by_the_next_sync(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, fault: str
) -> None:
    put_three(bucket)
    proxy.rules.append(OF_ONE_OBJECT[fault].on("b.csv"))
    first = read(tmp_path, settings(bucket, proxy, LEAVE))
    assert (first.code, statuses(first)[-1], ids(first)) == (0, "COMPLETE", ["1", "3"])
    assert re.search(f"left for the next sync: .*s3://{bucket.name}/b.csv.*byte 0", logs(first))
    assert "1 objects could not be read and are left for the next sync" in logs(first)
    proxy.rules.clear()
    second = read(tmp_path, settings(bucket, proxy, LEAVE), last_states(first))
    assert (second.code, ids(second)) == (0, ["2"])
    assert ids(read(tmp_path, settings(bucket, proxy, LEAVE), last_states(second))) == []


@pytest.mark.parametrize("fault", OF_THE_STORE)
def test_what_any_object_would_meet_ends_the_stream_whatever_the_policy(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, fault: str
) -> None:
    put_three(bucket)
    proxy.rules.append(OF_THE_STORE[fault].on("b.csv"))
    ended = read(tmp_path, settings(bucket, proxy, LEAVE))
    assert (ended.code, statuses(ended)[-1], ids(ended)) == (1, "INCOMPLETE", ["1"])
    assert "left for the next sync" not in logs(ended)


def test_a_store_that_can_not_be_reached_ends_the_stream_and_names_the_endpoint(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    ended = read(tmp_path, {**settings(bucket, proxy, LEAVE), "endpoint": "http://127.0.0.1:9"})
    assert (ended.code, statuses(ended)[-1], ended.error()["failure_type"]) == (1, "INCOMPLETE", "transient_error")
    assert re.search(r"127\.0\.0\.1:9.*Check the endpoint", ended.error()["message"])


def test_more_unreadable_objects_than_allowed_end_the_stream(bucket: Bucket, proxy: FaultyS3, tmp_path: Path) -> None:
    put_three(bucket)
    proxy.rules += [OF_ONE_OBJECT["access denied"].on("a.csv"), OF_ONE_OBJECT["access denied"].on("c.csv")]
    assert read(tmp_path, settings(bucket, proxy, {**LEAVE, "most": 2})).code == 0
    ended = read(tmp_path, settings(bucket, proxy, {**LEAVE, "most": 1}))
    assert (ended.code, ids(ended), ended.error()["failure_type"]) == (1, ["2"], "config_error")
    assert re.search("c.csv.*more than the 1 that `unreadable_objects` allows", ended.error()["message"])


def test_a_document_that_no_reader_understands_is_left_like_one_that_is_denied(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    bucket.put("a.pdf", b"no PDF at all")
    bucket.put("b.md", b"# fine")
    config = settings(bucket, proxy, LEAVE)
    config["streams"][0]["format"] = {"filetype": "unstructured", "skip_unprocessable_files": False}
    ended = read(tmp_path, config)
    assert (ended.code, [record["document_key"] for record in records(ended)]) == (0, ["b.md"])
    assert f"s3://{bucket.name}/a.pdf" in logs(ended)


ROWS = 30_000


def csv_of(count: int, first: int = 0) -> bytes:
    return b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"%07d" % number * 13) for number in range(first, count))


def jsonl() -> bytes:
    return b"".join(b'{"id":%d,"text":"%s"}\n' % (number, b"%07d" % number * 13) for number in range(ROWS))


def parquet() -> bytes:
    file = io.BytesIO()
    table = pa.table({"id": range(ROWS), "text": [f"{number:07d}" * 13 for number in range(ROWS)]})
    pq.write_table(table, file, row_group_size=10_000, compression="none", use_dictionary=False)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("in/it.csv", csv_of(ROWS))
    return file.getvalue()


LONG: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "csv": ("long.csv", "csv", lambda: csv_of(ROWS)),
    "csv, compressed": ("long.csv.gz", "csv", lambda: gzip.compress(csv_of(ROWS), 1)),
    "jsonl": ("long.jsonl", "jsonl", jsonl),
    "parquet": ("long.parquet", "parquet", parquet),
    "parquet, compressed": ("long.parquet.gz", "parquet", lambda: gzip.compress(parquet(), 1)),
    "in a zip": ("long.zip", "csv", zipped),
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


@pytest.mark.parametrize("policy", [None, LEAVE], ids=["stop", "leave"])
def test_an_object_that_vanishes_after_the_listing_is_passed_over_and_deleted_by_the_next_sync(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, policy: Any
) -> None:
    config = settings(bucket, proxy, policy, sync_deletions=True)
    put_three(bucket)
    first = read(tmp_path, config)
    bucket.put("b.csv", "id\n4\n5\n")

    def remove() -> None:
        bucket.client.delete_object(Bucket=bucket.name, Key="b.csv")

    proxy.rules.append(Rule("delay", path="/b.csv", then=remove))
    second = read(tmp_path, config, last_states(first))
    assert (second.code, statuses(second)[-1], records(second)) == (0, "COMPLETE", [])
    assert f"s3://{bucket.name}/b.csv was removed after it was listed" in logs(second)
    third = read(tmp_path, config, last_states(second))
    deleted = [(record[URL], record[ROW]) for record in records(third) if record.get(DELETED_AT)]
    assert ("b.csv", 1) in deleted
    assert {url for url, _ in deleted} == {"b.csv"}
    assert records(read(tmp_path, config, last_states(third))) == []


def stored(*syncs: Ended) -> dict[tuple[str, int], str]:
    """What a destination that follows keys and deletes has after these syncs."""
    table: dict[tuple[str, int], str] = {}
    for record in (record for ended in syncs for record in records(ended)):
        key = record[URL], record[ROW]
        if record.get(DELETED_AT):
            table.pop(key, None)
        else:
            table[key] = record["id"]
    return table


@pytest.mark.parametrize("policy", [None, LEAVE], ids=["stop", "leave"])
def test_an_object_that_is_overwritten_in_mid_read_is_read_anew_in_the_same_sync(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, policy: Any
) -> None:
    """Rows of the first version have left by then. The second one is shorter."""
    config = settings(bucket, proxy, policy, sync_deletions=True)
    bucket.put("a.csv", csv_of(ROWS))
    bucket.put("b.csv", "id,text\n1,x\n")
    proxy.rules.append(Rule("reset", after=2_500_000, path="/a.csv"))
    proxy.rules.append(Rule("delay", path="/a.csv", then=lambda: bucket.put("a.csv", csv_of(700, 500))))
    ended = read(tmp_path, config)
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE")
    assert len(records(ended)) > 10_000
    assert stored(ended) == {
        ("b.csv", 1): "1",
        **{("a.csv", row): str(number) for row, number in enumerate(range(500, 700), start=1)},
    }
    assert records(read(tmp_path, config, last_states(ended))) == []


def test_an_object_that_is_overwritten_at_each_read_is_never_taken_as_done(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    put_three(bucket)
    versions = iter(range(10, 99))
    again = Rule("delay", path="/b.csv", times=None, then=lambda: bucket.put("b.csv", f"id\n{next(versions)}\n"))
    proxy.rules.append(again)
    stopped = read(tmp_path, settings(bucket, proxy))
    assert (stopped.code, ids(stopped), stopped.error()["failure_type"]) == (1, ["1", "3"], "transient_error")
    assert re.search(r"b\.csv at byte 0.*changed while it was read", stopped.error()["message"])
    left = read(tmp_path, settings(bucket, proxy, LEAVE))
    assert (left.code, ids(left)) == (0, ["1", "3"])
    proxy.rules.clear()
    assert len(ids(read(tmp_path, settings(bucket, proxy, LEAVE), last_states(left)))) == 1


REPLACING: dict[str, dict[str, Any]] = {
    "full refresh": {"mode": "full_refresh", "generation_id": 7, "minimum_generation_id": 7},
    "full refresh without generations": {"mode": "full_refresh"},
    "overwrite": {"destination_sync_mode": "overwrite"},
    "refresh of an incremental stream": {"generation_id": 7, "minimum_generation_id": 7},
}


@pytest.mark.parametrize("mode", REPLACING)
def test_a_refresh_that_replaces_what_is_stored_is_not_complete_without_an_object(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, mode: str
) -> None:
    put_three(bucket)
    proxy.rules.append(OF_ONE_OBJECT["access denied"].on("b.csv"))
    ended = read(tmp_path, settings(bucket, proxy, LEAVE), **REPLACING[mode])
    assert (ended.code, statuses(ended)[-1], ids(ended)) == (1, "INCOMPLETE", ["1", "3"])
    assert re.search("1 objects could not be read.*b.csv.*`accept_missing`", ended.error()["message"])
    accepted = read(tmp_path, settings(bucket, proxy, {**LEAVE, "accept_missing": True}), **REPLACING[mode])
    assert (accepted.code, statuses(accepted)[-1], ids(accepted)) == (0, "COMPLETE", ["1", "3"])
    proxy.rules.clear()
    if "generation_id" in REPLACING[mode]:
        again = read(tmp_path, settings(bucket, proxy, LEAVE), last_states(ended), **REPLACING[mode])
        assert (again.code, statuses(again)[-1], ids(again)) == (0, "COMPLETE", ["2"])


def test_each_failed_stream_has_an_error_of_its_own_and_the_others_keep_their_states(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    put_three(bucket)
    proxy.rules += [OF_ONE_OBJECT["access denied"].on("a.csv"), OF_ONE_OBJECT["server error"].on("c.csv")]
    config = settings(bucket, proxy)
    config["streams"] = [{**config["streams"][0], "name": name, "globs": [name]} for name in NAMES]
    ended = read(tmp_path, config)
    assert ended.code == 1
    errors = [trace["error"] for trace in ended.of("TRACE") if trace["type"] == "ERROR"]
    assert [(error["stream_descriptor"]["name"], error["failure_type"]) for error in errors] == [
        ("a.csv", "config_error"),
        ("c.csv", "transient_error"),
    ]
    assert [statuses(ended, name)[-1] for name in NAMES] == ["INCOMPLETE", "COMPLETE", "INCOMPLETE"]
    assert [state["stream"]["stream_descriptor"]["name"] for state in ended.of("STATE")] == ["b.csv"]
