"""A server on 127.0.0.1 that documents are sent to, with faults on demand. A service says what it answers."""

import json
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.servers.running import Served


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a document."""

    fields: list[tuple[str, str]]
    name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """`sent`: None with a GET."""

    path: str
    headers: Mapping[str, str]
    sent: Sent | None


class Service(Protocol):
    def refusal(self, asked: Asked) -> tuple[int, Any] | None:
        """Of a wrong path or key: these come before any fault."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """A status, and what is sent as JSON."""


class DocumentServer(Served):
    """`faults` are those of the next answers, each used once: a status; 0: an answer that does not come for two
    seconds; 1: one that comes drop by drop; None: no fault.

    `sent`: the documents that were taken; `asked`: how many requests there were.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: list[Sent] = []
        self.asked = 0
        self.faults: deque[int | None] = deque()
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _Handler))
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._server.documents = self  # type: ignore[attr-defined]  # for the handler
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._do(None)

    def do_POST(self) -> None:
        self._do(_sent(self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))

    def _do(self, sent: Sent | None) -> None:
        server: DocumentServer = self.server.documents  # type: ignore[attr-defined]
        asked = Asked(self.path, dict(self.headers.items()), sent)
        server.asked += 1
        if refusal := server.service.refusal(asked):
            return self._answer(*refusal)
        fault = server.faults.popleft() if server.faults else None
        if fault == 0:
            time.sleep(2)
        if fault == 1:
            return self._drip()
        if fault:
            return self._answer(fault, {"detail": "try again"})
        status, answer = server.service.answer(asked)
        if status == 200 and sent is not None:
            server.sent.append(sent)
        return self._answer(status, answer)

    def _answer(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(content)

    def _drip(self) -> None:
        """Five seconds long, if nobody hangs up."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "50")
        self.end_headers()
        with suppress(OSError):
            for _ in range(50):
                self.wfile.write(b" ")
                time.sleep(0.1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name
        """Nothing: the tests look at what was sent."""


def _sent(content_type: str, body: bytes) -> Sent:
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields, found = [], None
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = part.get_param("name", header="Content-Disposition")
        if name == "files":
            found = (str(part.get_filename()), part.get_content_type(), content)
        else:
            fields.append((str(name), content.decode()))
    assert found is not None
    return Sent(fields, *found)
