"""Lines from a pipe, read by a thread of their own: the reader's caller never blocks for longer than it wants."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from select import select
from typing import Protocol

BLOCK = 256 * 1024  # bytes asked for at once; a pipe gives what it holds: 64 KiB, unless its writer has made it larger
AHEAD = 8  # blocks read before they are wanted: enough to keep the pipe moving, at most 2 MiB


class RawInput(Protocol):
    def read(self, size: int, /) -> bytes | None:
        """b"": the end. None: nothing is there yet, of a pipe that somebody has set to not block."""

    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines without their newline. `whole` is False for the last one of an input that does not end in a newline."""

    lines: list[bytes]
    whole: bool = True


def read_lines(stream: RawInput, wake: float) -> Iterator[Lines | None]:
    """What comes, as it comes; None whenever nothing has come for `wake` seconds.

    `stream` must be unbuffered (FileIO): Python aborts at exit if a daemon thread waits inside a buffered reader.
    """
    blocks: queue.Queue[bytes | BaseException] = queue.Queue(AHEAD)
    threading.Thread(target=_fill, args=(stream, blocks), name="stdin", daemon=True).start()
    rest: list[bytes] = []  # the pieces of a line that has not ended yet
    while True:
        try:
            block = blocks.get(timeout=wake)
        except queue.Empty:
            yield None
            continue
        if isinstance(block, BaseException):
            raise block
        if not block:
            break
        first, *others = block.split(b"\n")
        rest.append(first)
        if others:
            lines = [b"".join(rest), *others[:-1]]
            rest = [others[-1]]
            yield Lines(lines)
    if any(rest):
        yield Lines([b"".join(rest)], whole=False)


def _fill(stream: RawInput, blocks: "queue.Queue[bytes | BaseException]") -> None:
    try:
        while (block := stream.read(BLOCK)) != b"":
            if block is None:
                select([stream], [], [])
            else:
                blocks.put(block)
    except Exception as error:  # noqa: BLE001 (the caller raises it; else it would wait for ever)
        blocks.put(error)
    else:
        blocks.put(b"")
