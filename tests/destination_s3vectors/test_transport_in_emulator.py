"""The transport against the service's rules, as the emulator knows them, with its faults."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import orjson

from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.emulator.server import Emulator
from destination_s3vectors.emulator.throttle import Rates
from destination_s3vectors.service.transport import Transport, Vector, client_for
from tests.destination_s3vectors.calls import keys, vectors
from tests.servers.running import running
from tests.sessions import signed_in


@contextmanager
def filled(rates: Rates | None = None) -> Iterator[tuple[Emulator, Transport, str]]:
    """Without rates nothing is waited for at full length."""
    with (
        running(Emulator(rates=rates)) as emulator,
        closing(client_for(signed_in("a-key", "a-secret"), "us-east-1", emulator.endpoint)) as client,
        closing(
            Transport(client, sleep=time.sleep if rates else lambda seconds: time.sleep(seconds / 50))
        ) as transport,
    ):
        client.create_vector_bucket(vectorBucketName="documents")
        made = client.create_index(
            vectorBucketName="documents", indexName="pages", dataType="float32", dimension=4, distanceMetric="cosine"
        )
        yield emulator, transport, made["indexArn"]


def test_faults_of_all_kinds_lose_nothing() -> None:
    with filled() as (emulator, transport, index):
        emulator.faults.set(
            [
                Rule("throttle", probability=0.1, burst=2),
                Rule("unavailable", "PutVectors", probability=0.2),
                Rule("internal", probability=0.1),
                Rule("reset_before", probability=0.1),
                Rule("reset_after", probability=0.1),
            ],
            seed=3,
        )
        given = vectors(2200)
        assert transport.put(index, given) == []
        found = transport.get(index, keys(2200), data=True)
        assert {key for key, _ in transport.list_all(index, metadata=True)} == set(keys(2200))
        transport.delete(index, keys(2000))
        assert len(list(transport.list_all(index, metadata=False))) == 200
        assert transport.counts.retries > 0
    for vector in given:
        stored = found[vector.key]
        assert stored.data is not None
        assert stored.data.tobytes() == vector.data.tobytes()
        assert stored.metadata == orjson.loads(vector.metadata)


def test_vectors_that_the_service_refuses_are_named_and_the_others_stored() -> None:
    given = vectors(300)
    given[7] = Vector("zero", np.zeros(4, np.float32), b"{}")
    given[211] = Vector("long", np.ones(4, np.float32), b'{"text":"%b"}' % (b"x" * 3000))
    with filled() as (_, transport, index):
        assert {each.key for each in transport.put(index, given)} == {"zero", "long"}
        assert len(list(transport.list_all(index, metadata=False))) == 298


def test_half_of_the_pace_is_found_and_nothing_is_lost() -> None:
    with filled(Rates(vectors_per_second=1250, burst_seconds=0.5)) as (_, transport, index):
        assert transport.put(index, vectors(3000)) == []
        assert len(list(transport.list_all(index, metadata=False))) == 3000
        assert transport.counts.refused < transport.counts.requests / 2
