"""An object's bytes as a file that survives broken connections.

Every request is pinned to the ETag of the listing: one whole version is read, or an error raised.
"""

import io
import threading
from functools import partial

from botocore.response import StreamingBody

from source_s3.content.read_ahead import PIECE_BYTES, ReadAhead
from source_s3.raw_file import RawFile, SeekableFile, buffered
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import TransientError

SKIP_BYTES = 256 * 1024  # reading on over so little costs less than a new request
BARREN_READS = 5  # broken connections in a row without one new byte
LESS_BITS = 4  # after each a sixteenth is asked for: a reset throws away what came of an unfinished piece
FIRST_PAUSE_SECONDS = 0.1  # doubles each time


class ObjectFile(SeekableFile):
    """A readable, seekable raw file over one version of an object. TransientError names the object and the byte.

    With `part`, only over its bytes from the first number to before the second.
    """

    def __init__(self, bucket: Bucket, found: S3Object, part: tuple[int, int] | None = None) -> None:
        self._bucket, self._object = bucket, found
        self._first, self._end = part or (0, found.size)
        super().__init__(self._end - self._first)
        self._body: StreamingBody | None = None
        self._body_position = 0
        self._answered: set[str] = set()  # the ETags of the answers: one, or this store does not heed If-Match
        self._stopped = threading.Event()

    @property
    def name(self) -> str:
        return f"s3://{self._bucket.holding(self._object)}/{self._object.key}"

    @property
    def size(self) -> int:
        return self._size

    def read(self, size: int | None = -1, /) -> bytes:
        """At least one byte before the end, and at most a piece unless all is asked for."""
        if self.closed:
            raise ValueError(f"{self.name}: read after it was closed")
        if size is None or size < 0:
            return self.readall()
        wanted = min(size, PIECE_BYTES, max(0, self._size - self._position))
        data = self._read_with_patience(wanted) if wanted else b""
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        return b"".join(iter(partial(self.read, PIECE_BYTES), b""))

    def fetch(self, first: int, into: memoryview, stopped: threading.Event) -> None:
        """Fills `into` with the bytes from `first` on, by a request of their own; from any thread.

        Once `stopped` is set, it gives up at the next broken connection.
        """
        start = self._first + first
        with ObjectFile(self._bucket, self._object, (start, start + len(into))) as part:
            part._stopped, part._answered = stopped, self._answered
            while into:
                into = into[part.readinto(into) :]

    def stop(self) -> None:
        """From another thread: give up at the next broken connection."""
        self._stopped.set()

    def close(self) -> None:
        if not self.closed:
            self._drop_body()
        super().close()

    def _read_with_patience(self, wanted: int) -> bytes:
        """At least one byte. The client tries requests again; here it is the bodies that break off."""
        for attempt in range(BARREN_READS):
            if attempt and self._stopped.wait(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)):
                break
            body = self._body_at_position()
            try:
                with aws_errors(f"read {self.name} at byte {self._first + self._position}"):
                    data = body.read(max(1, wanted >> LESS_BITS * attempt))
            except TransientError:
                data = b""
            if data:
                self._body_position += len(data)
                return data
            self._drop_body()
        raise TransientError(
            f"Could not read {self.name}: its answers end at byte {self._first + self._position} of "
            f"{self._object.size}, {BARREN_READS} times in a row. Try again later."
        )

    def _body_at_position(self) -> StreamingBody:
        gap = self._position - self._body_position
        if self._body is not None and not (0 <= gap < SKIP_BYTES and self._skip(gap)):
            self._drop_body()
        if self._body is None:
            self._body, self._body_position = self._request(), self._position
        return self._body

    def _request(self) -> StreamingBody:
        first, end, size = self._first + self._position, self._end, self._object.size
        wanted = f"bytes={first}-" if end == size else f"bytes={first}-{end - 1}"
        with aws_errors(f"read {self.name} at byte {first}"):
            answer = self._bucket.client.get_object(
                Bucket=self._bucket.holding(self._object),
                Key=self._object.key,
                IfMatch=f'"{self._object.etag}"',
                Range=wanted,
            )
        expected = f"bytes {first}-{end - 1}/{size}"
        found = answer.get("ContentRange") or (expected if (first, end) == (0, size) else "the whole object")
        if found != expected:  # AWS never does so; other stores may ignore If-Match, or ranges
            answer["Body"].close()
            raise TransientError(
                f"Could not read {self.name}: asked for {expected}, answered with {found}. "
                "Either the object was changed while it was read, or the store lacks ranged requests."
            )
        self._answered.update(filter(None, [answer.get("ETag")]))
        if len(self._answered) > 1:
            answer["Body"].close()
            raise TransientError(
                f"Could not read {self.name}: answered with the versions {' and '.join(sorted(self._answered))}. The "
                "object was changed while it was read, and the store does not heed If-Match. The next sync reads it "
                "anew."
            )
        return answer["Body"]

    def _skip(self, gap: int) -> bool:
        """False when the connection broke on the way."""
        assert self._body is not None
        try:
            with aws_errors(f"read {self.name} at byte {self._first + self._body_position}"):
                skipped = self._body.read(gap) if gap else b""
        except TransientError:
            return False
        self._body_position += len(skipped)
        return len(skipped) == gap

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body.close()  # an answer that was not read to its end takes its connection along
            self._body = None


def downloaded(file: ObjectFile, size: int, *, read_ahead: bool) -> RawFile:
    """For who decodes it from begin to end: with `read_ahead`, downloaded meanwhile. `size`: bytes; a piece is not."""
    return ReadAhead(file) if read_ahead and size > PIECE_BYTES else file


def open_object(bucket: Bucket, found: S3Object, *, read_ahead: bool) -> io.BufferedReader:
    """With `read_ahead`, for those who read from begin to end: download and parsing overlap.

    Without, for those who seek (Parquet): requests follow the reader. Close the file after use.
    """
    file = ObjectFile(bucket, found)
    return buffered(ReadAhead(file) if read_ahead else file)


def fetch_object(bucket: Bucket, found: S3Object) -> bytes:
    """The whole of a small object."""
    with ObjectFile(bucket, found) as file:
        return file.readall()
