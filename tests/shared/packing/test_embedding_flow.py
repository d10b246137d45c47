"""The packer with OpenAI's real client against the service on loopback: limits kept, faults survived, nothing lost."""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.servers.embedding import limits as service_limits
from tests.servers.embedding_server import KEY, EmbeddingServer, Fault, vectors_of
from vector_ingest.embed.embedder import Embedder, Limits, Purpose, Usage
from vector_ingest.embed.openai import OpenAIEmbedder
from vector_ingest.embed.openai_options import OpenAI
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.rate import Rate

MINUTE = 2.0  # seconds, of the service and of the rate alike
# Of a limit, at least, on a machine that has other work as well. `test_rate.py` asks for 0.95 by a clock of its own,
# and the benchmark `embed_flow` measures it by the real one.
USED = 0.5


@contextmanager
def service(**options: Any) -> Iterator[EmbeddingServer]:
    server = EmbeddingServer(**options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(slots=True)
class Weighed:
    """OpenAI's embedder, and texts that all have so many tokens, by both counts."""

    inner: OpenAIEmbedder
    tokens: int
    limits: Limits
    fingerprint: str = "weighed"
    dimensions: int = 8

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        return self.inner.embed(texts, purpose)

    def count_tokens(self, text: str) -> int:  # noqa: ARG002
        return self.tokens

    def close(self) -> None:
        """It holds nothing."""


@contextmanager
def packing(
    server: EmbeddingServer, deadline: float = 60, weight: int | None = None, texts: int = 2048, **given: float
) -> Iterator[Packer]:
    option = OpenAI.model_validate({"openai_key": KEY, "base_url": f"{server.url}/v1", "dimensions": 8})
    embedder = OpenAIEmbedder(option)
    try:
        rate = Rate(**given, minute=MINUTE, now=time.monotonic())
        weighed: Embedder = embedder if weight is None else Weighed(embedder, weight, Limits(texts, 300_000, None))
        with Packer(weighed, rate, deadline) as packer:
            yield packer
    finally:
        embedder.close()


def named(count: int, words: int = 1, prefix: str = "t") -> Mapping[bytes, str]:
    return {f"{prefix}{number}".encode(): " ".join([f"{prefix}{number}"] * words) for number in range(count)}


def assert_whole(found: Mapping[bytes, Any], texts: Mapping[bytes, str]) -> None:
    assert set(found) == set(texts)
    expected = vectors_of(list(texts.values()), 8)
    assert np.array_equal(np.stack([found[digest] for digest in texts]), expected)


@pytest.mark.parametrize("size", [2_000, 60_000, 2_000_000])
def test_a_limit_of_tokens_is_used_and_next_to_nothing_refused(size: int) -> None:
    """A text is as many of the service's tokens as a hundredth of the limit, so that its words cost no time here."""
    weight = size // 100
    limits = service_limits.Limits(size, minute=MINUTE, begin=0.05)
    with service(limits=limits, count=lambda _: weight) as server, packing(server, weight=weight) as packer:
        texts = named(180)
        assert_whole(packer.ask(texts).result().vectors, texts)
        used, seconds = limits.used_after(share=0.2)
    assert used >= USED * size * seconds / MINUTE
    assert limits.refused <= 8  # before the first answer has told the limit
    assert packer.tally.tokens > 0


def test_a_limit_that_changes_in_mid_run_is_followed() -> None:
    limits = service_limits.Limits(100_000, minute=MINUTE, begin=0.05)
    with service(limits=limits, count=lambda _: 500) as server, packing(server, weight=500) as packer:
        asked = packer.ask(named(300))
        time.sleep(MINUTE / 2)
        with server.lock:
            limits.change("tokens", 200_000)
        assert len(asked.result().vectors) == 300
        used, seconds = limits.used_after(share=0.5)
    assert used >= USED * 200_000 * seconds / MINUTE
    assert limits.refused <= 2


def test_without_headers_the_refusals_teach_the_limit_and_nothing_is_lost() -> None:
    limits = service_limits.Limits(16_000, minute=MINUTE, begin=0.0, headers=False)
    texts = named(100)
    with service(limits=limits, count=lambda _: 200) as server, packing(server, weight=200) as packer:
        assert_whole(packer.ask(texts).result().vectors, texts)
        assert 0 < packer.tally.throttled == limits.refused
        assert packer.tally.requests == limits.refused + len(server.requests)


def test_a_slow_service_gets_more_requests_at_once_over_connections_that_are_kept() -> None:
    with service(latency=0.1) as server, packing(server, weight=1, texts=4) as packer:
        texts = named(600)
        assert_whole(packer.ask(texts).result().vectors, texts)
        assert server.most_in_flight > 8
        assert server.connections <= packer.embedder.limits.at_once < len(server.requests) / 3


FAULTS = [
    (Fault(status=500), "answers with status 500"),
    (Fault(status=502, body="<html>Bad gateway</html>"), "answers with status 502"),
    (Fault(status=503, retry_after="0"), "answers with status 503"),
    (Fault(status=408), "answers with status 408"),
    (Fault(broken="cut off"), "can't be reached"),
    (Fault(broken="reset"), "can't be reached"),
    (Fault(broken="half a body"), r"sent an answer that can't be read \([\d,]+ bytes"),
    (Fault(broken="a page"), "it begins with '<html>Welcome"),
    (Fault(broken="one vector short"), "answered 3 texts with 2 vectors"),
    (Fault(broken="one vector more"), "sent an answer|answered 3 texts with 4 vectors"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS, ids=lambda value: str(getattr(value, "broken", None) or value))
def test_what_waiting_may_mend_is_tried_again_and_told_if_it_stays(fault: Fault, message: str) -> None:
    texts = named(3)
    with service(faults=[fault]) as server, packing(server) as packer:
        assert_whole(packer.ask(texts).result().vectors, texts)
        assert (packer.tally.requests, packer.tally.retried) == (2, 1)
    with (
        service(fault=lambda _: fault) as server,
        packing(server, deadline=0) as packer,
        pytest.raises(TransientError, match=message) as caught,
    ):
        packer.ask(texts).result()
    assert "Gave up after 1 tries" in str(caught.value) or fault.retry_after == "0"
    assert KEY not in str(caught.value)


def test_a_key_that_is_taken_away_in_mid_run_ends_it_at_once() -> None:
    taken = Fault(status=401, body='{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}')
    with (
        service(fault=lambda number: taken if number >= 3 else None) as server,
        packing(server) as packer,
        pytest.raises(ConfigError, match=r"refuses the key \(status 401\)"),
    ):
        for number in range(9):
            packer.ask(named(2, prefix=f"{number}-")).result()


def test_a_vector_of_another_dimension_ends_it_and_both_are_named() -> None:
    with (
        service(faults=[Fault(broken="other dimension")]) as server,
        packing(server) as packer,
        pytest.raises(ConfigError, match="7 dimensions, expected 8"),
    ):
        packer.ask(named(3)).result()


def test_a_vector_with_nan_is_that_of_one_text() -> None:
    with service(faults=[Fault(broken="not a number")]) as server, packing(server) as packer:
        given = packer.ask(named(4)).result()
    assert_whole(given.vectors, named(4))  # the halves came whole


def test_poison_is_found_and_the_rest_embedded() -> None:
    texts = {**named(200), b"p": "this is poison", b"q": "poison, too"}
    with service(poison="poison") as server, packing(server) as packer:
        given = packer.ask(texts).result()
    assert_whole(given.vectors, named(200))
    assert set(given.refused) == {b"p", b"q"}
    assert isinstance(given.refused[b"p"], DataError)
    assert "'this is poison'" in str(given.refused[b"p"])
    assert not given.refused[b"p"].too_long


def test_a_text_that_the_service_finds_too_long_is_known_as_such() -> None:
    with service(tokens_per_text=10) as server, packing(server) as packer:
        given = packer.ask({**named(5), b"long": "word " * 11}).result()
    assert set(given.refused) == {b"long"}
    assert given.refused[b"long"].too_long


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_under_random_faults_lose_nothing(seed: int) -> None:
    chance = random.Random(seed)
    faults = [fault for fault, _ in FAULTS if fault.status in (200, 503)]

    def fault(_: int) -> Fault | None:
        return chance.choice(faults) if chance.random() < 0.2 else None

    limits = service_limits.Limits(60_000, 5_000, minute=MINUTE, retry_after=seed != 1, headers=seed != 2)
    with service(limits=limits, fault=fault, poison="poison") as server, packing(server) as packer:
        found: dict[int, Any] = {}

        def batch(number: int) -> None:
            with packer.bringing():
                asked = packer.ask({**named(40, prefix=f"{number // 2}-"), b"p%d" % number: f"poison {number}"})
            found[number] = asked.result()

        threads = [threading.Thread(target=batch, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert len(found) == 8
    for number, given in found.items():
        assert_whole(given.vectors, named(40, prefix=f"{number // 2}-"))
        assert set(given.refused) == {b"p%d" % number}
