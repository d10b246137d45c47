"""Embedding services on loopback, as their public documentation describes them, with limits and faults on demand.

Each service is a module in `tests/servers/embedding` that names its documents. The vector of a text is that of the fake
provider, cut to the dimensions asked for.
"""

import json
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from tests.servers.embedding.bedrock import Bedrock
from tests.servers.embedding.cohere import Cohere, CohereV2
from tests.servers.embedding.compatible import LmStudio, Ollama, TextEmbeddingsInference, Vllm
from tests.servers.embedding.faults import Fault, broken_body, broken_vectors
from tests.servers.embedding.limits import Limits
from tests.servers.embedding.openai import DEPLOYMENT, AzureOpenAI, OpenAI
from tests.servers.embedding.voyage import Voyage
from tests.servers.embedding.wire import KEY, Asked, Matrix, RefusedError, Service, count_words
from vector_ingest.embed.fake import FakeEmbedder

__all__ = ["DEPLOYMENT", "DIMENSIONS", "KEY", "EmbeddingServer", "Fault", "Limits", "vectors_of"]

DIMENSIONS = 1024  # Cohere's default model has no other
SERVICES: Sequence[Service] = (
    OpenAI(),
    AzureOpenAI(),
    Cohere(),
    CohereV2(),
    Voyage(),
    Bedrock(),
    Ollama(),
    Vllm(),
    TextEmbeddingsInference(),
    LmStudio(),
)
SLOW = 0.3  # seconds of an answer that is slow


class EmbeddingServer:
    """`faults` are used up one by one; `requests` holds the path and body of every request that was well-formed.

    Whatever the order of requests: a text with `poison` in it is refused with 400, and one of more than
    `tokens_per_text` words as too long. `latency` is in seconds.
    """

    def __init__(
        self,
        faults: Sequence[Fault] = (),
        *,
        limits: Limits | None = None,
        poison: str | None = None,
        tokens_per_text: int | None = None,
        latency: float = 0.0,
        fault: Callable[[int], Fault | None] = lambda _: None,
        count: Callable[[str], int] = count_words,
        models: Sequence[str] | None = None,
    ) -> None:
        """`fault`: that of the request with this number, from 0; the list goes before it. `count`: a text's tokens.
        `models`: those that there are, where a request names one.
        """
        self.faults = deque(faults)
        self.limits = limits
        self.poison, self.tokens_per_text, self.latency = poison, tokens_per_text, latency
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []  # of the same
        self.connections = 0
        self.in_flight = self.most_in_flight = 0
        self.lock = Lock()
        self._fault, self._count, self._models = fault, count, models
        self.sockets: set[socket.socket] = set()
        self._asked = 0
        owner = self

        class Handler(_Handler):
            server_state = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # stopping waits for them: clients must be closed before
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        with self.lock:
            for left in self.sockets:  # botocore closes its own only when they are collected as garbage
                with suppress(OSError):  # the other end was faster
                    left.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()

    def next_fault(self) -> Fault:
        with self.lock:
            self._asked += 1
            if self.faults:
                return self.faults.popleft()
            return self._fault(self._asked - 1) or Fault()

    def enter(self, by: int) -> None:
        with self.lock:
            self.in_flight += by
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def admit(self, texts: Sequence[str]) -> dict[str, str]:
        """The headers that the limits add. RefusedError: above them."""
        if self.limits is None:
            return {}
        with self.lock:
            fits, headers = self.limits.take(sum(map(self._count, texts)))
        if not fits:
            raise _ThrottledError(headers)
        return headers

    def refuse(self, body: dict[str, Any], texts: Sequence[str]) -> None:
        """RefusedError: no such model, or a text that it can't take."""
        model = body.get("model")
        if self._models is not None and model not in self._models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            raise RefusedError(404, message, code="model_not_found")
        if self.poison is not None and any(self.poison in text for text in texts):
            raise RefusedError(400, "'$.input' is invalid. Please check the API reference.")
        longest = max(map(count_words, texts))
        if self.tokens_per_text is not None and longest > self.tokens_per_text:
            raise RefusedError(
                400,
                f"This model's maximum context length is {self.tokens_per_text} tokens, however you requested "
                f"{longest} tokens. Please reduce your prompt.",
            )


def vectors_of(texts: Sequence[str], dimensions: int = DIMENSIONS) -> Matrix:
    return FakeEmbedder().embed(texts)[0][:, :dimensions]


class _ThrottledError(RefusedError):
    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(429, "Rate limit reached for requests or tokens per min.")
        self.headers = headers


class _Handler(BaseHTTPRequestHandler):
    server_state: EmbeddingServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one piece

    def setup(self) -> None:
        super().setup()
        with self.server_state.lock:
            self.server_state.connections += 1
            self.server_state.sockets.add(self.connection)

    def finish(self) -> None:
        with self.server_state.lock:
            self.server_state.sockets.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server_state.enter(1)
        try:
            self._answer(body, self.server_state.next_fault())
        finally:
            self.server_state.enter(-1)

    def _answer(self, body: dict[str, Any], fault: Fault) -> None:
        if fault.broken == "reset":
            self._reset()
            return
        if fault.status != 200:
            headers = {} if fault.retry_after is None else {fault.header: fault.retry_after}
            self._send(fault.status, fault.body.encode(), headers)
            return
        path, _, query = self.path.partition("?")
        service = next((service for service in SERVICES if service.takes(path, query)), SERVICES[0])
        try:
            asked, headers = self._take(service, path, query, body)
        except RefusedError as refused:
            told = refused.headers if isinstance(refused, _ThrottledError) else {}
            self._send(refused.status, json.dumps(service.error(refused)).encode(), told)
            return
        vectors = broken_vectors(vectors_of(asked.texts, asked.dimensions or DIMENSIONS), fault.broken)
        time.sleep(self.server_state.latency + (SLOW if fault.broken == "slow" else 0))
        content = broken_body(json.dumps(asked.answer(vectors)).encode(), fault.broken)
        if fault.broken == "not compressed":
            headers = {**headers, "Content-Encoding": "gzip"}
        self._send(200, content, headers, cut_off=fault.broken == "cut off")

    def _take(self, service: Service, path: str, query: str, body: dict[str, Any]) -> tuple[Asked, dict[str, str]]:
        if not service.takes(path, query):
            raise RefusedError(404, f"no such path: {self.path}")
        service.sign_in(self.headers)  # type: ignore[arg-type]  # a Message gives None for a header that is not there
        asked = service.read(path, body)
        headers = self.server_state.admit(asked.texts)
        self.server_state.refuse(body, asked.texts)
        with self.server_state.lock:
            self.server_state.requests.append((self.path, body))
            self.server_state.headers.append(dict(self.headers))
        return asked, headers

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, content: bytes, headers: dict[str, str], *, cut_off: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if content.startswith(b"<") else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut_off else content)
        self.close_connection = cut_off

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the standard library's
        """Say nothing: stderr is the tests'."""
