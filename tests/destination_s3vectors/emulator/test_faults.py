"""Faults come by rule, and repeat with their seed."""

import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from destination_s3vectors.emulator.faults import Faults, Rule
from destination_s3vectors.emulator.server import Emulator
from tests.destination_s3vectors.emulator.conftest import Index, connect, refused, vector

BROKEN = (ConnectionClosedError, EndpointConnectionError, HTTPClientError)


def ask(emulator: Emulator, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(f"{emulator.endpoint}{path}", method=method, data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def outcome(index: Index) -> str:
    """ok, or the code of the error."""
    try:
        index.keys()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "TooManyRequestsException", 429),
        ("unavailable", "ServiceUnavailableException", 503),
        ("internal", "InternalServerException", 500),
        ("request_timeout", "RequestTimeoutException", 408),
    ],
)
def test_a_fault_that_is_an_answer_is_the_service_s_own(
    emulator: Emulator, index: Index, kind: Any, code: str, status: int
) -> None:
    emulator.faults.set([Rule(kind, "PutVectors", times=1)])
    assert refused(index.client.put_vectors, **index.name, vectors=[vector("a")])[:2] == (code, status)
    assert index.keys() == []
    index.put(vector("a"))


def test_any_error_of_the_service_can_be_asked_for(emulator: Emulator, index: Index) -> None:
    emulator.faults.set([Rule("error", code="KmsDisabledException", status=400, message="The key is disabled")])
    found = refused(index.client.list_vectors, **index.name)
    assert found[:3] == ("KmsDisabledException", 400, "The key is disabled")


def test_the_numbered_calls_fail_and_bursts_follow(emulator: Emulator, index: Index) -> None:
    emulator.faults.set([Rule("throttle", "ListVectors", calls=[2, 6], burst=2)])
    outcomes = [outcome(index) for _ in range(8)]
    assert [number for number, found in enumerate(outcomes, 1) if found != "ok"] == [2, 3, 6, 7]


def test_the_same_seed_gives_the_same_faults() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults()
        faults.set([Rule("throttle", probability=0.3)], seed)
        return [faults.next("PutVectors", frozenset()) is not None for _ in range(500)]

    assert hits(1) == hits(1) != hits(2)
    assert 100 < sum(hits(1)) < 200


@pytest.mark.parametrize(("kind", "stored"), [("reset_before", []), ("reset_after", ["a"])])
def test_a_reset_before_loses_the_write_and_a_reset_after_only_its_answer(
    emulator: Emulator, index: Index, kind: Any, stored: list[str]
) -> None:
    emulator.faults.set([Rule(kind, "PutVectors", times=1)])
    with pytest.raises(BROKEN):
        index.put(vector("a"))
    assert index.keys() == stored


def test_a_timeout_never_answers(emulator: Emulator, index: Index) -> None:
    emulator.faults.set([Rule("timeout", "PutVectors", seconds=0.2)])
    before = time.monotonic()
    with pytest.raises(BROKEN):
        index.put(vector("a"))
    assert time.monotonic() - before >= 0.2
    assert index.keys() == []


def test_a_slow_answer_comes_late(emulator: Emulator, index: Index) -> None:
    emulator.faults.set([Rule("slow", "PutVectors", seconds=0.2)])
    before = time.monotonic()
    index.put(vector("a"))
    assert time.monotonic() - before >= 0.2


def test_stopping_does_not_wait_for_a_slow_answer_to_come() -> None:
    emulator = Emulator()
    emulator.faults.set([Rule("slow", seconds=60)])
    emulator.start()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(connect(emulator.endpoint).list_vector_buckets)
        while not emulator.faults.state()[0]["fired"]:
            time.sleep(0.01)
        before = time.monotonic()
        emulator.stop()
        assert time.monotonic() - before < 20
        assert call.result()["vectorBuckets"] == []


@pytest.mark.parametrize(
    ("action", "call", "parameters", "allowed"),
    [
        ("s3vectors:ListVectors", "list_vectors", {}, False),
        ("s3vectors:GetVectors", "list_vectors", {}, True),
        ("s3vectors:GetVectors", "list_vectors", {"returnData": False, "returnMetadata": False}, True),
        ("s3vectors:GetVectors", "list_vectors", {"returnData": True}, False),
        ("s3vectors:GetVectors", "list_vectors", {"returnMetadata": True}, False),
        ("s3vectors:GetVectors", "get_vectors", {"keys": ["a"]}, False),
        ("s3vectors:GetVectors", "query_vectors", {"topK": 1, "filter": {"a": 1}}, False),
        ("s3vectors:GetVectors", "query_vectors", {"topK": 1, "returnMetadata": True}, False),
        (
            "s3vectors:GetVectors",
            "query_vectors",
            {"topK": 1, "queryTexts": [{"text": "a", "metadataKey": "b"}]},
            False,
        ),
        ("s3vectors:DeleteVectors", "get_vectors", {"keys": ["a"]}, True),
    ],
)
def test_a_denied_action_denies_every_call_that_needs_it(
    emulator: Emulator, index: Index, action: str, call: str, parameters: dict[str, Any], allowed: bool
) -> None:
    emulator.faults.set([Rule("deny", action=action)])
    if allowed:
        getattr(index.client, call)(**index.name, **parameters)
        return
    found = refused(getattr(index.client, call), **index.name, **parameters)
    assert found[:2] == ("AccessDeniedException", 403)
    assert action in found[2]


@pytest.mark.parametrize("tags", [None, {"a": "b"}])
def test_tags_at_creation_need_the_right_to_tag(emulator: Emulator, client: Any, tags: dict[str, str] | None) -> None:
    emulator.faults.set([Rule("deny", action="s3vectors:TagResource")])
    if tags is None:
        client.create_vector_bucket(vectorBucketName="one")
    else:
        assert refused(client.create_vector_bucket, vectorBucketName="one", tags=tags)[0] == "AccessDeniedException"


def test_another_process_sets_the_faults_and_reads_the_log(emulator: Emulator, index: Index) -> None:
    ask(emulator, "DELETE", "/_emulator/log")
    rules = [
        {"kind": "throttle", "operation": "ListVectors", "calls": [1]},
        {"kind": "slow", "seconds": 0, "calls": [2]},
    ]
    ask(emulator, "PUT", "/_emulator/faults", {"seed": 1, "rules": rules})
    assert [outcome(index) for _ in range(3)] == ["TooManyRequestsException", "ok", "ok"]
    assert ask(emulator, "GET", "/_emulator/log") == {
        "ListVectors": {
            "calls": 3,
            "refused": {"TooManyRequestsException": 1},
            "faults": {"throttle": 1, "slow": 1},
        }
    }
    assert [(rule["seen"], rule["fired"]) for rule in ask(emulator, "GET", "/_emulator/faults")["rules"]] == [
        (3, 1),
        (2, 1),
    ]


@pytest.mark.parametrize(
    "rule",
    [{"kind": "fire"}, {}, {"kind": "slow", "colour": 1}, {"kind": "slow", "operation": "Count"}, {"kind": "deny"}, 5],
)
def test_a_rule_that_means_nothing_is_refused(emulator: Emulator, rule: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(emulator, "PUT", "/_emulator/faults", {"rules": [rule]})
    assert caught.value.code == 400
    assert "Expected" in json.loads(caught.value.read())["message"]
    assert ask(emulator, "GET", "/_emulator/faults") == {"rules": []}
