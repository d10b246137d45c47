"""Whatever the service answers, all good vectors are stored and each bad one is named."""

from collections.abc import Sequence

import numpy as np
import pytest

from destination_s3vectors.service.transport import Vector
from tests.destination_s3vectors.calls import SLOW_DOWN, TOO_MUCH, connected, fine, keys, on, vectors
from tests.destination_s3vectors.scripted_service import INDEX, Fault, Request, Script
from vector_ingest.errors import ConfigError, TransientError


def test_bursts_of_refusals_lose_nothing() -> None:
    with connected(on("PutVectors", SLOW_DOWN, lambda number: number % 7 < 4)) as (service, transport):
        assert transport.put(INDEX, vectors(8000)) == []
        assert service.vectors.keys() == set(keys(8000))
        counts = transport.counts
    assert counts.vectors == 8000
    assert counts.refused == counts.retries == counts.requests - 16 > 0


@pytest.mark.parametrize(
    "fault", [Fault(reset=True), Fault(500), Fault(408, "RequestTimeoutException"), Fault(502, "", raw=b"<html>")]
)
@pytest.mark.parametrize("operation", ["PutVectors", "DeleteVectors", "GetVectors", "ListVectors"])
def test_what_breaks_is_sent_again(operation: str, fault: Fault) -> None:
    broken: set[str] = set()

    def once_each(request: Request) -> Fault | None:
        if request.operation != operation or request.operation in broken:
            return None
        broken.add(request.operation)
        return fault

    with connected(once_each) as (service, transport):
        assert transport.put(INDEX, vectors(600)) == []
        assert len(service.vectors) == 600
        assert len(transport.get(INDEX, keys(600))) == 600
        assert len(list(transport.list_all(INDEX, metadata=False, segments=2))) == 600
        transport.delete(INDEX, keys(600))
        assert service.vectors == {}
        assert transport.counts.retries == 1


def test_a_batch_above_the_capacity_shrinks_for_a_while() -> None:
    def capacity(request: Request) -> Fault | None:
        return TOO_MUCH if request.operation == "PutVectors" and len(request.keys) > 130 else None

    with connected(capacity, threads=1) as (service, transport):
        assert transport.put(INDEX, vectors(3000)) == []
        assert len(service.vectors) == 3000
        assert transport.counts.refused <= 8
        sizes = [len(request.keys) for request in service.seen("PutVectors")]
        assert sizes[:3] == [500, 250, 125]
        service.script = fine
        for _ in range(30):  # time passes with the pace
            transport.put(INDEX, vectors(3000))
        assert len(service.seen("PutVectors")[-1].keys) == 500


def test_a_small_batch_that_the_index_cannot_take_is_split_down_to_what_it_can() -> None:
    def capacity(request: Request) -> Fault | None:
        return TOO_MUCH if request.operation == "PutVectors" and len(request.keys) > 2 else None

    with connected(capacity) as (service, transport):
        assert transport.put(INDEX, vectors(40)) == []
        assert len(service.vectors) == 40


def invalid(bad: Sequence[str], named: bool) -> Script:
    def script(request: Request) -> Fault | None:
        found = [key for key in request.keys if key in bad] if request.operation == "PutVectors" else []
        words = f"Invalid record for key '{found[0]}': too long" if found and named else "one is wrong"
        return Fault(400, "ValidationException", words) if found else None

    return script


def test_a_named_bad_vector_is_left_out_and_the_rest_is_sent() -> None:
    with connected(invalid(["key 3", "key 33", "key 700"], named=True)) as (service, transport):
        refused = transport.put(INDEX, vectors(1000))
        assert {(each.key, each.reason) for each in refused} == {
            (key, f"Invalid record for key '{key}': too long") for key in ("key 3", "key 33", "key 700")
        }
        assert service.vectors.keys() == set(keys(1000)) - {"key 3", "key 33", "key 700"}
        assert transport.counts.requests == 5
        assert transport.counts.vectors == 997


def test_of_two_keys_that_fit_the_message_the_longer_is_meant() -> None:
    two = [Vector(key, np.ones(2, np.float32), b"{}") for key in ("a", "a'b", "c")]
    fault = Fault(400, "ValidationException", "Invalid record for key 'a'b': no")
    with connected(on("PutVectors", fault, lambda number: number == 1)) as (service, transport):
        assert [each.key for each in transport.put(INDEX, two)] == ["a'b"]
        assert service.vectors.keys() == {"a", "c"}


@pytest.mark.parametrize("bad", ["key 0", "key 123", "key 499"])
def test_an_unnamed_bad_vector_of_500_is_found_with_few_requests(bad: str) -> None:
    with connected(invalid([bad], named=False)) as (service, transport):
        (refused,) = transport.put(INDEX, vectors(500))
        assert (refused.key, refused.reason) == (bad, "one is wrong")
        assert service.vectors.keys() == set(keys(500)) - {bad}
        assert transport.counts.requests <= 19


def test_several_unnamed_bad_vectors_are_all_found() -> None:
    bad = ["key 7", "key 8", "key 250", "key 499"]
    with connected(invalid(bad, named=False)) as (service, transport):
        assert sorted(each.key for each in transport.put(INDEX, vectors(500))) == sorted(bad)
        assert len(service.vectors) == 496


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (402, "ServiceQuotaExceededException", "higher quota"),
        (403, "AccessDeniedException", f"Grant s3vectors:PutVectors on {INDEX}"),
        (404, "NotFoundException", "deleted during the sync"),
        (400, "KmsDisabledException", "Enable the KMS key"),
    ],
)
def test_what_the_user_must_mend_ends_the_put_at_once(status: int, code: str, message: str) -> None:
    with (
        connected(lambda _: Fault(status, code), threads=2) as (_, transport),
        pytest.raises(ConfigError, match=message) as caught,
    ):
        transport.put(INDEX, vectors(20_000))
    assert f"put vectors into {INDEX}" in str(caught.value)
    assert transport.counts.requests < 20
    assert transport.counts.retries == 0


@pytest.mark.parametrize("fault", [SLOW_DOWN, TOO_MUCH, Fault(500), Fault(409, "ConflictException")])
def test_patience_ends_and_says_what_came(fault: Fault) -> None:
    with (
        connected(lambda _: fault, patience=30, threads=1) as (_, transport),
        pytest.raises(TransientError, match=rf"Gave up after \d+ tries and 30 seconds\. Could not put .*{fault.code}"),
    ):
        transport.put(INDEX, vectors(1))
    assert transport.counts.requests > 5


def test_a_call_that_only_fails_is_given_up_though_others_succeed() -> None:
    def one(request: Request) -> Fault | None:
        return Fault(500) if request.operation == "PutVectors" and request.keys[0] == "key 0" else None

    with connected(one, patience=30) as (_, transport), pytest.raises(TransientError, match="Gave up"):
        for _ in range(1000):
            transport.put(INDEX, vectors(501))
