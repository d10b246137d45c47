"""What becomes of a sync when objects or the store fail for good. All through the command, over HTTP.

docs/faults.md names these tests.
"""

import json
import re
from dataclasses import dataclass, replace
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import last_states, logs, records, statuses
from tests.source_s3.sync.faults import LEAVE, NAMES, ids, put_three, read, settings


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


@pytest.mark.parametrize("fault", ["access denied", "server error"])
def test_an_unreadable_object_of_an_inventory_is_left_too(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, fault: str
) -> None:
    put_three(bucket)
    rows = "".join(f'"{bucket.name}","{name}","5","2026-01-02T00:00:00.000Z","e"\n' for name in NAMES).encode()
    bucket.put("inventory/data", rows)
    manifest = {
        "destinationBucket": bucket.name,
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag",
        "files": [{"key": "inventory/data", "MD5checksum": md5(rows, usedforsecurity=False).hexdigest()}],
    }
    bucket.put("inventory/manifest.json", json.dumps(manifest))
    chosen = settings(bucket, proxy, LEAVE)
    chosen["streams"][0]["manifest"] = f"s3://{bucket.name}/inventory/manifest.json"
    rule = OF_ONE_OBJECT[fault].on("b.csv")
    proxy.rules += [rule, replace(rule, method="HEAD")]
    first = read(tmp_path, chosen)
    assert (first.code, statuses(first)[-1], ids(first)) == (0, "COMPLETE", ["1", "3"])
    assert re.search(f"left for the next sync: .*s3://{bucket.name}/b.csv", logs(first))
    proxy.rules.clear()
    second = read(tmp_path, chosen, last_states(first))
    assert (second.code, ids(second)) == (0, ["2"])


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
