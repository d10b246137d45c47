"""Writes to an index are held to the documented rates."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_s3vectors.emulator.errors import ServiceError
from destination_s3vectors.emulator.server import Emulator
from destination_s3vectors.emulator.throttle import Rates, Throttle
from tests.destination_s3vectors.emulator.conftest import Index, MakeIndex, refused, vector
from tests.servers.running import running


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passes(throttle: Throttle, vectors: int, index: str = "one") -> bool:
    try:
        throttle.take(index, vectors)
    except ServiceError:
        return False
    return True


def test_vectors_beyond_the_burst_wait_for_their_rate() -> None:
    clock = Clock()
    throttle = Throttle(Rates(1000, 2500), clock)
    assert [passes(throttle, 500) for _ in range(6)] == [True] * 5 + [False]
    clock.now += 0.19
    assert not passes(throttle, 500)
    clock.now += 0.02
    assert passes(throttle, 500)


def test_requests_are_limited_too() -> None:
    clock = Clock()
    throttle = Throttle(Rates(3, 2500), clock)
    assert [passes(throttle, 1) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.34
    assert passes(throttle, 1)


def test_each_index_has_a_rate_of_its_own() -> None:
    throttle = Throttle(Rates(1, 2500), Clock())
    assert [passes(throttle, 1, index) for index in ("one", "one", "two")] == [True, False, True]


def test_a_call_larger_than_the_burst_passes_when_rested() -> None:
    clock = Clock()
    throttle = Throttle(Rates(1000, 100), clock)
    assert passes(throttle, 500)
    clock.now += 4.9
    assert not passes(throttle, 500)
    clock.now += 0.2
    assert passes(throttle, 500)


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 0.5)), max_size=60))
def test_no_second_lets_more_pass_than_rate_and_burst(calls: list[tuple[int, float]]) -> None:
    clock = Clock()
    throttle = Throttle(Rates(1000, 2500), clock)
    passed = 0
    for vectors, pause in calls:
        passed += vectors * passes(throttle, vectors)
        clock.now += pause
    assert passed <= 2500 + 2500 * (clock.now - 100) + 0.001


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(Emulator(rates=Rates(requests_per_second=4, vectors_per_second=2500))) as emulator:
        yield emulator


def test_puts_and_deletes_share_the_rate_and_reads_have_none(make_index: MakeIndex) -> None:
    index: Index = make_index()
    index.put(vector("a"))
    index.client.delete_vectors(**index.name, keys=["a"])
    index.put(vector("a"))
    index.client.delete_vectors(**index.name, keys=["b"])
    assert refused(index.client.put_vectors, **index.name, vectors=[vector("c")])[:2] == (
        "TooManyRequestsException",
        429,
    )
    assert [index.keys() for _ in range(10)] == [["a"]] * 10
