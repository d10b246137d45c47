"""A file of which only some blocks are fetched: those that it is told of, ahead of their use, and what else is read."""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pyarrow as pa

from source_s3.raw_file import SeekableFile

AHEAD = 32 * 1024 * 1024  # bytes fetched and not read yet
THREADS = 4  # requests at once


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of a file from `first` to before `end`. `wanted` of them will be read, the rest are gaps."""

    first: int
    end: int
    wanted: int


@dataclass(slots=True)
class _Fetched:
    block: Block
    unread: int
    content: "Future[memoryview] | None" = None  # None: not asked for yet


class BlockFile(SeekableFile):
    """Readable and seekable; `read` gives all that is asked for. For one reader at a time, of any thread.

    `fill` fills a buffer with the bytes from a place on, and may give up once the event is set; it is called by several
    threads. What it raises is raised by the read that needs these bytes.
    """

    def __init__(self, fill: Callable[[int, memoryview, Event], None], size: int, ahead: int = AHEAD) -> None:
        super().__init__(size)
        self._closing = Event()
        self._fill = fill
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="read-ahead")
        self._firsts: list[int] = []  # of the blocks that are known, in order
        self._known: dict[int, _Fetched] = {}
        self._waiting: deque[_Fetched] = deque()
        self._limit = ahead
        self._ahead = 0  # bytes asked for and not read to their end

    def expect(self, blocks: Iterable[Block]) -> None:
        """These will be wanted, in this order. They share no byte with each other, nor with those before."""
        for block in blocks:
            expected = _Fetched(block, block.wanted)
            self._known[block.first] = expected
            insort(self._firsts, block.first)
            self._waiting.append(expected)
        self._ask()

    def forget(self, blocks: Iterable[Block]) -> None:
        """Nothing more will be read of these."""
        for known in [self._known[block.first] for block in blocks if block.first in self._known]:
            self._drop(known)

    @property
    def unread(self) -> int:
        """Bytes that are expected and not read yet."""
        return sum(known.unread for known in self._known.values())

    def read_buffer(self, size: int) -> "bytes | memoryview":
        """As `read`, without a copy where one block has it all: what Arrow asks for, if it is there."""
        end = min(self._position + size, self._size)
        if self._position >= end:
            return b""
        part = self._part(self._position, end)
        self._position += len(part)
        return part if self._position == end else b"".join([part, self.read(end - self._position)])

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._size if size is None or size < 0 else min(self._position + size, self._size)
        parts = []
        while self._position < end:
            part = self._part(self._position, end)
            self._position += len(part)
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        if not self.closed:
            self._closing.set()
            asked = [known.content for known in self._known.values() if known.content is not None]
            for content in asked:
                content.cancel()
            self._pool.shutdown()
        super().close()

    def _fetch(self, first: int, end: int) -> memoryview:
        # Arrow's memory: such large pieces would leave holes in that of Python.
        buffer = memoryview(pa.allocate_buffer(end - first)).cast("B")
        self._fill(first, buffer, self._closing)
        return buffer

    def _part(self, first: int, end: int) -> memoryview:
        """At least one byte from there."""
        index = bisect_right(self._firsts, first)
        known = self._known[self._firsts[index - 1]] if index else None
        if known is None or first >= known.block.end:
            following = self._firsts[index] if index < len(self._firsts) else end
            return self._fetch(first, min(end, following))
        if known.content is None:
            self._submit(known)
        assert known.content is not None
        content = known.content.result()
        start = known.block.first
        part = content[first - start : end - start]
        known.unread -= len(part)
        if known.unread <= 0:
            self._drop(known)
        return part

    def _drop(self, known: _Fetched) -> None:
        del self._known[known.block.first]
        self._firsts.remove(known.block.first)
        if known.content is None:
            self._waiting.remove(known)
        else:
            known.content.cancel()
            self._ahead -= known.block.end - known.block.first
        self._ask()

    def _ask(self) -> None:
        while self._waiting:
            block = self._waiting[0].block
            if self._ahead and self._ahead + block.end - block.first > self._limit:
                return
            self._submit(self._waiting[0])

    def _submit(self, known: _Fetched) -> None:
        self._waiting.remove(known)
        block = known.block
        known.content = self._pool.submit(self._fetch, block.first, block.end)
        self._ahead += block.end - block.first
