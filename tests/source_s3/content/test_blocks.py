"""A file fetched by blocks: any reads give its bytes, what is expected is fetched ahead, errors pass through."""

import random
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_s3.content.blocks import Block, BlockFile
from tests.waiting import until

BODY = random.Random(3).randbytes(10_000)
Fill = Callable[[int, memoryview, threading.Event], None]


def filling(asked: list[tuple[int, int]]) -> Fill:
    def fill(first: int, into: memoryview, stopped: threading.Event) -> None:  # noqa: ARG001
        asked.append((first, first + len(into)))
        into[:] = BODY[first : first + len(into)]

    return fill


@given(
    st.lists(st.integers(0, 10_000), max_size=12, unique=True),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 4_000)), max_size=20),
    st.randoms(use_true_random=False),
)
def test_whatever_is_expected_and_read_the_bytes_are_those_of_the_file(
    cuts: list[int], reads: list[tuple[int, int]], chance: random.Random
) -> None:
    bounds = sorted(cuts)
    expected = [Block(first, end, end - first) for first, end in zip(bounds[::2], bounds[1::2], strict=False)]
    chance.shuffle(expected)
    asked: list[tuple[int, int]] = []
    with BlockFile(filling(asked), len(BODY)) as file:
        file.expect(expected)
        for place, size in reads:
            assert file.seek(place) == place
            assert bytes(file.read_buffer(size) if chance.random() < 0.5 else file.read(size)) == BODY[place:][:size]
            assert file.tell() == min(place + size, len(BODY))


def test_blocks_read_to_their_end_are_fetched_once_and_nothing_else_is() -> None:
    asked: list[tuple[int, int]] = []
    with BlockFile(filling(asked), len(BODY)) as file:
        file.expect([Block(0, 1_000, 900), Block(5_000, 6_000, 1_000)])
        for place, size in ((0, 400), (500, 500), (5_000, 600), (5_600, 400)):
            file.seek(place)
            assert file.read(size) == BODY[place : place + size]
        assert file.unread == 0
    assert sorted(asked) == [(0, 1_000), (5_000, 6_000)]


def test_not_more_is_fetched_ahead_than_there_is_room_for() -> None:
    asked: list[tuple[int, int]] = []
    with BlockFile(filling(asked), len(BODY), ahead=2_500) as file:
        file.expect(Block(first, first + 1_000, 1_000) for first in range(0, 10_000, 1_000))
        until(lambda: len(asked) >= 2)
        time.sleep(0.05)  # for one more, if there were room
        assert sorted(asked) == [(0, 1_000), (1_000, 2_000)]
        file.seek(7_000)  # out of turn: it is fetched at once
        assert file.read(1_000) == BODY[7_000:8_000]
        file.seek(0)
        assert file.read() == BODY
    assert sorted(set(asked)) == [(first, first + 1_000) for first in range(0, 10_000, 1_000)]


def test_what_is_forgotten_makes_room_and_is_not_fetched() -> None:
    asked: list[tuple[int, int]] = []
    with BlockFile(filling(asked), len(BODY)) as file:
        file.expect([Block(0, 10, 10)])
        file.forget([Block(0, 10, 10), Block(50, 60, 10)])
        assert file.unread == 0


def test_an_error_is_raised_by_the_read_that_needs_the_bytes() -> None:
    def fill(first: int, into: memoryview, stopped: threading.Event) -> None:  # noqa: ARG001
        if first >= 5_000:
            raise TimeoutError("no answer")
        into[:] = BODY[first : first + len(into)]

    with BlockFile(fill, len(BODY)) as file:
        file.expect([Block(0, 1_000, 1_000), Block(5_000, 6_000, 1_000)])
        assert file.read(1_000) == BODY[:1_000]
        file.seek(5_500)
        with pytest.raises(TimeoutError, match="no answer"):
            file.read(10)


def test_closing_tells_those_who_fetch_to_give_up_and_leaves_no_thread() -> None:
    told: list[bool] = []

    def fill(first: int, into: memoryview, stopped: threading.Event) -> None:  # noqa: ARG001
        told.append(stopped.wait(10))

    file = BlockFile(fill, len(BODY))
    file.expect([Block(0, 1_000, 1_000)])
    file.close()
    assert told == [True]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
