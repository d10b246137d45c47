"""Stands before a PostgreSQL server: speaks TLS for it, asks for another sign-in, or cuts connections on the way.

Messages of the start: https://www.postgresql.org/docs/current/protocol-flow.html
"""

import asyncio
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PIECE = 64 * 1024
TOLD = ("server_version", "client_encoding", "standard_conforming_strings", "integer_datetimes", "DateStyle")


@dataclass
class PostgresFront:
    """Of the server at 127.0.0.1:`to`. Used as a context: it listens as long as that lasts.

    `tls`: speaks it, and refuses whoever does not; or, where it asks for certificates, whoever has none. `lets_in`:
    whether a user may come in with a password; then the connection is one of `behind`, a URL. `cut_after`: bytes from
    the client until a connection is cut, for as many connections as there are entries. `loses`: words that clients
    send, one after the other; the answer to the last of them is lost, and the connection with it.
    """

    to: int
    tls: ssl.SSLContext | None = None
    lets_in: Callable[[str, str], bool] | None = None
    behind: str = ""
    cut_after: list[int] = field(default_factory=list)
    loses: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._wait(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(10):
            await asyncio.sleep(0.005)  # for the transports to be gone

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cut = self.cut_after.pop(0) if self.cut_after else None
        with ExitStack() as end, suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            end.callback(_abort, writer)
            if self.tls:
                if await reader.readexactly(8) != SSL_REQUEST:
                    await _refuse(writer, "no pg_hba.conf entry for host, no encryption")
                    return
                writer.write(b"S")
                await writer.start_tls(self.tls)
                if self.tls.verify_mode is ssl.CERT_OPTIONAL and not writer.get_extra_info("peercert"):
                    await _refuse(writer, "connection requires a valid client certificate")
                    return
            if self.lets_in:
                await self._sign_in(reader, writer, self.lets_in)
            else:
                there, out = await asyncio.open_connection("127.0.0.1", self.to)
                await self._both_ways(reader, writer, there, out, cut)

    async def _sign_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lets_in: Callable[[str, str], bool]
    ) -> None:
        """Ask for the password as it is, as RDS does for a token, and go on with a connection of our own."""
        (size,) = struct.unpack("!i", await reader.readexactly(4))
        words = (await reader.readexactly(size - 4))[4:].decode().split("\0")
        user = dict(zip(words[::2], words[1::2], strict=False))["user"]
        writer.write(b"R" + struct.pack("!ii", 8, 3))
        _, size = struct.unpack("!ci", await reader.readexactly(5))
        password = (await reader.readexactly(size - 4)).rstrip(b"\0").decode()
        if not lets_in(user, password):
            await _refuse(writer, f'PAM authentication failed for user "{user}"')
            return
        with psycopg.connect(self.behind) as conn:
            facts = {name: conn.info.parameter_status(name) for name in TOLD}
            told = b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in facts.items())
            writer.write(_message(b"R", struct.pack("!i", 0)) + told + _message(b"Z", b"I"))
            there, out = await asyncio.open_connection(sock=_copy_of_socket(conn))
            await self._both_ways(reader, writer, there, out, None)

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        out: asyncio.StreamWriter,
        cut: int | None,
    ) -> None:
        lost = asyncio.Event()
        ways = [
            asyncio.create_task(self._ask(reader, out, cut, lost)),
            asyncio.create_task(_answer(there, writer, lost)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            out.transport.abort()  # before anything that waits: this task may be cancelled
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _ask(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, cut: int | None, lost: asyncio.Event
    ) -> None:
        """Until the end, or until `cut` bytes have passed."""
        passed = 0
        while piece := await source.read(PIECE):
            passed += len(piece)
            if cut is not None and passed >= cut:
                return
            if self.loses and self.loses[0] in piece:
                self.loses.pop(0)
                if not self.loses:
                    lost.set()
            sink.write(piece)
            await sink.drain()


async def _answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter, lost: asyncio.Event) -> None:
    while piece := await source.read(PIECE):
        if lost.is_set():
            return
        sink.write(piece)
        await sink.drain()


def _copy_of_socket(conn: psycopg.Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(conn.fileno()))


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()  # which is another one since TLS began


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


async def _refuse(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(_message(b"E", f"SFATAL\0VFATAL\0C28000\0M{text}\0\0".encode()))
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.2)  # for the client to read it
