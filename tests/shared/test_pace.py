"""Requests are packed, tried again, and held back; nothing is lost or reordered on the way."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_ingest.embed import Limits, Usage
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.pace import Gate, Paced, requests_of


class Recorder:
    """An embedder whose vector is the text's number; `answer` may raise first."""

    fingerprint = "recorder"
    dimensions = 1

    def __init__(self, limits: Limits | None = None, answer: Callable[[int], None] | None = None) -> None:
        self.limits = limits or Limits(texts=3, tokens=None, tokens_per_text=None)
        self.calls: list[Sequence[str]] = []
        self._answer = answer
        self._lock = Lock()

    def embed(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], Usage]:
        with self._lock:
            self.calls.append(texts)
            call = len(self.calls)
        if self._answer:
            self._answer(call)
        return np.array([[float(text)] for text in texts], np.float32), Usage(tokens=len(texts), requests=1)

    def count_tokens(self, text: str) -> int:
        return len(text)


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def paced(embedder: Recorder, time: Time, deadline: float = 600) -> Paced:
    return Paced(embedder, deadline=deadline, sleep=time.sleep, clock=time.clock)


def throttled(times: int, retry_after: float | None = None) -> Callable[[int], None]:
    def answer(call: int) -> None:
        if call <= times:
            raise TransientError("slow down", retry_after)

    return answer


def test_no_texts_make_no_request() -> None:
    embedder = Recorder()
    vectors, usage = Paced(embedder).embed([])
    assert (vectors.shape, usage, embedder.calls) == ((0, 1), Usage(0, 0), [])


def test_texts_are_packed_into_requests_and_stay_in_order() -> None:
    embedder = Recorder()
    vectors, usage = Paced(embedder).embed([str(number) for number in range(8)])
    assert vectors[:, 0].tolist() == list(range(8))
    assert vectors.dtype == np.float32
    assert [len(call) for call in embedder.calls] == [3, 3, 2]
    assert usage == Usage(tokens=8, requests=3)


@given(texts=st.lists(st.text("1", min_size=1, max_size=9)), most=st.integers(1, 5), tokens=st.integers(1, 20))
def test_no_request_is_above_the_limits_unless_one_text_alone_is(texts: list[str], most: int, tokens: int) -> None:
    embedder = Recorder(Limits(texts=most, tokens=tokens, tokens_per_text=None))
    runs = [texts[part] for part in requests_of(texts, embedder)]
    assert [text for run in runs for text in run] == texts
    assert all(len(run) <= most and (sum(map(len, run)) <= tokens or len(run) == 1) for run in runs)


def test_a_throttled_request_comes_back_when_the_service_says() -> None:
    time = Time()
    embedder = Recorder(answer=throttled(2, retry_after=7))
    vectors, _ = paced(embedder, time).embed(["1", "2"])
    assert vectors[:, 0].tolist() == [1, 2]
    assert len(time.slept) == 2
    assert all(7 <= seconds <= 7.7 for seconds in time.slept)


def test_without_a_time_the_wait_grows_and_is_random() -> None:
    time = Time()
    paced(Recorder(answer=throttled(9)), time).embed(["1"])
    assert len(set(time.slept)) == 9
    assert all(seconds <= min(60, 2**tries) for tries, seconds in enumerate(time.slept, 1))


def test_past_the_deadline_the_error_says_how_often_it_was_tried() -> None:
    time = Time()
    with pytest.raises(TransientError, match=r"Gave up after 4 tries within 30 seconds\. slow down"):
        paced(Recorder(answer=throttled(100, retry_after=9)), time, deadline=30).embed(["1"])
    assert time.now <= 30


def test_an_error_that_waiting_does_not_mend_is_not_tried_again() -> None:
    def answer(_: int) -> None:
        raise ConfigError("wrong key")

    embedder = Recorder(answer=answer)
    with pytest.raises(ConfigError):
        Paced(embedder).embed(["1"])
    assert len(embedder.calls) == 1


def test_as_many_requests_are_in_flight_as_allowed_and_no_more() -> None:
    together = Barrier(3)  # breaks by its timeout unless three requests are in flight at once
    in_flight: list[int] = []
    counts: list[int] = []

    def answer(call: int) -> None:
        in_flight.append(call)
        counts.append(len(in_flight))
        together.wait(60)
        in_flight.remove(call)

    three = Paced(Recorder(answer=answer), concurrency=3)
    with ThreadPoolExecutor(9) as pool:
        found = list(pool.map(lambda number: three.embed([str(number)])[0].item(), range(9)))
    assert found == list(range(9))
    assert max(counts) == 3


def test_the_gate_narrows_once_for_requests_that_fail_together_and_widens_slowly() -> None:
    gate = Gate(8)
    passages = [gate.passage() for _ in range(8)]
    for passage in passages:
        passage.__enter__()
    for passage in passages:
        error = TransientError("slow down")
        passage.__exit__(type(error), error, None)
    assert gate.limit == 4
    for _ in range(4):
        with gate.passage():
            pass
    assert 4.8 <= gate.limit <= 5
    for _ in range(100):
        with gate.passage():
            pass
    assert gate.limit == 8


def test_a_throttled_pool_loses_nothing() -> None:
    time = Time()

    def every_third(call: int) -> None:
        if call % 3 == 0:
            raise TransientError("slow down", 0)

    shared = paced(Recorder(answer=every_third), time)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda start: shared.embed([str(start + n) for n in range(10)])[0][:, 0].tolist(), range(100))
    assert list(found) == [[float(start + n) for n in range(10)] for start in range(100)]
