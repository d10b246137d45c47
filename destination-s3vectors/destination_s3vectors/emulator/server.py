"""The emulator behind HTTP on loopback: connections, and the paths that are its own (`/_emulator/...`)."""

import socket
import struct
import sys
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from destination_s3vectors.emulator.account import Account
from destination_s3vectors.emulator.faults import Faults, Rule, rule_from
from destination_s3vectors.emulator.names import Owner
from destination_s3vectors.emulator.operations import Answer, Request, Service
from destination_s3vectors.emulator.storage import Storage
from destination_s3vectors.emulator.throttle import Rates, Throttle
from destination_s3vectors.service import limits

REGION, ACCOUNT = "us-east-1", "123456789012"
PIECE = 1024 * 1024  # of a body that is thrown away


class Emulator:
    def __init__(
        self,
        port: int = 0,
        file: Path | None = None,
        rates: Rates | None = None,
        region: str = REGION,
        account: str = ACCOUNT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """On 127.0.0.1; port 0 takes a free one. `rates` None: writes are not throttled. `file` None: in memory.
        `clock` says when buckets and indexes are made: those before `limits.ENHANCED_SINCE` behave differently.

        It listens from here on, and answers after `start`.
        """
        self.faults = Faults()
        self._storage = Storage(file)
        self.service = Service(Account(Owner(region, account), self._storage, clock), Throttle(rates), self.faults)
        self._server = _Server(self, port)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Calls in progress are answered, waits of injected faults are cut short."""
        self._server.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._storage.close()

    def control(self, request: Request) -> Answer:
        """Answers the paths under /_emulator."""
        match request.method, request.target:
            case "GET", "/_emulator/log":
                return _found(self.service.log.state())
            case "DELETE", "/_emulator/log":
                self.service.log.clear()
                return _found({})
            case "GET", "/_emulator/faults":
                return _found({"rules": self.faults.state()})
            case "PUT", "/_emulator/faults":
                return self._set_faults(request.body)
        return Answer(404, orjson.dumps({"message": "GET or DELETE /_emulator/log, GET or PUT /_emulator/faults"}))

    def _set_faults(self, body: bytes) -> Answer:
        try:
            given = orjson.loads(body)
            rules = [rule_from(rule, self.service.protocol.operations) for rule in given["rules"]]
            self.faults.set(rules, int(given.get("seed", 0)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Answer(400, orjson.dumps({"message": f"Expected {{'seed': 1, 'rules': [...]}}: {error}"}))
        return _found({"rules": self.faults.state()})


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for the handlers: no write is cut in two
    request_queue_size = 128

    def __init__(self, emulator: Emulator, port: int) -> None:
        self.emulator = emulator
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        request.close()  # no shutdown first: that would send an orderly end where a reset is asked for

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of the server; the rest is a bug, shown with its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Idle connections would keep their threads alive."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue  # the other side was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the standard library
        """Nothing to the terminal."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal():
            self.close_connection = True  # where this request ends is unknown
            self._send(Answer(411, orjson.dumps({"message": "A request needs a Content-Length"}), "LengthRequired"))
            return
        request = Request(self.command, self.path, headers, self._body(int(length)), int(length))
        if self.path.startswith("/_emulator/"):
            self._send(self.server.emulator.control(request))
            return
        answer = self.server.emulator.service.answer(request)
        if answer.fault is None or not self._breaks(answer.fault):
            self._send(answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 -- names of the standard library

    def _body(self, length: int) -> bytes:
        if length <= limits.BODY_BYTES:
            return self.rfile.read(length)
        # Read to its end all the same: a client that is still sending may never see an early answer.
        while length > 0 and (piece := self.rfile.read(min(length, PIECE))):
            length -= len(piece)
        return b""

    def _breaks(self, fault: Rule) -> bool:
        """True if the connection ends without an answer."""
        if fault.kind in {"timeout", "slow"}:
            self.server.stopping.wait(fault.seconds)
        if fault.kind == "timeout":
            self.close_connection = True
            return True
        if fault.kind in {"reset_before", "reset_after"}:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        return False

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if answer.error is not None:
            self.send_header("x-amzn-ErrorType", answer.error)
        if answer.retry_after is not None:
            self.send_header("Retry-After", f"{answer.retry_after:g}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()


def _found(state: dict[str, Any]) -> Answer:
    return Answer(200, orjson.dumps(state))
