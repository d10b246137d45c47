"""An SSH tunnel: a port of this machine that leads through a jump server to the database.

By paramiko (LGPL, as psycopg is), an extra of this package: who needs no tunnel installs none. asyncssh is under the
EPL, and a second loop beside the threads; sshtunnel is paramiko again, and does not come back when its server does.
"""

import logging
import select
import socket
import threading
from contextlib import ExitStack, suppress
from io import StringIO
from typing import TYPE_CHECKING

from destination_pgvector.connection_options import KeyTunnel, Tunnel
from vector_ingest.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from paramiko import Channel, PKey, Transport

logger = logging.getLogger("airbyte.pgvector")
SECONDS = 15.0  # to reach the jump server, and for it to reach the database
KEEPALIVE = 30  # seconds: routers forget connections that are silent
PIECE = 64 * 1024
DAMAGED = (ValueError, IndexError, TypeError, AssertionError, OverflowError)  # what paramiko raises for such a key
KEY_KINDS = ("Ed25519Key", "ECDSAKey", "RSAKey")


class SshTunnel:
    """`address` opens it, and opens it again where it has broken; `close` ends it and all that goes through it."""

    def __init__(self, form: Tunnel, host: str, port: int) -> None:
        """`host` and `port` of the database, as the jump server sees them."""
        self._form = form
        self._to = (host, port)
        self._place = f"{form.tunnel_host}:{form.tunnel_port}"
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._listener: socket.socket | None = None
        self.refusal = ""  # why the jump server did not lead on, last time

    def address(self) -> tuple[str, int]:
        """Where to connect to. ConfigError or TransientError: the jump server can't be reached, or lets nobody in."""
        with self._lock:
            if self._transport is None or not self._transport.is_active():
                self._transport = self._sign_in()
            if self._listener is None:
                self._listener = socket.create_server(("127.0.0.1", 0))
                threading.Thread(target=self._accept, args=(self._listener,), name="ssh tunnel", daemon=True).start()
            host, port = self._listener.getsockname()
            return host, port

    def close(self) -> None:
        with self._lock:
            if self._listener is not None:
                with suppress(OSError):
                    self._listener.shutdown(socket.SHUT_RDWR)  # else `accept` would go on waiting
                self._listener.close()
                self._listener = None
            if self._transport is not None:
                self._transport.close()
                self._transport = None

    def _sign_in(self) -> "Transport":
        try:
            import paramiko
        except ImportError:
            raise ConfigError(
                "`indexing.tunnel_method` asks for an SSH tunnel, and the package paramiko is not installed here. "
                "Install the extra: pip install 'airbyte-destination-pgvector-vector[ssh]'."
            ) from None
        try:
            return self._connect()
        except paramiko.AuthenticationException as error:
            raise ConfigError(
                f"The SSH server {self._place} does not let in `{self._form.tunnel_user}`: {error} Check "
                "indexing.tunnel_method: user, and key or password. A key's public half belongs into the user's "
                "authorized_keys."
            ) from error
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise ConfigError(
                f"The SSH server {self._place} has no key, or no way to encrypt, that is expected of it: {error}. "
                "Check indexing.tunnel_method.tunnel_host_key, and that the server's SSH is of the last ten years."
            ) from error
        except socket.gaierror as error:
            raise ConfigError(
                f"The SSH server {self._place} has no address: {error}. Check indexing.tunnel_method.tunnel_host."
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            said = str(error) or "it broke off"
            raise TransientError(
                f"The SSH server {self._place} could not be reached: {said}. Check tunnel_host and tunnel_port of "
                "indexing.tunnel_method, and that it lets this machine connect."
            ) from error

    def _connect(self) -> "Transport":
        import paramiko

        form, expected = self._form, _host_key(self._form)
        key = _private_key(form) if isinstance(form, KeyTunnel) else None
        line = socket.create_connection((form.tunnel_host, form.tunnel_port), timeout=SECONDS)
        with ExitStack() as undo:
            undo.callback(line.close)
            transport = paramiko.Transport(line)
            undo.callback(transport.close)
            transport.banner_timeout = transport.auth_timeout = SECONDS
            if expected is not None:
                transport.get_security_options().key_types = _names(expected)
            transport.start_client(timeout=SECONDS)
            self._verify(transport.get_remote_server_key(), expected)
            if isinstance(form, KeyTunnel):
                assert key is not None
                transport.auth_publickey(form.tunnel_user, key)
            else:
                transport.auth_password(form.tunnel_user, form.tunnel_user_password.get_secret_value())
            transport.set_keepalive(KEEPALIVE)
            undo.pop_all()
        return transport

    def _verify(self, found: "PKey", expected: "PKey | None") -> None:
        line = f"{found.get_name()} {found.get_base64()}"
        if expected is None:
            logger.warning(
                "Who the SSH server %s is was not checked. Its key is `%s`: if that is right, set tunnel_host_key.",
                self._place, line,
            )  # fmt: skip
        elif found != expected:
            raise ConfigError(
                f"The SSH server {self._place} is not the one expected: its key is `{line}`. If the server was set up "
                "anew, set indexing.tunnel_method.tunnel_host_key to this; if not, somebody is in between."
            )

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, source = listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._lead, args=(client, source), name="ssh tunnel", daemon=True).start()

    def _lead(self, client: socket.socket, source: tuple[str, int]) -> None:
        """One connection, from its beginning to its end. Where none can be made, libpq finds its own closed."""
        import paramiko

        with client:
            try:
                transport = self._transport
                if transport is None:
                    return
                channel = transport.open_channel("direct-tcpip", self._to, source, timeout=SECONDS)
                self.refusal = ""
            except paramiko.SSHException as error:  # one of `ChannelException`, or the end of all
                self.refusal = f"The SSH server {self._place} can't reach {self._to[0]}:{self._to[1]}: {error}."
                logger.warning("%s", self.refusal)
                return
            with suppress(OSError, EOFError), channel:
                _pipe(client, channel)


