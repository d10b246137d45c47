"""The files inside of a tar. A plain one is read by ranges: its headers to list it, then each file by its own.

A compressed one must be decoded to be listed. When one of its files is read, it is decoded once more, whole, onto the
disk, and all its files are read from there.
"""

import io
import logging
import tarfile
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Lock

from source_s3.content.decompress import Compression, Decoded, decode
from source_s3.content.object_file import ObjectFile, downloaded
from source_s3.content.spool import Spool
from source_s3.raw_file import RawFile, buffered
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import DataError

BLOCK = 512
SKIMMED = 16 * 1024  # bytes read at a header
LONGEST = 16 * 1024 * 1024  # bytes of a name or of an extended header: one that says more would be taken into memory
KEPT = 4  # decoded archives on disk, besides those that are being read
logger = logging.getLogger("airbyte")


class Spools:
    """The compressed tars that are being read, decoded on disk: the last KEPT, each filled by who asks first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spools: OrderedDict[str, Future[Spool]] = OrderedDict()

    def get(self, bucket: Bucket, archive: S3Object, compression: Compression) -> Spool:
        name = f"{archive.name} {archive.etag}"
        with self._lock:
            mine = name not in self._spools
            future = self._spools.setdefault(name, Future())
            self._spools.move_to_end(name)
            while len(self._spools) > KEPT:
                self._spools.popitem(last=False)
        if mine:
            self._fill(name, future, bucket, archive, compression)
        return future.result()

    def _fill(
        self,
        name: str,
        future: "Future[Spool]",
        bucket: Bucket,
        archive: S3Object,
        compression: Compression,
    ) -> None:
        """Whoever waits for it gets the error, too; who asks afterwards tries again."""
        try:
            with _decoded(bucket, archive, compression) as file:
                future.set_result(Spool(file.name, file.read))
        except BaseException as error:
            with self._lock:
                self._spools.pop(name, None)
            future.set_exception(error)
            raise


@dataclass(frozen=True, slots=True)
class TarMember:
    """Its bytes are those from `start` on, in the decoded archive."""

    archive: S3Object
    start: int
    size: int
    compression: Compression | None
    spools: Spools
    is_sparse: bool

    def open(self, bucket: Bucket, *, read_ahead: bool) -> RawFile:  # noqa: ARG002  it seeks: as asked
        if self.is_sparse:
            raise DataError("the file", "it is stored with holes: make the archive without --sparse")
        if self.compression:
            return self.spools.get(bucket, self.archive, self.compression).part(self.start, self.size)
        return ObjectFile(bucket, self.archive, (self.start, self.start + self.size))


def tar_members(
    bucket: Bucket, archive: S3Object, compression: Compression | None, spools: Spools
) -> Iterator[S3Object]:
    """The files, and hard links to those before them. DataError: no tar, or one that is cut or damaged."""
    raw: RawFile = ObjectFile(bucket, archive)
    if compression:
        raw = _decoded(bucket, archive, compression)
    places: dict[str, TarMember] = {}
    left_out = 0
    with buffered(raw, SKIMMED) as file:
        for entry in _entries(file):
            name = _name(entry.name)
            place = places.get(_name(entry.linkname)) if entry.islnk() else None
            if entry.isreg():
                place = TarMember(archive, entry.offset_data, entry.size, compression, spools, entry.issparse())
            if place is not None:
                places[name] = place
                etag = f"{archive.etag}#{place.start}"
                yield S3Object(archive.key, place.size, _modified(entry, archive), etag, archive.bucket, name, place)
            left_out += place is None and not entry.isdir()
        while compression and file.read(SKIMMED):
            continue  # the checksum stands behind the last file
    if left_out:
        logger.warning("%s: %s links and devices inside of it are left out", archive.name, left_out)


def _decoded(bucket: Bucket, archive: S3Object, compression: Compression) -> Decoded:
    raw = downloaded(ObjectFile(bucket, archive), archive.size, read_ahead=True)
    return Decoded(raw, partial(decode, compression))


def _name(name: str) -> str:
    """Without `./`. Bytes that are no UTF-8 are written as \\xNN."""
    clean = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    while clean.startswith("./"):
        clean = clean[2:].lstrip("/")
    return clean


def _modified(entry: tarfile.TarInfo, archive: S3Object) -> datetime:
    """The archive's own time for a file that has none."""
    try:
        return datetime.fromtimestamp(int(entry.mtime), UTC) if entry.mtime > 0 else archive.last_modified
    except (ValueError, OverflowError, OSError):
        return archive.last_modified


class _Watched:
    """A file that remembers what was read last: tarfile takes any block that is no header for the end."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell
        self.last = b""

    def read(self, size: int) -> bytes:
        if size > LONGEST:
            raise tarfile.ReadError(f"a header that says it has {size} bytes")
        self.last = self._file.read(size)
        return self.last


def _entries(file: io.BufferedReader) -> Iterator[tarfile.TarInfo]:
    watched = _Watched(file)
    place = 0
    try:
        with tarfile.open(fileobj=watched, mode="r:") as tar:  # type: ignore[call-overload]  # all that it calls
            while (entry := tar.next()) is not None:
                tar.members.clear()  # it would keep them all
                place = entry.offset
                if tar.offset <= place or entry.size < 0:  # the next one would be this one, for ever
                    raise tarfile.ReadError(f"a file of {entry.size} bytes")
                yield entry
    # The last two: a header of holes that is cut, and a name behind a name behind a name.
    except (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError) as error:
        raise DataError("the archive", f"expected a tar archive, found after byte {place}: {error}") from error
    if watched.last != bytes(BLOCK):
        raise DataError("the archive", f"it is damaged or was cut: no end mark after the file at byte {place}")
