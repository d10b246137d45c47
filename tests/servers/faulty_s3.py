"""A proxy on 127.0.0.1 before an S3 server: it counts requests and injects faults by rule. Path-style only.

Rules are tried in order; the first that fits and has not run out answers. Without one, requests pass unchanged.
"""

import http.client
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(slots=True)
class Rule:
    """`reset`, `truncate` and `stall` send `after` bytes of the body first; then the connection is reset, or closed, or
    silent for `seconds`. `answer` sends `status` and `body` instead. `then` is called before the request goes on.

    `path` is a regular expression to find in path and query; `times` None means for ever.
    """

    fault: Literal["reset", "truncate", "stall", "answer", "delay"]
    after: int = 0
    status: int = 503
    code: str = "SlowDown"
    body: bytes | None = None
    seconds: float = 0.0
    method: str = "GET"
    path: str = ""
    times: int | None = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[], object] | None = None

    def fits(self, method: str, path: str) -> bool:
        return self.times != 0 and method == self.method and re.search(self.path, path) is not None

    def answer_body(self) -> bytes:
        return self.body if self.body is not None else f"<Error><Code>{self.code}</Code></Error>".encode()


@dataclass(frozen=True, slots=True)
class Request:
    """`path` has the query. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


class FaultyS3:
    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        """With `tls`, it speaks HTTPS to its clients."""
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self, urlsplit(upstream).netloc)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def seen(self, method: str, path: str = "") -> list[Request]:
        """The requests so far whose path and query hold the regular expression `path`."""
        with self._lock:
            return [seen for seen in self.requests if seen.method == method and re.search(path, seen.path)]

    def note(self, request: Request) -> Rule | None:
        """The rule that answers; counted as used."""
        with self._lock:
            self.requests.append(request)
            rule = next((rule for rule in self.rules if rule.fits(request.method, request.path)), None)
            if rule is not None and rule.times is not None:
                rule.times -= 1
            return rule


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for the handlers, so that none outlives its test

    def __init__(self, proxy: FaultyS3, upstream: str) -> None:
        self.proxy, self.upstream = proxy, upstream
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        request.close()  # no shutdown first: that would send an orderly end where a reset is asked for

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of the proxy."""

    def hang_up(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the standard library
        """Nothing to the terminal."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        rule = self.server.proxy.note(request)
        if rule is not None and rule.fault == "delay":
            self.server.proxy.stopped.wait(rule.seconds)
        if rule is not None and rule.then is not None:
            rule.then()
        if rule is not None and rule.fault == "answer":
            self._send(rule.status, dict(rule.headers), rule.answer_body())
            return
        status, answer_headers, answer = self._forward(request)
        if rule is None or rule.fault == "delay":
            self._send(status, answer_headers, answer)
            return
        self._send(status, answer_headers, answer, min(rule.after, max(len(answer) - 1, 0)))
        if rule.fault == "stall":
            self.server.proxy.stopped.wait(rule.seconds)
        self._break(reset=rule.fault == "reset")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 -- names of the standard library

    def _forward(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=60)
        try:
            connection.request(request.method, request.path, request.body or None, dict(request.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes, sent: int | None = None) -> None:
        """The headers promise the whole body also where only `sent` bytes of it leave."""
        self.send_response(status)
        length = str(len(body))
        for name, value in headers.items():
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
        self.wfile.flush()

    def _break(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            time.sleep(0.05)  # a reset also throws away what the other side has not read yet
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
