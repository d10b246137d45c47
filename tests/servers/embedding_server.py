"""Embedding services on loopback, as their public documentation describes them, with faults on demand.

    POST /v1/embeddings                                      OpenAI         Authorization: Bearer
    POST /openai/deployments/{name}/embeddings?api-version=  Azure OpenAI   api-key
    POST /v1/embed                                           Cohere         Authorization: Bearer

The vector of a text is that of the fake provider, cut to the dimensions asked for.
"""

import base64
import json
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.fake import FakeEmbedder

KEY = "sk-loopback-4711-secret"
DIMENSIONS = 1024  # Cohere's default model has no other
DEPLOYMENT = "loopback-deployment"

Broken = Literal["one vector short", "not a number", "other dimension", "cut off", "a page", "slow"]


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request is answered. `status` is an HTTP status; `broken` a status of 200 with a bad answer."""

    status: int = 200
    retry_after: str | None = None
    broken: Broken | None = None
    body: str = '{"error": {"message": "loopback fault", "type": "fault", "code": null, "param": null}}'


class EmbeddingServer:
    """`faults` are used up one by one; `requests` holds the path and body of every request that was well-formed."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.faults = deque(faults)
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.lock = Lock()
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
        self._server.server_close()
        self._thread.join()

    def next_fault(self) -> Fault:
        with self.lock:
            return self.faults.popleft() if self.faults else Fault()


def vectors_of(texts: Sequence[str], dimensions: int = DIMENSIONS) -> npt.NDArray[np.float32]:
    return FakeEmbedder().embed(texts)[0][:, :dimensions]


class _RefusedError(Exception):
    """Status and message of an answer."""


class _Handler(BaseHTTPRequestHandler):
    server_state: EmbeddingServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server_state.next_fault()
        if fault.status != 200:
            self._send(fault.status, fault.body.encode(), fault.retry_after)
            return
        try:
            texts, answer = self._route()(body)
        except _RefusedError as refused:
            status, message = refused.args
            error = {"message": message, "type": "invalid_request_error", "code": None, "param": None}
            self._send(status, json.dumps({"error": error, "message": message}).encode())
            return
        with self.server_state.lock:
            self.server_state.requests.append((self.path, body))
        vectors = _broken(vectors_of(texts), fault.broken)
        content = b"<html>Welcome</html>" if fault.broken == "a page" else json.dumps(answer(vectors)).encode()
        if fault.broken == "slow":
            time.sleep(0.3)
        self._send(200, content, cut_off=fault.broken == "cut off")

    def _route(self) -> Callable[[dict[str, Any]], tuple[list[str], Callable[[Any], dict[str, Any]]]]:
        path, _, query = self.path.partition("?")
        if path == "/v1/embed":
            self._check_key("Authorization", f"Bearer {KEY}")
            return _cohere
        if path == "/v1/embeddings":
            self._check_key("Authorization", f"Bearer {KEY}")
            return _openai
        if path == f"/openai/deployments/{DEPLOYMENT}/embeddings" and re.fullmatch(
            r"api-version=\d{4}-\d\d-\d\d", query
        ):
            self._check_key("api-key", KEY)
            return _openai
        raise _RefusedError(404, f"no such path: {self.path}")

    def _check_key(self, header: str, expected: str) -> None:
        if self.headers[header] != expected:
            # OpenAI repeats the key in its message, and so does this one, in full.
            raise _RefusedError(401, f"Incorrect API key provided: {self.headers[header]}")

    def _send(self, status: int, content: bytes, retry_after: str | None = None, *, cut_off: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if content.startswith(b"<") else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut_off else content)
        self.close_connection = cut_off

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the standard library's
        """Say nothing: stderr is the tests'."""


def _openai(body: dict[str, Any]) -> tuple[list[str], Callable[[Any], dict[str, Any]]]:
    """https://platform.openai.com/docs/api-reference/embeddings/create"""
    unknown = set(body) - {"model", "input", "encoding_format", "dimensions", "user"}
    texts = _texts(body, "input", 2048, unknown)
    if not isinstance(body.get("model"), str) or body.get("encoding_format", "float") not in {"float", "base64"}:
        raise _RefusedError(400, "model or encoding_format is wrong")

    def answer(vectors: Sequence[npt.NDArray[np.float32]]) -> dict[str, Any]:
        as_base64 = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        # The order of the list is not promised: the index is.
        return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}

    return texts, answer


def _cohere(body: dict[str, Any]) -> tuple[list[str], Callable[[Any], dict[str, Any]]]:
    """https://docs.cohere.com/v1/reference/embed"""
    unknown = set(body) - {"model", "texts", "truncate", "input_type", "embedding_types"}
    texts = _texts(body, "texts", 96, unknown)
    old = str(body.get("model")).endswith("-v2.0")
    if body.get("truncate", "END") not in {"NONE", "START", "END"} or (not old and "input_type" not in body):
        raise _RefusedError(400, "truncate or input_type is wrong")

    def answer(vectors: Sequence[npt.NDArray[np.float32]]) -> dict[str, Any]:
        tokens = sum(len(text.split()) for text in texts)
        return {
            "id": "0",
            "response_type": "embeddings_floats",
            "texts": texts,
            "embeddings": [vector.tolist() for vector in vectors],
            "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": tokens}},
        }

    return texts, answer


def _texts(body: dict[str, Any], name: str, most: int, unknown: set[str]) -> list[str]:
    texts = body.get(name)
    if unknown:
        raise _RefusedError(400, f"unknown parameters: {sorted(unknown)}")
    if not isinstance(texts, list) or not 1 <= len(texts) <= most or not all(isinstance(text, str) for text in texts):
        raise _RefusedError(400, f"{name} must be a list of 1 to {most} strings")
    if "" in texts:
        raise _RefusedError(400, f"{name} can't hold an empty string")
    return list(texts)


def _broken(vectors: npt.NDArray[np.float32], broken: Broken | None) -> npt.NDArray[np.float32]:
    match broken:
        case "one vector short":
            return vectors[:-1]
        case "not a number":
            spoilt = vectors.copy()
            spoilt[-1, 5] = np.nan
            return spoilt
        case "other dimension":
            return vectors[:, :-1]
        case _:
            return vectors
