"""The client sends our bodies as its own, to where it is told to."""

import hashlib
import re

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials

from destination_s3vectors.service.client import client_for
from tests.destination_s3vectors.calls import SLOW_DOWN, connected, keys, on, vectors
from tests.destination_s3vectors.scripted_service import INDEX, Fault, Request
from tests.sessions import signed_in
from vector_ingest.errors import ConfigError

NO_OBJECTS = (b"[]", b'"busy"', b"null")
OTHER_OBJECTS = (b"", b"{}", b'{"vectors":null}', b'{"vectors":{}}', b'{"vectors":[5]}', b'{"vectors":[{}]}')


def test_the_body_is_ours_and_length_and_signature_follow_it_also_when_it_is_sent_again() -> None:
    with connected(on("PutVectors", SLOW_DOWN, lambda number: number == 1)) as (service, transport):
        transport.put(INDEX, vectors(3))
        first, second = service.seen("PutVectors")
        client = transport.client
    assert first.content == second.content
    assert first.content.startswith(b'{"indexArn":"' + INDEX.encode() + b'","vectors":[{"key":"key 0","data"')
    assert int(first.headers["content-length"]) == len(first.content)
    assert first.headers["amz-sdk-invocation-id"] != second.headers["amz-sdk-invocation-id"]
    for request in (first, second):
        assert signature(request, str(client.meta.region_name)) in request.headers["authorization"]


def signature(request: Request, region: str) -> str:
    """As https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html has it."""
    stamp = request.headers["x-amz-date"]
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    again = AWSRequest("POST", f"http://{request.headers['host']}/PutVectors", data=request.content)
    for name in signed:
        again.headers[name] = request.headers[name]
    again.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials("the-key", "secret"), "s3vectors", region)
    assert signer.payload(again) == hashlib.sha256(request.content).hexdigest()
    return str(signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again))


def test_a_page_of_a_proxy_with_status_200_is_no_success() -> None:
    with connected(on("PutVectors", Fault(200, "", raw=b"<html>Log in"), lambda number: number < 3)) as (
        service,
        transport,
    ):
        transport.put(INDEX, vectors(3))
        assert len(service.vectors) == 3
        assert transport.counts.requests == 3


@pytest.mark.parametrize(
    ("operation", "raw"),
    [
        *((operation, raw) for operation in ("PutVectors", "GetVectors", "ListVectors") for raw in NO_OBJECTS),
        *((operation, raw) for operation in ("GetVectors", "ListVectors") for raw in OTHER_OBJECTS),
    ],
)
def test_an_answer_of_another_shape_is_no_success(operation: str, raw: bytes) -> None:
    first = {"PutVectors": 1, "GetVectors": 2, "ListVectors": 3}[operation]
    with connected(on(operation, Fault(200, "", raw=raw), lambda number: number == first)) as (service, transport):
        transport.put(INDEX, vectors(3))
        assert len(transport.get(INDEX, keys(3))) == 3
        assert len(list(transport.list_all(INDEX, metadata=False, segments=1))) == 3
        assert len(service.seen(operation)) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b'"busy"',
        b"null",
        b"\xff",
        b'{"__type":5}',
        b'{"code":["a"]}',
        b'{"fieldList":[5]}',
        b'{"fieldList":"x"}',
    ],
)
def test_an_error_of_another_shape_is_told_and_tried_again_by_its_status(raw: bytes) -> None:
    with connected(on("GetVectors", Fault(503, "", raw=raw), lambda number: number < 3)) as (service, transport):
        assert transport.get(INDEX, keys(1)) == {}
        assert len(service.requests) == 3
    with connected(on("GetVectors", Fault(400, "ValidationException", raw=raw), lambda _: True)) as (_, transport):
        shown = re.escape(raw.decode(errors="replace"))
        with pytest.raises(ConfigError, match=rf"was answered with ValidationException \({shown}\)"):
            transport.get(INDEX, keys(1))


def test_fips_and_an_endpoint_exclude_each_other() -> None:
    session = signed_in("the-key", "secret")
    with pytest.raises(ConfigError, match="leave out either"):
        client_for(session, "eu-west-1", "https://here", fips=True)


@pytest.mark.parametrize(
    ("endpoint", "fips", "host"),
    [
        (None, False, "https://s3vectors.us-east-1.api.aws/"),
        (None, True, "https://s3vectors-fips.us-east-1.api.aws/"),
        ("here:1", False, "https://here:1/"),
        ("http://here:1", False, "http://here:1/"),
    ],
)
def test_requests_go_to_the_region_or_to_the_endpoint(endpoint: str | None, fips: bool, host: str) -> None:
    urls = []

    def break_off(request: AWSPreparedRequest, **_: object) -> None:
        urls.append(request.url)
        raise ConnectionError("nothing leaves the test")

    client = client_for(signed_in("the-key", "secret"), "us-east-1", endpoint, fips)
    client.meta.events.register("before-send.s3vectors", break_off)
    with pytest.raises(ConnectionError):
        client.list_vectors(indexArn=INDEX)
    client.close()
    assert urls == [f"{host}ListVectors"]
