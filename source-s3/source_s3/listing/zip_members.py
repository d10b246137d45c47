"""The files inside of a zip: the directory is read from its tail in one or two requests, each file by its own range."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from isal import igzip_lib

from source_s3.content.decompress import ENGINES as UNZIP
from source_s3.content.decompress import REMEDY, Decoded, Engine, Read, arrow_pieces, engine_pieces
from source_s3.content.object_file import ObjectFile, downloaded
from source_s3.raw_file import RawFile
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import DataError

TAIL = 256 * 1024  # bytes: the directory of some 3,000 files
HEADER = struct.Struct("<4s22xHH")  # of a file: signature, then the lengths of its name and of the extra field
ENCRYPTED = 1
ZSTD = 93
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class ZipMember:
    """Where a file lies: its header begins at `start`, what follows it at `end`; `packed` bytes of it are content."""

    archive: S3Object
    start: int
    end: int
    packed: int
    size: int
    method: int
    crc: int
    encrypted: bool

    def open(self, bucket: Bucket, *, read_ahead: bool) -> RawFile:
        """The content is held against its length and checksum where it ends."""
        if self.encrypted:
            raise DataError("the file", "it is encrypted: upload the archive without a password")
        if not 0 <= self.start < self.end <= self.archive.size:
            raise DataError("the file", f"the archive's directory says that it begins at byte {self.start}. {REMEDY}")
        part = ObjectFile(bucket, self.archive, (self.start, self.end))
        return Decoded(downloaded(part, self.end - self.start, read_ahead=read_ahead), partial(_content, self))


def zip_members(bucket: Bucket, archive: S3Object) -> Iterator[S3Object]:
    """DataError: no zip, or a damaged directory. Folders are among them."""
    try:
        with zipfile.ZipFile(_Tail(bucket, archive)) as opened:
            entries, end = opened.infolist(), opened.start_dir
    except (zipfile.BadZipFile, NotImplementedError, struct.error, EOFError, ValueError, OSError) as error:
        raise DataError("the archive", f"expected a zip archive, found: {error}") from error
    starts = sorted({entry.header_offset for entry in entries} | {end})
    following = dict(pairwise(starts))
    for entry in entries:
        place = ZipMember(
            archive,
            entry.header_offset,
            following.get(entry.header_offset, end),
            entry.compress_size,
            entry.file_size,
            entry.compress_type,
            entry.CRC,
            bool(entry.flag_bits & ENCRYPTED),
        )
        etag = f"{archive.etag}#{entry.header_offset}-{entry.CRC:08x}"
        modified = _modified(entry, archive)
        yield S3Object(archive.key, entry.file_size, modified, etag, archive.bucket, entry.filename, place)


def _modified(entry: zipfile.ZipInfo, archive: S3Object) -> datetime:
    """A zip's times have no zone: they are taken for UTC. The archive's own time for one that is none."""
    try:
        return datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return archive.last_modified


class _Tail(io.RawIOBase):
    """An object as a file of which the end is in memory, and whatever else is read is put before it."""

    def __init__(self, bucket: Bucket, found: S3Object) -> None:
        super().__init__()
        self._bucket, self._object = bucket, found
        self._start, self._held, self._position = found.size, b"", found.size
        self._hold(max(0, found.size - TAIL))

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._object.size}[whence]
        if position < 0:
            # What a file of the disk raises: zipfile then knows that an archive is too short for a larger directory.
            raise OSError(f"its directory is said to begin {-position} bytes before the archive")
        self._position = position
        return position

    def read(self, size: int | None = -1, /) -> bytes:
        self._hold(self._position)
        start = self._position - self._start
        data = self._held[start:] if size is None or size < 0 else self._held[start : start + size]
        self._position += len(data)
        return data

    def _hold(self, start: int) -> None:
        if start < self._start:
            with ObjectFile(self._bucket, self._object, (start, self._start)) as file:
                self._start, self._held = start, file.readall() + self._held


def _content(member: ZipMember, source: io.BufferedReader) -> Iterator[bytes]:
    """Decoded, and complete: DataError otherwise."""
    head = source.read(HEADER.size)
    if len(head) < HEADER.size or not head.startswith(b"PK\x03\x04"):
        raise DataError("the file", f"expected its header at byte {member.start} of the archive. {REMEDY}")
    _, name, extra = HEADER.unpack(head)
    source.seek(name + extra, io.SEEK_CUR)
    size = crc = 0
    if member.size:
        for piece in _pieces(member, _limited(source, member.packed)):
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            yield piece
            if size >= member.size:
                break
    if (size, crc) != (member.size, member.crc):
        raise DataError(
            "the file",
            f"the archive says {member.size} bytes of checksum {member.crc:08x}, found {size} of {crc:08x}. {REMEDY}",
        )


def _limited(source: io.BufferedReader, left: int) -> Read:
    def read(size: int) -> bytes:
        nonlocal left
        data = source.read(min(size, left))
        left -= len(data)
        return data

    return read


def _pieces(member: ZipMember, read: Read) -> Iterator[bytes]:
    if member.method == zipfile.ZIP_STORED:
        return iter(partial(read, PIECE), b"")
    if member.method == ZSTD:
        return arrow_pieces(read, "zstd")
    return engine_pieces(_engine(member.method, read), read)


def _engine(method: int, read: Read) -> Engine:
    match method:
        case zipfile.ZIP_DEFLATED:
            return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
        case zipfile.ZIP_BZIP2:
            return UNZIP["bzip2"]()
        case zipfile.ZIP_LZMA:
            return _lzma(read)
        case 95:  # xz
            return UNZIP["xz"]()
    raise DataError("the file", f"it is packed by method {method}, which is unknown here: pack the archive by deflate")


def _lzma(read: Read) -> Engine:
    """Its settings stand before it: version, length of the settings, and the settings of LZMA 1."""
    head = read(9)
    if len(head) < 9 or head[2:4] != b"\x05\x00":
        raise DataError("the file", f"expected settings of LZMA, found {head!r}. {REMEDY}")
    setting, size = struct.unpack("<BI", head[4:])
    setting, literal = divmod(setting, 9)
    bits, positions = divmod(setting, 5)
    chain = {"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": literal, "lp": positions, "pb": bits}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain])
    except (lzma.LZMAError, ValueError, MemoryError) as error:
        raise DataError("the file", f"expected settings of LZMA, found {chain}: {error}. {REMEDY}") from error
