"""Texts of many threads become full requests, tried again and held back; nothing is lost, reordered, or done twice."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Lock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.rate import Rate
from vector_ingest.packing.requests import Given, Queue, Request, Text

THREE = Limits(texts=3, tokens=None, tokens_per_text=None)
MANY = Limits(texts=100, tokens=None, tokens_per_text=None)


class Recorder:
    """An embedder whose vector is the text's number; `answer` may raise first, or wait."""

    fingerprint = "recorder"
    dimensions = 1

    def __init__(self, limits: Limits = THREE, answer: Callable[[int, Sequence[str]], None] | None = None) -> None:
        self.limits = limits
        self.calls: list[Sequence[str]] = []
        self._answer = answer
        self._lock = Lock()

    def embed(
        self,
        texts: Sequence[str],
        purpose: Purpose = "document",  # noqa: ARG002
    ) -> tuple[npt.NDArray[np.float32], Usage]:
        with self._lock:
            self.calls.append(texts)
            call = len(self.calls)
        if self._answer:
            self._answer(call, texts)
        return np.array([[float(text)] for text in texts], np.float32), Usage(tokens=len(texts), requests=1)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def close(self) -> None:
        """It holds nothing."""


def ask(packer: Packer, texts: Sequence[str]) -> Given:
    return packer.ask({text.encode(): text for text in texts}).result()


def numbers(packer: Packer, texts: Sequence[str]) -> list[float]:
    vectors = ask(packer, texts).vectors
    return [vectors[text.encode()].item() for text in texts]


def failing(times: int, error: Exception) -> Callable[[int, Sequence[str]], None]:
    def answer(call: int, _: Sequence[str]) -> None:
        if call <= times:
            raise error

    return answer


@contextmanager
def running(embedder: Recorder, deadline: float = 600) -> Iterator[Packer]:
    with Packer(embedder, deadline=deadline) as packer:
        yield packer


def test_no_texts_make_no_request() -> None:
    embedder = Recorder()
    with running(embedder) as packer:
        assert ask(packer, []) == Given({}, {})
    assert embedder.calls == []


def test_texts_are_packed_into_requests_in_their_order() -> None:
    embedder = Recorder()
    with running(embedder) as packer:
        assert numbers(packer, [str(number) for number in range(8)]) == list(range(8))
        assert (packer.tally.requests, packer.tally.tokens) == (3, 8)
    assert sorted(len(call) for call in embedder.calls) == [2, 3, 3]


@given(texts=st.lists(st.text("1", min_size=1, max_size=9)), most=st.integers(1, 5), tokens=st.integers(1, 20))
def test_no_request_is_above_the_limits_unless_one_text_alone_is(texts: list[str], most: int, tokens: int) -> None:
    queue = Queue(Limits(texts=most, tokens=tokens, tokens_per_text=None))
    queue.add([Text(b"", text, len(text)) for text in texts])
    runs: list[list[str]] = []
    while queue:
        runs.append([text.text for text in queue.take(1_000).texts])
    assert [text for run in runs for text in run] == texts
    assert all(len(run) <= most and (sum(map(len, run)) <= tokens or len(run) == 1) for run in runs)
    assert queue.tokens == 0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 1000))
def test_what_a_request_took_is_charged_to_its_texts_to_the_last_token(sizes: list[int], tokens: int) -> None:
    request = Request([Text(b"", "", size) for size in sizes])
    request.share_out(tokens)
    assert sum(text.charged for text in request.texts) == tokens
    assert all(abs(text.charged - tokens * text.tokens / request.tokens) <= 1 for text in request.texts)


def test_the_texts_of_many_small_batches_fill_requests_together() -> None:
    embedder = Recorder(MANY)
    together = Barrier(20)
    with running(embedder) as packer, ThreadPoolExecutor(20) as pool:

        def batch(number: int) -> list[float]:
            texts = [str(number * 100 + place) for place in range(15)]
            with packer.bringing():
                together.wait(60)
                asked = packer.ask({text.encode(): text for text in texts})
            vectors = asked.result().vectors
            return [vectors[text.encode()].item() for text in texts]

        found = list(pool.map(batch, range(20)))
    assert found == [[number * 100 + place for place in range(15)] for number in range(20)]
    assert [len(call) for call in embedder.calls] == [100, 100, 100]


def test_a_request_that_is_not_full_leaves_at_once_when_nobody_brings_more() -> None:
    with running(Recorder(MANY)) as packer:
        begun = time.monotonic()
        for number in range(20):
            with packer.bringing():
                asked = packer.ask({b"%d" % number: str(number)})
            asked.result()
        assert time.monotonic() - begun < 1


def test_the_same_text_is_on_its_way_once_and_remembered_afterwards() -> None:
    begun, go_on = Event(), Event()

    def answer(_: int, __: Sequence[str]) -> None:
        begun.set()
        go_on.wait(60)

    embedder = Recorder(MANY, answer)
    with running(embedder) as packer, ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, packer, ["7"])
        begun.wait(60)
        others = [pool.submit(ask, packer, ["7", "8"]) for _ in range(3)]
        while len(packer._on_their_way) < 2:
            time.sleep(0.001)
        go_on.set()
        given = [future.result(60) for future in (first, *others)]
        assert [each.vectors[b"7"].item() for each in given] == [7] * 4
        assert numbers(packer, ["8", "7"]) == [8, 7]
    assert sorted(text for call in embedder.calls for text in call) == ["7", "8"]
    assert sum(each.embedded for each in given) == 2