def _pipe(client: socket.socket, channel: "Channel") -> None:
    """Both ways, until one side has ended."""
    ends: dict[int, tuple[Channel | socket.socket, Channel | socket.socket]]
    ends = {client.fileno(): (client, channel), channel.fileno(): (channel, client)}
    while True:
        ready, _, _ = select.select(list(ends), [], [])
        for source, sink in (ends[number] for number in ready):
            piece = source.recv(PIECE)
            if not piece:
                return
            sink.sendall(piece)


def _private_key(form: KeyTunnel) -> "PKey":
    import paramiko

    text, refused = form.ssh_key.get_secret_value(), ""
    for kind in KEY_KINDS:
        try:
            key: PKey = getattr(paramiko, kind).from_private_key(StringIO(text))
        except paramiko.PasswordRequiredException:
            refused = "it has a passphrase; give one without"
        except (paramiko.SSHException, *DAMAGED):  # or of another kind
            continue
        else:
            return key
    raise ConfigError(
        "indexing.tunnel_method.ssh_key can't be used: "
        f"{refused or 'expected an RSA, ECDSA or Ed25519 key as ssh-keygen writes it'}."
    )


def _host_key(form: Tunnel) -> "PKey | None":
    import base64

    import paramiko

    if not form.tunnel_host_key:
        return None
    parts = form.tunnel_host_key.split()
    try:
        start = next(number for number, part in enumerate(parts) if part.startswith(("ssh-", "ecdsa-")))
        key: PKey = paramiko.PKey.from_type_string(parts[start], base64.b64decode(parts[start + 1]))
    except (StopIteration, paramiko.SSHException, paramiko.pkey.UnknownKeyType, *DAMAGED):
        raise ConfigError(
            "indexing.tunnel_method.tunnel_host_key can't be read: expected a line such as `ssh-ed25519 AAAAC3…`."
        ) from None
    return key


def _names(key: "PKey") -> tuple[str, ...]:
    """Of the algorithms that this key can sign by, for the server to show this key among its own."""
    return ("rsa-sha2-512", "rsa-sha2-256") if key.get_name() == "ssh-rsa" else (key.get_name(),)
