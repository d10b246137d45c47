"""What is read from begin to end, read by a thread of its own ahead of its reader."""

import io
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from source_s3.raw_file import RawFile, SeekableFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE_BYTES = 256 * 1024  # a connection that is reset loses at most one piece
BATCH_BYTES, BATCHES_AHEAD = 1024 * 1024, 8  # of pieces: to hand over each one costs more than to read it


class ReadAhead(SeekableFile):
    """A file read by a thread of its own up to `batches` ahead of its reader.

    A seek out of the present piece throws away what is ahead; one inside it (a header read twice) costs nothing.
    """

    def __init__(self, file: RawFile, batches: int = BATCHES_AHEAD) -> None:
        super().__init__()
        self._file, self._most = file, batches
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._ahead: deque[Future[Sequence[bytes]]] = deque()
        self._pieces: deque[bytes] = deque()  # of the present batch, those to come
        self._piece = memoryview(b"")
        self._rest = self._piece  # of the piece, what was not read yet
        self._ended = False
        self._failure: BaseException | None = None

    @property
    def name(self) -> str:
        return self._file.name

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:  # of this file: the one below is ahead
            offset, whence = self._position + offset, io.SEEK_SET
        piece_start = self._position - (len(self._piece) - len(self._rest))
        if whence == io.SEEK_SET and piece_start <= offset <= piece_start + len(self._piece):
            self._rest, self._position = self._piece[offset - piece_start :], offset
            return offset
        for batch in self._ahead:
            batch.cancel()
        wait(self._ahead)
        self._ahead.clear()
        self._pieces.clear()
        self._piece = self._rest = memoryview(b"")
        self._ended, self._failure = False, None
        self._position = self._file.seek(offset, whence)
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._rest and not self._ended:
            if not self._pieces:
                self._pieces.extend(self._next_batch())
            self._ended = not self._pieces
            if self._pieces:
                self._piece = self._rest = memoryview(self._pieces.popleft())
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._position += count
        return count

    def stop(self) -> None:
        """From another thread: give up soon."""
        self._file.stop()

    def close(self) -> None:
        if not self.closed:
            self._file.stop()
            self._pool.shutdown(cancel_futures=True)
            self._file.close()
        super().close()

    def _next_batch(self) -> Sequence[bytes]:
        while len(self._ahead) < self._most:
            self._ahead.append(self._pool.submit(self._read_batch))
        return self._ahead.popleft().result()

    def _read_batch(self) -> Sequence[bytes]:
        """Empty at the end. What was read before a failure counts; then all fail at once, until a seek begins anew."""
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        size = 0
        try:
            while size < BATCH_BYTES and (piece := self._file.read(PIECE_BYTES)):
                pieces.append(piece)
                size += len(piece)
        except BaseException as error:
            self._failure = error
            if not pieces:
                raise
        return pieces
