"""Items made by one thread, worked on by more: the order, the bound, errors in their place, and no thread left."""

import threading
import time
from collections.abc import Generator
from contextlib import closing

import pytest

from source_s3.records.overlap import overlapped


def numbers(count: int, closed: list[bool] | None = None, fails_at: int | None = None) -> Generator[int, None, None]:
    try:
        for number in range(count):
            if number == fails_at:
                raise ValueError(f"no {number}")
            yield number
    finally:
        if closed is not None:
            closed.append(True)


def left() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(("reader", "render"))}


def test_results_come_in_order_however_long_each_takes() -> None:
    def work(number: int) -> int:
        time.sleep(0.003 if number % 3 == 0 else 0)
        return number * 2

    assert list(overlapped(numbers(100), work, lambda _: 1, 8, 4)) == [number * 2 for number in range(100)]
    assert list(overlapped(numbers(0), work, lambda _: 1, 8, 4)) == []


def test_what_is_under_way_stays_within_the_limit_and_the_callers_own_counts() -> None:
    made: list[int] = []

    def work(number: int) -> int:
        made.append(number)
        return number

    with closing(overlapped(numbers(100), work, lambda _: 10, 35, 2)) as results:
        for number in results:
            time.sleep(0.002)
            assert len(made) <= number + 3
        assert len(made) == 100


def test_an_item_over_the_limit_passes_alone() -> None:
    assert list(overlapped(numbers(5), lambda number: number, lambda _: 1000, 10, 2)) == [0, 1, 2, 3, 4]


def test_an_error_of_the_items_comes_after_the_results_before_it() -> None:
    closed: list[bool] = []
    found = []
    with pytest.raises(ValueError, match="no 7"):
        for number in overlapped(numbers(10, closed, fails_at=7), lambda number: number, lambda _: 1, 100, 2):
            found.append(number)  # noqa: PERF402  (what came before the error is wanted)
    assert (found, closed, left()) == ([0, 1, 2, 3, 4, 5, 6], [True], set())


def test_an_error_of_the_work_comes_in_its_place_though_later_items_are_done() -> None:
    closed: list[bool] = []

    def work(number: int) -> int:
        if number == 3:
            time.sleep(0.05)
            raise ValueError("three")
        return number

    found = []
    with pytest.raises(ValueError, match="three"):
        for number in overlapped(numbers(1000, closed), work, lambda _: 1, 100, 4):
            found.append(number)  # noqa: PERF402
    assert (found, closed, left()) == ([0, 1, 2], [True], set())


def test_a_caller_that_stops_early_closes_the_items_and_leaves_no_thread() -> None:
    closed: list[bool] = []
    results = overlapped(numbers(1_000_000, closed), lambda number: number, lambda _: 1, 100, 2)
    assert next(results) == 0
    assert left()
    results.close()
    assert (closed, left()) == ([True], set())
