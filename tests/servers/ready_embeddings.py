"""`python -m tests.servers.ready_embeddings DIMENSIONS`: OpenAI's embeddings with answers made beforehand, and fast.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tests.servers.embedding.openai import read

READY: dict[int, bytes] = {}  # by number of texts


def answer(body: dict[str, Any], dimensions: int) -> bytes:
    asked = read(body)
    count = len(asked.texts)
    if count not in READY:
        READY[count] = json.dumps(
            asked.answer(np.random.default_rng(1).standard_normal((count, dimensions), "f4"))
        ).encode()
    return READY[count]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        content = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), int(sys.argv[1]))
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
