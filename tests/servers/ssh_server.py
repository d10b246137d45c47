"""An SSH server on loopback that forwards ports, by the library that the connector uses."""

import select
import socket
import threading
from contextlib import suppress
from typing import Self

import paramiko
from paramiko import common

PIECE = 64 * 1024
Line = socket.socket | paramiko.Channel


class SshServer:
    """Used as a context. It lets in `user` with `password` or with `key`, and leads to ports of 127.0.0.1."""

    def __init__(self, user: str, password: str | None = None, key: paramiko.PKey | None = None) -> None:
        self.user, self.password, self.key = user, password, key
        self.host_key = paramiko.ECDSAKey.generate()
        self.forwards = True  # whether it allows forwarding
        self.asked = 0  # how often somebody wanted to be let in
        self.led: list[tuple[str, int]] = []  # where to, for each connection
        self._transports: list[paramiko.Transport] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    @property
    def host_key_line(self) -> str:
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    def drop(self) -> None:
        """Break all sessions off."""
        while self._transports:
            self._transports.pop().close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.add_server_key(self.host_key)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Session(self), event=threading.Event())


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._transport = server._transports[-1]
        self._to: dict[int, tuple[str, int]] = {}

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        return self._answer(username == self._server.user and password == self._server.password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._answer(username == self._server.user and key == self._server.key)

    def check_channel_direct_tcpip_request(self, _: int, origin: tuple[str, int], destination: tuple[str, int]) -> int:
        del origin
        if not self._server.forwards:
            return common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            there = socket.create_connection(destination, timeout=5)
        except OSError:
            return common.OPEN_FAILED_CONNECT_FAILED
        self._server.led.append(destination)
        threading.Thread(target=self._lead, args=(there,), daemon=True).start()
        return common.OPEN_SUCCEEDED

    def _lead(self, there: socket.socket) -> None:
        with there:
            channel = self._transport.accept(5)
            if channel is None:
                return
            with suppress(OSError, EOFError), channel:
                ends: dict[int, tuple[Line, Line]]
                ends = {there.fileno(): (there, channel), channel.fileno(): (channel, there)}
                while True:
                    for number in select.select(list(ends), [], [])[0]:
                        source, sink = ends[number]
                        piece = source.recv(PIECE)
                        if not piece:
                            return
                        sink.sendall(piece)

    def _answer(self, right: bool) -> int:
        self._server.asked += 1
        return common.AUTH_SUCCESSFUL if right else common.AUTH_FAILED
