"""An ordered parallel map with a bound in bytes: work in a pool, results in the order given."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Window(Generic[Result]):
    """What is in flight, oldest first: work in the pool, and marks that need none.

    Single-threaded: only the work itself runs elsewhere. A mark becomes ready when all before it is.
    """

    def __init__(self, pool: Executor, limit: int) -> None:
        """`limit`: bytes in flight. One piece of work is let in however heavy it is."""
        self._pool = pool
        self._limit = limit
        self._weight = 0
        self._flight: deque[tuple[int, Future[Result]]] = deque()

    def __len__(self) -> int:
        return len(self._flight)

    def has_room(self, weight: int) -> bool:
        return not self._weight or self._weight + weight <= self._limit

    def submit(self, weight: int, work: Callable[[], Result]) -> None:
        self._flight.append((weight, self._pool.submit(work)))
        self._weight += weight

    def mark(self, weight: int, result: Result) -> None:
        done: Future[Result] = Future()
        done.set_result(result)
        self._flight.append((weight, done))
        self._weight += weight

    def pop_ready(self) -> Iterator[Result]:
        """The finished results at the head. Raises what the work raised."""
        while self._flight and self._flight[0][1].done():
            weight, future = self._flight.popleft()
            self._weight -= weight
            yield future.result()

    def wait_head(self, timeout: float | None = None) -> None:
        """Until the oldest is ready, or `timeout` seconds."""
        if self._flight:
            with suppress(TimeoutError):
                self._flight[0][1].exception(timeout)  # a fifth of the time of `wait`

    def cancel(self) -> None:
        """Give up what has not begun, and wait for what has."""
        for _, future in self._flight:
            future.cancel()
        wait([future for _, future in self._flight])
        self._flight.clear()
        self._weight = 0


def in_order(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    pool: Executor,
    weigh: Callable[[Item], int],
    limit: int,
) -> Generator[Result, None, None]:
    """`map(work, items)` in a pool: results in order, at most `limit` bytes in flight (an item's `weigh`)."""
    window: Window[Result] = Window(pool, limit)
    try:
        for item in items:
            weight = weigh(item)
            while not window.has_room(weight):
                window.wait_head()
                yield from window.pop_ready()
            window.submit(weight, lambda item=item: work(item))  # type: ignore[misc]
            yield from window.pop_ready()
        while len(window):
            window.wait_head()
            yield from window.pop_ready()
    finally:
        window.cancel()
