"""How a read that is told to stop (SIGTERM) leaves: with a last state of what was delivered, and soon.

All in the main thread, which writes stdout: at the signal if it waits for something to read, else when it next does.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
GRACE_SECONDS = 5.0  # a container is killed 10 to 30 seconds after the signal
END = object()


class Leaving:
    """`leave` is given the last words, and ends the process. Without it nothing ever stops."""

    def __init__(self, leave: Callable[[bytes], None] | None = None) -> None:
        self._leave = leave
        self._asked = False
        self._words: Callable[[], bytes] | None = None  # while the main thread waits

    def ask(self, number: int, frame: object) -> None:  # noqa: ARG002  the signature of a handler
        """Late is worse than without a last state: then the platform kills, and a line may be cut."""
        if self._asked:
            return
        self._asked = True
        late = threading.Timer(GRACE_SECONDS, os._exit, [128 + number])
        late.daemon = True
        late.start()
        self._leave_if_asked()

    @contextmanager
    def waiting(self, words: Callable[[], bytes]) -> Iterator[None]:
        """What is done in it may be broken off: all that was written is whole, and `words` are the last ones."""
        self._words = words
        try:
            self._leave_if_asked()
            yield
        finally:
            self._words = None

    def each(self, items: Iterator[Item], words: Callable[[], bytes]) -> Iterator[Item]:
        """The items; to wait for each may be broken off."""
        while True:
            with self.waiting(words):
                item = next(items, END)
            if item is END:
                return
            yield item  # type: ignore[misc]  # END is none

    def _leave_if_asked(self) -> None:
        if self._asked and self._words is not None and self._leave is not None:
            words, self._words = self._words, None
            self._leave(words())
