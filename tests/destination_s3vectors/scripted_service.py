"""A server on 127.0.0.1 in the place of S3 Vectors: it keeps vectors without rules, and fails as its script says."""

import socket
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from tests.servers.running import Served

BUCKET_ARN = "arn:aws:s3vectors:eu-west-1:123456789012:bucket/documents"
INDEX = f"{BUCKET_ARN}/index/pages"
PAGE = 7  # vectors of a listing


@dataclass(frozen=True, slots=True)
class Request:
    """`content` is the body; names of headers are in lower case."""

    operation: str
    headers: Mapping[str, str]
    content: bytes
    number: int  # of all requests, from 1

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def keys(self) -> list[str]:
        return [vector["key"] for vector in self.json["vectors"]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Answers with the error, or with the body `raw`.

    `reset` does what was asked for, and breaks the connection instead of an answer.
    """

    status: int = 500
    code: str = "InternalServerException"
    message: str = "as the script says"
    fields: list[dict[str, str]] = field(default_factory=list)
    reset: bool = False
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Script = Callable[[Request], Fault | None]


class ScriptedService(Served):
    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.vectors: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        super().__init__(_Server(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def seen(self, operation: str) -> list[Request]:
        with self.lock:
            return [request for request in self.requests if request.operation == operation]

    def note(self, operation: str, headers: Mapping[str, str], content: bytes) -> Request:
        with self.lock:
            request = Request(operation, headers, content, len(self.requests) + 1)
            self.requests.append(request)
            return request

    def do(self, request: Request) -> dict[str, Any]:
        asked = request.json
        with self.lock:
            match request.operation:
                case "PutVectors":
                    self.vectors.update({vector["key"]: vector for vector in asked["vectors"]})
                case "DeleteVectors":
                    for key in asked["keys"]:
                        self.vectors.pop(key, None)
                case "GetVectors":
                    left_out = set() if asked.get("returnData") else {"data"}
                    found = [self.vectors[key] for key in asked["keys"] if key in self.vectors]
                    return {"vectors": [{name: each[name] for name in each.keys() - left_out} for each in found]}
                case "ListVectors":
                    return self._list(asked)
        return {}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        count, at, begin = asked["segmentCount"], asked["segmentIndex"], int(asked.get("nextToken", 0))
        mine = [each for key, each in sorted(self.vectors.items()) if zlib.crc32(key.encode()) % count == at]
        shown = {"key", "metadata"} if asked.get("returnMetadata") else {"key"}
        page = [{name: each[name] for name in shown} for each in mine[begin : begin + PAGE]]
        more = {"nextToken": str(begin + PAGE)} if begin + PAGE < len(mine) else {}
        return {"vectors": page, **more}


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, service: ScriptedService) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the standard library
        """Nothing to the terminal."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        service = self.server.service
        request = service.note(self.path.strip("/"), headers, content)
        fault = service.script(request)
        if fault is None:
            self._answer(200, {}, orjson.dumps(service.do(request)))
        elif fault.reset:
            service.do(request)
            self._reset()
        else:
            words = {"message": fault.message} | ({"fieldList": fault.fields} if fault.fields else {})
            content = orjson.dumps(words) if fault.raw is None else fault.raw
            named = {"x-amzn-ErrorType": fault.code} if fault.code else {}
            self._answer(fault.status, {**fault.headers, **named}, content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
