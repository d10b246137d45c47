"""`python -m tests.servers.ready_embeddings DIMENSIONS`: OpenAI's embeddings with answers made beforehand, and fast.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

import json
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.servers.embedding.openai import read

READY: dict[bytes, bytes] = {}  # by request


def answer(request: bytes, dimensions: int) -> bytes:
    if request not in READY:
        asked = read(json.loads(request))
        vectors = np.stack([_vector(text, dimensions) for text in asked.texts])
        READY[request] = json.dumps(asked.answer(vectors)).encode()
    return READY[request]


def _vector(text: str, dimensions: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal(dimensions, "f4")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        content = answer(self.rfile.read(int(self.headers["Content-Length"])), int(sys.argv[1]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the standard library's
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
