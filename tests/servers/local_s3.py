"""A fast S3 on 127.0.0.1 over the files of a folder: `python -m tests.servers.local_s3 FOLDER` prints its endpoint.

One bucket, whatever it is called, for reading only: ListObjectsV2 on one page, HEAD, and GET with Range and If-Match.
Bodies leave by sendfile. A file NAME.repeat is served as NAME: its first line once, and the rest of it over and over
until the object has the size that is the file's second extension (`rows.csv.5000000000.repeat`), without a row cut.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import gmtime, strftime
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Served:
    """`head` bytes of the file are sent once, the others `times` times."""

    key: str
    path: Path
    head: int
    times: int

    @property
    def size(self) -> int:
        return self.head + (self.path.stat().st_size - self.head) * self.times

    @property
    def etag(self) -> str:
        stat = self.path.stat()
        return f'"{stat.st_mtime_ns:x}-{self.size:x}"'

    def parts(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """The places in the file, from one byte to before another, that the bytes of the object are at."""
        while first < end:
            body = self.path.stat().st_size - self.head
            place = first if first < self.head else self.head + (first - self.head) % body
            stop = min(self.head if first < self.head else self.head + body, place + end - first)
            yield place, stop
            first += stop - place


def served(path: Path) -> Served:
    if not (repeated := re.fullmatch(r"(.+)\.(\d+)\.repeat", path.name)):
        return Served(path.name, path, path.stat().st_size, 1)
    with path.open("rb") as file:
        head = len(file.readline())
    return Served(repeated[1], path, head, max(1, (int(repeated[2]) - head) // (path.stat().st_size - head)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    folder: Path

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the standard library
        """Nothing to the terminal."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        found = {each.key: each for each in map(served, self.folder.iterdir())}
        key = url.path.lstrip("/").partition("/")[2]
        if not key:
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            self._list([found[name] for name in sorted(found) if name.startswith(prefix)])
        elif key not in found:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("If-Match", found[key].etag) != found[key].etag:
            self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self._send(found[key])

    do_HEAD = do_GET  # noqa: N815 -- the name in the standard library

    def _list(self, found: list[Served]) -> None:
        rows = "".join(
            f"<Contents><Key>{escape(each.key)}</Key><ETag>{each.etag}</ETag><Size>{each.size}</Size><LastModified>"
            f"{strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(each.path.stat().st_mtime))}</LastModified>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for each in found
        )
        page = f"<KeyCount>{len(found)}</KeyCount><IsTruncated>false</IsTruncated>{rows}"
        self._answer(
            200, f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{page}</ListBucketResult>'.encode()
        )

    def _send(self, found: Served) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, end = 0, found.size
        if asked:
            first = int(asked[1]) if asked[1] else end - int(asked[2])
            end = min(int(asked[2]) + 1, end) if asked[1] and asked[2] else end
        if asked and first >= end:
            self._answer(416, b"<Error><Code>InvalidRange</Code></Error>")
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - first))
        self.send_header("ETag", found.etag)
        self.send_header("Last-Modified", formatdate(found.path.stat().st_mtime, usegmt=True))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{found.size}")
        self.end_headers()
        self.wfile.flush()
        if self.command == "HEAD":
            return
        with found.path.open("rb") as file:
            for place, stop in found.parts(first, end):
                while place < stop:
                    place += os.sendfile(self.connection.fileno(), file.fileno(), place, stop - place)  # noqa: PLW2901

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may hang up; other errors end the measurement."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


if __name__ == "__main__":
    _Handler.folder = Path(sys.argv[1])
    server = _Server(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
