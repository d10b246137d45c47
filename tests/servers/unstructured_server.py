"""An Unstructured API on 127.0.0.1, as far as its public documentation says what it takes and gives.

https://docs.unstructured.io/api-reference/legacy-api/partition/overview (the request, its form and its key),
https://docs.unstructured.io/api-reference/partition/api-validation-errors, https://docs.unstructured.io/ui/document-elements
What it finds in each document is `ELEMENTS`; one that has `BROKEN` in it, it can't process.
"""

import json
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

KEY = "key-of-the-unstructured-api"
BROKEN = b"no document"
STRATEGIES = {"auto", "fast", "hi_res", "ocr_only", "vlm"}
TABLE = "<table><tr><td>crop</td><td>left</td></tr><tr><td>rye</td><td>7</td></tr></table>"


def element(kind: str, text: str, page: int, **about: Any) -> dict[str, Any]:
    metadata = {"filetype": "application/pdf", "languages": ["eng"], "page_number": page, **about}
    return {"type": kind, "element_id": f"{hash((kind, text)):x}", "text": text, "metadata": metadata}


ELEMENTS: Sequence[dict[str, Any]] = [
    element("Header", "The barn's paper", 1),
    element("Title", "Stores", 1, category_depth=0),
    element("NarrativeText", "# What is left.", 1),
    element("Title", "Jars", 1, category_depth=1),
    element("ListItem", "of rye", 1, category_depth=1),
    element("ListItem", "of white rye", 1, category_depth=2),
    element("PageNumber", "1", 1),
    element("Table", "crop left rye 7", 2, text_as_html=TABLE),
    element("CodeSnippet", "count(jars)", 2),
    element("Footer", "2", 2),
]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came with a document."""

    fields: list[tuple[str, str]]
    name: str
    mime_type: str
    content: bytes


class UnstructuredServer:
    """`faults`: statuses of the next answers, each used once; 0: an answer that does not come for two seconds; 1: one
    that comes drop by drop.

    `asked`: how many requests there were.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.asked = 0
        self.faults: deque[int] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._server.api = self  # type: ignore[attr-defined]  # for the handler
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        api: UnstructuredServer = self.server.api  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        api.asked += 1
        if self.path != "/general/v0/general":
            return self._answer(404, {"detail": "Not Found"})
        if self.headers.get("unstructured-api-key") != KEY:
            return self._answer(401, {"detail": f"API key {self.headers.get('unstructured-api-key')} is invalid"})
        sent = _sent(self.headers["Content-Type"], body)
        fault = api.faults.popleft() if api.faults else None
        if fault == 0:
            time.sleep(2)
        if fault == 1:
            return self._drip()
        if fault:
            return self._answer(fault, {"detail": "try again"})
        strategy = dict(sent.fields).get("strategy", "auto")
        if strategy not in STRATEGIES:
            return self._answer(400, {"detail": f"Invalid strategy: {strategy}"})
        if BROKEN in sent.content:
            return self._answer(422, {"detail": f"{sent.name} does not appear to be a valid file"})
        api.sent.append(sent)
        return self._answer(200, ELEMENTS)

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
