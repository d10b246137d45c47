"""Small objects by one request of their own: what it asks, and that all else is left to the client, over HTTP."""

import threading
from typing import Any

import pytest

from demo.s3_server import REGION
from source_s3.content.contents import fetch_contents, open_contents
from source_s3.content.small_object import fetch_small
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at, stored
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import Anonymous
from vector_ingest.errors import ConfigError, TransientError

KEYS = ["a.csv", "f o/ü漢.csv", "a=b/x'(z)!$&;,@+.csv", "day=2026-11-21/part:0001_x.csv"]
# A store that knows no If-Match answers so, once the object was overwritten.
OTHER = {"ETag": '"other"', "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}
ODD = ["smile😀.csv", "a?e#f%20.csv", "x~y*.csv", "double//slash.csv", "/first.csv", "last/"]


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_fetched_by_one_signed_request_for_the_listed_version(
    client: Any, bucket: Bucket, proxy: FaultyS3, key: str
) -> None:
    bucket.put(key, b"id\n1\n")
    (found,) = listed(client, bucket)
    proxy.requests.clear()

    with open_contents(at(client, bucket), found) as file:
        assert file.read() == b"id\n1\n"
    (request,) = proxy.seen("GET")
    assert request.headers["if-match"] == f'"{found.etag}"'
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256")
    client.get_object(Bucket=bucket.name, Key=key)
    assert proxy.seen("GET")[-1].path == request.path
    assert proxy.seen("GET")[-1].headers["user-agent"].split()[0] == request.headers["user-agent"].split()[0]


@pytest.mark.parametrize("key", ODD)
def test_keys_that_could_become_others_on_the_way_are_the_clients(client: Any, bucket: Bucket, key: str) -> None:
    bucket.put(key, b"id\n1\n")
    (found,) = listed(client, bucket)
    assert fetch_small(at(client, bucket), found) is None
    assert fetch_contents(at(client, bucket), found) == b"id\n1\n"


def listed(client: Any, bucket: Bucket) -> Any:
    from source_s3.listing.objects import list_objects
    from source_s3.plan import Selection

    return list(list_objects(at(client, bucket), Selection(["**"])))


@pytest.mark.parametrize(
    "fault",
    [
        Rule("answer", status=503),
        Rule("answer", status=500, code="InternalError"),
        Rule("truncate", after=2),
        Rule("reset", after=2),
        Rule("answer", status=200, body=b"another object of another version", headers=OTHER),
        Rule("answer", status=200, body=b"id\n2\n", headers=OTHER),
    ],
    ids=["throttled", "failed", "truncated", "reset", "another version", "another version of the same size"],
)
def test_what_is_not_the_whole_object_is_asked_for_again_by_the_client(
    client: Any, bucket: Bucket, proxy: FaultyS3, fault: Rule
) -> None:
    found = stored(client, bucket, body=b"id\n1\n")
    fault.path = "/big.bin"
    proxy.rules.append(fault)

    assert fetch_contents(at(client, bucket), found) == b"id\n1\n"
    assert len(proxy.seen("GET", "/big.bin")) == 2
    assert fetch_small(at(client, bucket), found) == b"id\n1\n"


def test_an_object_that_was_changed_or_is_gone_is_an_error_of_its_own(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, body=b"id\n1\n")
    bucket.put("big.bin", b"id\n2\n")
    with pytest.raises(TransientError, match="changed while it was read"):
        fetch_contents(at(client, bucket), found)
    bucket.client.delete_object(Bucket=bucket.name, Key="big.bin")
    with pytest.raises(TransientError, match="not there"):
        fetch_contents(at(client, bucket), found)


def test_refusals_in_a_row_end_the_short_way_and_the_client_says_what_is_wrong(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    found = stored(client, bucket, body=b"id\n1\n")
    proxy.rules.append(Rule("answer", status=403, code="AccessDenied", path="/big.bin", times=6))
    for _ in range(3):
        with pytest.raises(ConfigError, match="AccessDenied"):
            fetch_contents(at(client, bucket), found)

    proxy.requests.clear()
    assert fetch_small(at(client, bucket), found) is None
    assert proxy.seen("GET") == []


def test_an_anonymous_client_signs_nothing(bucket: Bucket, client: Any, proxy: FaultyS3) -> None:
    found = stored(client, bucket, body=b"id\n1\n")
    nobody = s3_client(Anonymous(), REGION, proxy.endpoint)
    proxy.requests.clear()

    fetch_small(at(nobody, bucket), found)
    (request,) = proxy.seen("GET")
    assert "authorization" not in request.headers


def test_what_the_client_adds_to_its_requests_is_in_these_too(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    found = stored(client, bucket, body=b"id\n1\n")

    def pay(params: Any, **_: Any) -> None:
        params["RequestPayer"] = "requester"

    client.meta.events.register("provide-client-params.s3.GetObject", pay)
    assert fetch_small(at(client, bucket), found) == b"id\n1\n"
    assert proxy.seen("GET", "big.bin")[-1].headers["x-amz-request-payer"] == "requester"


def test_many_threads_fetch_through_one_client(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, body=b"id\n1\n")
    answers: list[bytes | None] = []
    threads = [
        threading.Thread(target=lambda: answers.append(fetch_small(at(client, bucket), found))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"id\n1\n"] * 8