def test_a_throttled_request_comes_back_when_the_service_says() -> None:
    embedder = Recorder(answer=failing(2, TransientError("slow down", 0.1, throttled=True)))
    with running(embedder) as packer:
        begun = time.monotonic()
        assert numbers(packer, ["1", "2"]) == [1, 2]
        assert 0.2 <= time.monotonic() - begun < 2
        assert (packer.tally.throttled, packer.tally.retried, packer.tally.requests) == (2, 2, 3)


def test_texts_that_were_throttled_leave_before_those_that_came_after_them() -> None:
    one_by_one = Limits(texts=1, tokens=None, tokens_per_text=None, at_once=1)
    embedder = Recorder(one_by_one, failing(1, TransientError("slow down", 0.01, throttled=True)))
    with running(embedder) as packer:
        ask(packer, ["1", "2", "3"])
    assert embedder.calls == [["1"], ["1"], ["2"], ["3"]]


def test_the_time_of_being_throttled_begins_anew_with_each_success() -> None:
    throttled = TransientError("too many", 0.3, throttled=True)

    def answer(call: int, _: Sequence[str]) -> None:
        if call in (1, 3):
            raise throttled

    with running(Recorder(answer=answer), deadline=0.5) as packer:
        assert numbers(packer, [str(number) for number in range(6)]) == list(range(6))
        assert packer.tally.throttled == 2


@pytest.mark.parametrize("throttled", [True, False])
def test_past_the_deadline_the_error_says_how_often_it_was_tried(throttled: bool) -> None:
    error = TransientError("no more", 0.11, throttled=throttled)
    with (
        running(Recorder(answer=failing(100, error)), deadline=0.3) as packer,
        pytest.raises(TransientError, match=r"Gave up after 3 tries within 0 seconds\. no more"),
    ):
        ask(packer, ["1"])


@pytest.mark.parametrize("error", [ConfigError("wrong key"), ZeroDivisionError("a bug")])
def test_an_error_that_waiting_does_not_mend_reaches_all_that_wait(error: Exception) -> None:
    def answer(call: int, _: Sequence[str]) -> None:
        if call == 5:
            raise error

    with running(Recorder(answer=answer)) as packer, ThreadPoolExecutor(4) as pool:
        asked: list[Future[Given]] = [
            pool.submit(ask, packer, [str(start + n) for n in range(300)]) for start in (0, 1000, 2000, 3000)
        ]
        for each in asked:
            with pytest.raises(type(error), match=str(error)):
                each.result(60)
        with pytest.raises(type(error)):
            ask(packer, ["9"])


def test_a_load_that_ends_does_not_wait_for_the_model() -> None:
    embedder = Recorder(answer=failing(100, TransientError("no more", 60)))
    with running(embedder) as packer, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, packer, ["1"])
        while not embedder.calls:
            time.sleep(0.001)
        packer.stop(ValueError("the store is gone"))
        with pytest.raises(ValueError, match="the store is gone"):
            asked.result(10)


def test_requests_in_flight_grow_to_what_the_provider_allows() -> None:
    in_flight, most, lock = [0], [0], Lock()

    def answer(_: int, __: Sequence[str]) -> None:
        with lock:
            in_flight[0] += 1
            most[0] = max(most[0], in_flight[0])
        time.sleep(0.02)
        with lock:
            in_flight[0] -= 1

    embedder = Recorder(Limits(texts=1, tokens=None, tokens_per_text=None, at_once=12), answer)
    with running(embedder) as packer:
        assert numbers(packer, [str(number) for number in range(150)]) == list(range(150))
    assert most[0] == 12


def test_a_refused_text_is_found_by_halving_and_all_others_have_their_vectors() -> None:
    def answer(_: int, texts: Sequence[str]) -> None:
        if "13" in texts or "77" in texts:
            raise DataError("a text", "poison")

    embedder = Recorder(MANY, answer)
    with running(embedder) as packer:
        given = ask(packer, [str(number) for number in range(100)])
    assert set(given.refused) == {b"13", b"77"}
    assert len(given.vectors) == given.embedded == 98
    assert len(embedder.calls) <= 1 + 2 * 2 * 7


@pytest.mark.parametrize("seed", range(6))
def test_under_random_faults_nothing_is_lost(seed: int) -> None:
    chance = random.Random(seed)

    def answer(_: int, texts: Sequence[str]) -> None:
        kind = chance.random()
        if kind < 0.15:
            raise TransientError("slow down", chance.choice([0.0, 0.01]), throttled=True)
        if kind < 0.3:
            raise TransientError("broken", 0.001)
        if any(text.endswith("13") for text in texts):
            raise DataError("a text", "poison")
        time.sleep(chance.random() / 500)

    limits = Limits(texts=chance.randrange(1, 40), tokens=chance.choice([None, 20, 100]), tokens_per_text=None)
    rate = Rate(None, chance.choice([None, 1_000_000]), minute=0.1, now=time.monotonic())
    with Packer(Recorder(limits, answer), rate) as packer:

        def batch(number: int) -> tuple[list[str], Given]:
            texts = [str(number * 7 + place) for place in range(chance.randrange(30))]  # they overlap
            with packer.bringing():
                asked = packer.ask({text.encode(): text for text in texts})
            return texts, asked.result()

        with ThreadPoolExecutor(8) as pool:
            for texts, given in pool.map(batch, range(60)):
                expected = {text: float(text) for text in texts if not text.endswith("13")}
                assert {digest.decode(): vector.item() for digest, vector in given.vectors.items()} == expected
                assert {digest.decode() for digest in given.refused} == {text for text in texts if text.endswith("13")}
