"""Files of bytes without a buffer: what the readers of objects and of their contents have in common."""

import io
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 128 * 1024


class RawFile(Protocol):
    """What can be read ahead: seekable, binary, without a buffer. `stop`, from another thread: give up soon."""

    @property
    def name(self) -> str: ...
    def read(self, size: int, /) -> bytes: ...
    def readinto(self, buffer: "WriteableBuffer", /) -> int: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class SeekableFile(io.RawIOBase):
    """A readable, seekable raw file. Who derives from it has `read` (or `readinto`), which moves `_position` on.

    `size`: in bytes; for nothing but the `seek` here.
    """

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """It may be behind the end. ValueError: before the begin."""
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if position < 0:
            raise ValueError(f"a seek to byte {position}, which is before the begin")
        self._position = position
        return position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def buffered(file: RawFile, size: int = BUFFER_BYTES) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", file), size)  # which calls no more than a RawFile has
