"""Compound files, as old Office and Outlook write them: their streams, through olefile."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import olefile

from vector_ingest.errors import DataError

# What olefile raises over files that are damaged.
BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Streams:
    """Those of one storage, with those below."""

    def __init__(self, file: olefile.OleFileIO, path: Sequence[str] = ()) -> None:
        self._file, self._path = file, [*path]
        depth = len(self._path)
        own = (each for each in file.listdir(storages=True) if each[:depth] == self._path and len(each) == depth + 1)
        self.names = [each[-1] for each in own]

    def bytes_of(self, name: str) -> bytes | None:
        """None: there is no such stream. ValueError: its end is missing."""
        path = [*self._path, name]
        if name not in self.names or self._file.get_type(path) != olefile.STGTY_STREAM:
            return None
        content: bytes = self._file.openstream(path).read()
        if len(content) != self._file.get_size(path):
            raise ValueError(f"the end of {name} is missing")
        return content

    def below(self, name: str) -> "Streams":
        return Streams(self._file, [*self._path, name])


@contextmanager
def opened(key: str, content: bytes) -> Iterator[Streams]:
    """DataError: no compound file, or a damaged one; also where that shows only while it is read."""
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            yield Streams(file)
    except BROKEN as error:
        raise DataError(key, f"corrupt or truncated ({error}): save it anew, and upload it again") from error
