"""Vectors go out and come back in many requests at once, and each caller waits for its own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from destination_s3vectors.service import limits
from destination_s3vectors.service.render import BODY_BYTES
from destination_s3vectors.service.service_errors import Failure
from destination_s3vectors.service.transport import Transport, Vector, client_for
from tests.destination_s3vectors.calls import SLOW_DOWN, connected, fine, keys, on, vectors
from tests.destination_s3vectors.scripted_service import INDEX, Fault, Request, ScriptedService
from tests.servers.running import running
from tests.sessions import signed_in
from vector_ingest.errors import TransientError

OTHER = f"{INDEX}-2"


def test_vectors_come_back_to_the_bit_with_their_metadata() -> None:
    given = vectors(1234, 48)
    with connected(fine) as (service, transport):
        assert transport.put(INDEX, given) == []
        found = transport.get(INDEX, [*keys(1300), "key 1"], data=True)
        assert [len(request.keys) for request in service.seen("PutVectors")].count(500) == 2
        assert all(len(request.json["keys"]) <= limits.GET_VECTORS for request in service.seen("GetVectors"))
    assert found.keys() == set(keys(1234))
    for at, vector in enumerate(given):
        data = found[vector.key].data
        assert data is not None
        assert data.dtype == np.float32
        assert data.tobytes() == vector.data.tobytes()
        assert found[vector.key].metadata == {"n": at}


def test_without_data_only_the_metadata_is_asked_for() -> None:
    with connected(fine) as (service, transport):
        transport.put(INDEX, vectors(2))
        found = transport.get(INDEX, ["key 1"])
        assert (found["key 1"].metadata, found["key 1"].data) == ({"n": 1}, None)
        (request,) = service.seen("GetVectors")
    assert request.json == {"indexArn": INDEX, "keys": ["key 1"], "returnData": False, "returnMetadata": True}


def test_of_vectors_with_one_key_the_last_is_stored() -> None:
    data = np.ones(2, np.float32)
    with connected(fine) as (service, transport):
        transport.put(INDEX, [Vector(f"k{number % 7}", data, b'{"n":%d}' % number) for number in range(2000)])
        assert {each["metadata"]["n"] for each in service.vectors.values()} == set(range(1993, 2000))


def test_large_vectors_are_cut_by_the_size_of_the_body() -> None:
    metadata = b'{"text":"%b"}' % (b"x" * 39_000)
    given = [Vector(each.key, each.data, metadata) for each in vectors(700, 4096)]
    with connected(fine) as (service, transport):
        transport.put(INDEX, given)
        sizes = [len(request.content) for request in service.seen("PutVectors")]
        assert len(service.vectors) == 700
    assert max(sizes) <= BODY_BYTES
    assert max(sizes) > 0.99 * BODY_BYTES


def test_threads_share_the_pool_and_each_waits_for_its_own() -> None:
    in_flight, most = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(4)

    def count(request: Request) -> Fault | None:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        if request.number <= 4:
            together.wait(60)
        with lock:
            in_flight -= 1
        return SLOW_DOWN if request.number % 5 == 0 else None

    def load(number: int) -> bool:
        mine = [Vector(f"{number} {each.key}", each.data, each.metadata) for each in vectors(900)]
        transport.put((INDEX, OTHER)[number % 2], mine)
        found = transport.get(INDEX, [each.key for each in mine])
        transport.delete(INDEX, [each.key for each in mine[:100]])
        return found.keys() == {each.key for each in mine}

    with connected(count, threads=4) as (service, transport):
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(load, range(8)))
        assert len(service.vectors) == 8 * 800
    assert 4 <= most <= 8  # 4 of writes, 4 of reads


def test_a_listing_gives_every_vector_once_over_pages_and_segments() -> None:
    with connected(on("ListVectors", SLOW_DOWN, lambda number: number % 6 == 0)) as (service, transport):
        transport.put(INDEX, vectors(500))
        found = list(transport.list_all(INDEX, metadata=True))
        bare = list(transport.list_all(INDEX, metadata=False, segments=1))
        assert {request.json["segmentCount"] for request in service.seen("ListVectors")} == {limits.SEGMENTS, 1}
    assert sorted(key for key, _ in found) == sorted(keys(500))
    assert dict(found)["key 7"] == {"n": 7}
    assert sorted(bare) == sorted((key, {}) for key in keys(500))


def test_a_listing_that_is_not_read_fetches_no_more_than_two_pages_of_each_segment() -> None:
    with connected(fine) as (service, transport):
        transport.put(INDEX, vectors(1000))
        listing = transport.list_all(INDEX, metadata=False, segments=4)
        next(listing)
        transport.get(INDEX, keys(300))
        listing.close()  # type: ignore[attr-defined]
        assert len(service.seen("ListVectors")) <= 8


def test_any_other_request_is_tried_again_and_what_waiting_does_not_mend_comes_back() -> None:
    faults = {1: SLOW_DOWN, 2: Fault(500), 3: Fault(404, "NotFoundException", "no such index")}
    with connected(lambda request: faults.get(request.number)) as (_, transport):
        outcome = transport.ask("find the index", INDEX, lambda: transport.client.get_index(indexArn=INDEX))
        assert isinstance(outcome, Failure)
        assert outcome.kind == "missing"
        assert transport.counts.requests == 3
        answer = transport.ask("delete", INDEX, lambda: transport.client.delete_vectors(indexArn=INDEX, keys=["a"]))
        assert not isinstance(answer, Failure)


def test_closing_gives_up_what_waits_to_be_sent_again() -> None:
    refused = threading.Event()

    def slow(_: Request) -> Fault:
        refused.set()
        return SLOW_DOWN

    with running(ScriptedService(slow)) as service:
        client = client_for(signed_in("the-key", "secret"), "eu-west-1", service.endpoint)
        transport = Transport(client)
        with ThreadPoolExecutor(1) as pool:
            put = pool.submit(transport.put, INDEX, vectors(600))
            refused.wait(60)
            transport.close()
            with pytest.raises(TransientError, match="given up"):
                put.result(60)
        client.close()
