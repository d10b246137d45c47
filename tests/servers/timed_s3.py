"""A fast S3 on 127.0.0.1 over objects in memory, whose LastModified the test sets. Path-style, for reading only.

ListObjectsV2 in pages, HEAD, and GET with Range and If-Match, as far as source-s3 asks for them.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers.running import Served

PAGE = 3  # objects: a listing of several pages even where a test has few


@dataclass(frozen=True, slots=True)
class Stored:
    """`modified` is in UTC; `etag` has no quotes."""

    body: bytes
    modified: datetime
    etag: str


class TimedS3(Served):
    """`buckets` may be changed at any time: each answer is made of one look at it."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.denied: dict[str, Collection[str]] = {}  # by bucket: keys that may be listed and not read
        super().__init__(_Server(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that was killed may leave a connection half open

    def __init__(self, s3: TimedS3) -> None:
        self.s3 = s3
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed here: one that hung up is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the standard library
        """Nothing to the terminal."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        found = dict(self.server.s3.buckets.get(bucket, {}))
        if not key:
            self._list(found, {name: values[0] for name, values in parse_qs(url.query).items()})
        elif key in self.server.s3.denied.get(bucket, ()):
            self._answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
        elif key not in found:
            self._answer(404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("If-Match", "").strip('"') not in {"", found[key].etag}:
            self._answer(412, {}, b"<Error><Code>PreconditionFailed</Code></Error>")
        else:
            self._send(found[key])

    do_HEAD = do_GET  # noqa: N815 -- the name in the standard library

    def _list(self, found: Mapping[str, Stored], query: Mapping[str, str]) -> None:
        after = query.get("continuation-token", "")
        keys = sorted((key for key in found if key.startswith(query.get("prefix", "")) and key > after), key=str.encode)
        page = keys[:PAGE]
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(keys) > PAGE else ""
        rows = "".join(_entry(key, found[key]) for key in page)
        self._answer(
            200,
            {"Content-Type": "application/xml"},
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{rows}</ListBucketResult>".encode(),
        )

    def _send(self, stored: Stored) -> None:
        headers = {
            "ETag": f'"{stored.etag}"',
            "Last-Modified": format_datetime(stored.modified, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._answer(200, headers, stored.body)
            return
        size = len(stored.body)
        first = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        end = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
        if first >= end:
            self._answer(416, {}, b"<Error><Code>InvalidRange</Code></Error>")
            return
        self._answer(206, {**headers, "Content-Range": f"bytes {first}-{end - 1}/{size}"}, stored.body[first:end])

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(key: str, stored: Stored) -> str:
    return (
        f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{stored.etag}&quot;</ETag><Size>{len(stored.body)}</Size>"
        f"<LastModified>{stored.modified:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )
