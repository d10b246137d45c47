import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vector_ingest.in_order import Window, in_order


def test_results_come_in_the_order_given_however_long_each_takes() -> None:
    delays = random.Random(1)

    def work(number: int) -> int:
        time.sleep(delays.random() / 200)
        return number * 2

    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(range(200), work, pool, lambda _: 1, 16)) == [number * 2 for number in range(200)]


def test_no_more_is_taken_from_the_items_than_the_limit_in_bytes_allows() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 100:
            taken += 1
            yield taken

    with ThreadPoolExecutor(2) as pool:
        results = in_order(items(), lambda item: item, pool, lambda _: 10, 50)
        first = next(results)
        assert first == 1
        assert taken <= 7  # five in flight, one delivered, one in hand
        results.close()


def test_an_item_heavier_than_the_limit_passes_alone() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(in_order([1000, 1, 1000], lambda item: item, pool, lambda item: item, 10)) == [1000, 1, 1000]


def test_an_error_surfaces_at_its_place_and_ends_the_map() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    seen = []
    with ThreadPoolExecutor(4) as pool, pytest.raises(ValueError, match="three"):
        for result in in_order(range(10), work, pool, lambda _: 1, 4):
            seen.append(result)  # noqa: PERF402  a list built at once would hide what came before the error
    assert seen == [0, 1, 2]


def test_a_mark_is_ready_only_after_all_before_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        window: Window[str] = Window(pool, 100)

        def work() -> str:
            time.sleep(0.1)
            return "work"

        window.submit(10, work)
        window.mark(1, "state")
        assert list(window.pop_ready()) == []
        window.wait_head()
        assert list(window.pop_ready()) == ["work", "state"]
