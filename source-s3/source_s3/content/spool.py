"""Bytes on disk for those who seek: an unlinked temporary file, gone with its last reader whatever happens."""

import os
import tempfile
import weakref
from collections.abc import Callable

from source_s3.raw_file import SeekableFile
from vector_ingest.errors import ConfigError

PIECE = 1024 * 1024


class Spool:
    """All that `read` gives, in the folder of temporary files (`TMPDIR`): it needs that much room there.

    Memory holds one piece. ConfigError: the disk is full, or there is no such folder.
    """

    def __init__(self, name: str, read: Callable[[int], bytes]) -> None:
        self.name = name
        self.size = 0
        try:
            self._fd = _unlinked()
            weakref.finalize(self, os.close, self._fd)
        except OSError as error:
            raise self._no_room(error) from error
        while piece := read(PIECE):
            self._write(piece)

    def part(self, start: int, size: int) -> "SpooledPart":
        return SpooledPart(self, start, size)

    def pread(self, size: int, position: int) -> bytes:
        return os.pread(self._fd, size, position)

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            try:
                written = os.write(self._fd, rest)
            except OSError as error:
                raise self._no_room(error) from error
            rest = rest[written:]
            self.size += written

    def _no_room(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"Could not keep the decoded content of {self.name} on disk: {error.strerror or error}, after {self.size} "
            f"bytes. Files of its kind are read from there, in the folder {_folder()}: give it more room, or set "
            "TMPDIR to a folder that has it."
        )


def _folder() -> str:
    return tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")  # noqa: S108  only for a message


def _unlinked() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class SpooledPart(SeekableFile):
    """Some bytes of a spool as a raw file. Many may read at once."""

    def __init__(self, spool: Spool, start: int, size: int) -> None:
        super().__init__(size)
        self._spool, self._start = spool, start

    @property
    def name(self) -> str:
        return self._spool.name

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self._position)
        data = self._spool.pread(left if size is None or size < 0 else min(size, left), self._start + self._position)
        self._position += len(data)
        return data

    def stop(self) -> None:
        """It never waits."""
