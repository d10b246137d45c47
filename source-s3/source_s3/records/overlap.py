"""Reading ahead of the work on what is read: one thread iterates, a pool works, the results come in order.

Both go on while the caller is busy with a result, such as writing it to a pipe.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapped(
    items: Generator[Item, None, None],
    work: Callable[[Item], Result],
    weigh: Callable[[Item], int],
    limit: int,
    threads: int,
) -> Generator[Result, None, None]:
    """`map(work, items)` with `items` in a thread of its own and `work` in `threads` more; results in order.

    At most `limit` bytes (an item's `weigh`) are under way, that of the caller included; one item may be heavier.
    An error of either stage is raised in its place. After the end or `close`, no thread is left and `items` is closed.
    """
    belt: _Belt[Result] = _Belt(limit)

    def fill(pool: ThreadPoolExecutor) -> None:
        try:
            with closing(items):
                for item in items:
                    if not belt.waits_for_room(weight := weigh(item)):
                        return
                    belt.put(weight, pool.submit(work, item))
        except BaseException as error:  # noqa: BLE001 (raised again where the caller comes to it)
            belt.put(0, _failed(error))
        finally:
            belt.end()

    with (
        ThreadPoolExecutor(threads, thread_name_prefix="render") as pool,
        ThreadPoolExecutor(1, thread_name_prefix="reader") as reader,
    ):
        reader.submit(fill, pool)
        try:
            while (future := belt.head()) is not None:
                yield future.result()
                belt.pop()
        finally:
            belt.stop()


def _failed(error: BaseException) -> "Future[Result]":
    future: Future[Result] = Future()
    future.set_exception(error)
    return future


class _Belt(Generic[Result]):
    """What is under way, oldest first: put on by one thread, taken off by another."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changed = Condition()
        self._futures: deque[tuple[int, Future[Result]]] = deque()
        self._weight = 0
        self._ended = False
        self._stopped = False

    def waits_for_room(self, weight: int) -> bool:
        """False when it was stopped instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._weight or self._weight + weight <= self._limit)
            return not self._stopped

    def put(self, weight: int, future: "Future[Result]") -> None:
        with self._changed:
            self._futures.append((weight, future))
            self._weight += weight
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def head(self) -> "Future[Result] | None":
        """The oldest, which may not be done yet; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._futures or self._ended)
            return self._futures[0][1] if self._futures else None

    def pop(self) -> None:
        with self._changed:
            weight, _ = self._futures.popleft()
            self._weight -= weight
            self._changed.notify_all()

    def stop(self) -> None:
        """What has not begun will not begin."""
        with self._changed:
            self._stopped = True
            for _, future in self._futures:
                future.cancel()
            self._changed.notify_all()
