"""What an object holds, as a file of its decoded bytes: an object, or a file inside of an archive; compressed or not.

The compression is told by the extension, as in Airbyte's source-s3. Content-Encoding is a word to browsers: S3 stores
and sends the bytes that were uploaded, and they are read as they are.
"""

import io
from concurrent.futures import Future
from functools import partial
from typing import BinaryIO

from source_s3.content.decompress import Decoded, compression_of, decode
from source_s3.content.object_file import ObjectFile, downloaded, fetch_object
from source_s3.content.read_ahead import ReadAhead
from source_s3.content.small_object import fetch_small
from source_s3.content.spool import Spool
from source_s3.raw_file import RawFile, SeekableFile, buffered
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import DataError

Fetched = Future[bytes | None]  # of `fetch_whole`, where that was begun ahead
SMALL = 2 * 1024 * 1024  # bytes: asked for by one request, and read whole by one thread
DECODED_AHEAD = 2  # batches: nothing that is decoded waits for the network
DOCUMENT = 512 * 1024 * 1024  # bytes: a document that is decoded to more would take too much memory


def fetch_whole(bucket: Bucket, found: S3Object) -> bytes | None:
    """The object as it is stored. None: it is not small, or lies in an archive: it is fetched as it is read."""
    if found.size > SMALL or found.inside is not None:
        return None
    return _fetch(bucket, found)


def open_contents(
    bucket: Bucket,
    found: S3Object,
    *,
    seeks: bool = False,
    read_ahead: bool = True,
    fetched: Fetched | None = None,
) -> BinaryIO:
    """A seekable file. Close it after use. With `fetched`, nothing more is asked for.

    For those who read from begin to end (`seeks` false), download, decoding and parsing overlap; a way back out of
    the last piece decodes anew. `read_ahead` false: only as far as it is read, for those who want the head.
    For those who seek, what must be decoded is first put on disk, unlinked: it needs as much room in TMPDIR as the
    decoded content has bytes. ConfigError: there is too little.
    DataError: the content is not what its name says, damaged, cut or encrypted.
    """
    whole = fetched.result() if fetched is not None else None
    if whole is None and fetched is None and read_ahead:
        whole = fetch_whole(bucket, found)
    if whole is not None and compression_of(found.name) is None:
        return io.BytesIO(whole)
    raw = _raw(bucket, found, whole, read_ahead=seeks or read_ahead)
    if seeks and isinstance(raw, Decoded):
        with raw:
            spool = Spool(raw.name, raw.read)
        raw = spool.part(0, spool.size)
    if seeks or not read_ahead or whole is not None:  # a thread to read ahead costs more than a small object
        return buffered(raw)
    return buffered(ReadAhead(raw, DECODED_AHEAD) if isinstance(raw, Decoded) else ReadAhead(raw))


def fetch_contents(bucket: Bucket, found: S3Object, fetched: Fetched | None = None) -> bytes:
    """All of a small object. DataError as `open_contents`, and for what is decoded to more than DOCUMENT bytes."""
    whole = fetched.result() if fetched is not None else None
    if found.inside is None and compression_of(found.name) is None:
        return whole if whole is not None else _fetch(bucket, found)
    with open_contents(bucket, found, read_ahead=False, fetched=fetched) as file:
        content = file.read(DOCUMENT + 1)
    if len(content) > DOCUMENT:
        raise DataError("the file", f"expected a document of at most {DOCUMENT} bytes when decoded, found a longer one")
    return content


def _fetch(bucket: Bucket, found: S3Object) -> bytes:
    content = fetch_small(bucket, found) if found.size <= SMALL else None
    return content if content is not None else fetch_object(bucket, found)


class _InMemory(SeekableFile):
    """A whole object."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(len(content))
        self.name, self._content = name, memoryview(content)

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._size if size is None or size < 0 else self._position + size
        data = bytes(self._content[self._position : end])
        self._position += len(data)
        return data

    def stop(self) -> None:
        """There is nothing to wait for."""


def _raw(bucket: Bucket, found: S3Object, whole: bytes | None, *, read_ahead: bool) -> RawFile:
    compression = compression_of(found.name)
    raw: RawFile
    if whole is not None:
        raw = _InMemory(f"s3://{bucket.holding(found)}/{found.key}", whole)
    elif found.inside is not None:
        raw = found.inside.open(bucket, read_ahead=read_ahead)
    else:
        raw = ObjectFile(bucket, found)
    if compression is None:
        return raw
    if isinstance(raw, ObjectFile):
        raw = downloaded(raw, found.size, read_ahead=read_ahead)
    return Decoded(raw, partial(decode, compression))
