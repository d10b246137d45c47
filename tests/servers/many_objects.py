"""An S3 on 127.0.0.1 with very many tiny CSV objects; prints its endpoint.

`python -m tests.servers.many_objects COUNT [SECONDS]`; SECONDS: how long each answer is on its way.

One bucket, whatever it is called, for reading only. Nothing is stored: an object's number makes its key, facts and
body, so that the server costs as little as it can and what is measured is its client.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

PAGE = 1000  # objects, as of AWS
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
PREFIX = "data/part-"


@dataclass(frozen=True, slots=True)
class Made:
    """One object, by its number."""

    number: int

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.number:07}.csv"

    @property
    def etag(self) -> str:
        return f'"{self.number:032x}"'

    @property
    def modified(self) -> datetime:
        return BEGIN + timedelta(seconds=self.number)

    @property
    def body(self) -> bytes:
        return b"id,name,amount\n" + b"".join(b"%d,jar %d,%d.5\n" % (self.number, row, row) for row in range(5))


def page(count: int, start: int, prefix: str) -> bytes:
    last = min(start + PAGE, count) if PREFIX.startswith(prefix) else start
    rows = "".join(
        f"<Contents><Key>{each.key}</Key><LastModified>{each.modified:%Y-%m-%dT%H:%M:%S}.000Z</LastModified>"
        f"<ETag>{each.etag}</ETag><Size>{len(each.body)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for each in map(Made, range(start, last))
    )
    more = last < count and last > start
    following = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
    head = f"<KeyCount>{last - start}</KeyCount><IsTruncated>{'true' if more else 'false'}</IsTruncated>{following}"
    return f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{head}{rows}</ListBucketResult>'.encode()


def answer(count: int, target: str, headers: dict[bytes, bytes]) -> bytes:
    url = urlsplit(target)
    key = url.path.lstrip("/").partition("/")[2]
    if not key:
        query = parse_qs(url.query)
        start = int(query.get("continuation-token", ["0"])[0])
        return _whole(b"200 OK", page(count, start, query.get("prefix", [""])[0]))
    digits = key.removeprefix(PREFIX).removesuffix(".csv")
    if not digits.isdigit() or int(digits) >= count:
        return _whole(b"404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>")
    made = Made(int(digits))
    if headers.get(b"if-match", made.etag.encode()) != made.etag.encode():
        return _whole(b"412 Precondition Failed", b"<Error><Code>PreconditionFailed</Code></Error>")
    body, facts = made.body, b"ETag: %b\r\nAccept-Ranges: bytes\r\n" % made.etag.encode()
    if not (asked := headers.get(b"range")):
        return _whole(b"200 OK", body, facts)
    first, _, last = asked.removeprefix(b"bytes=").partition(b"-")
    part = body[int(first) : int(last) + 1 if last else None]
    place = b"Content-Range: bytes %d-%d/%d\r\n" % (int(first), int(first) + len(part) - 1, len(body))
    return _whole(b"206 Partial Content", part, facts + place)


def _whole(status: bytes, body: bytes, facts: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, facts, len(body), body)


class _Connection(asyncio.Protocol):
    def __init__(self, answered: Callable[[str, dict[bytes, bytes]], bytes], delay: float) -> None:
        self._answered, self._delay = answered, delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            line, *rest = request.split(b"\r\n")
            fields = (field.partition(b":") for field in rest)
            headers = {name.lower(): value.strip() for name, _, value in fields}
            found = self._answered(line.split(b" ")[1].decode(), headers)
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, found)
            else:
                self._transport.write(found)


async def serve(count: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(lambda *asked: answer(count, *asked), delay), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
