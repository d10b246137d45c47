"""Through a jump server: a real SSH server on loopback, and the real database behind it."""

import logging
import os
import struct
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.conftest import Database
from tests.destination_commands import catalog, config, run_program, stream
from tests.destination_pgvector.commands import command_line
from tests.destination_pgvector.stores import store_of
from tests.servers.ssh_server import SshServer
from vector_ingest.document import Document, Stream
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.messages import record_line, state_line, status_line

STREAM = Stream("Docs", None, "append_dedup", (("id",),))
USER, PASSWORD = "jump", "over the wall"
WHOLE = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()


def private(key: paramiko.PKey, passphrase: str | None = None) -> str:
    text = StringIO()
    key.write_private_key(text, password=passphrase)
    return text.getvalue()


@pytest.fixture(scope="module")
def key() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


@pytest.fixture
def ssh_server(key: paramiko.PKey) -> Iterator[SshServer]:
    with SshServer(USER, PASSWORD, key) as server:
        yield server


def through(jump: SshServer, database: Database, **changes: Any) -> dict[str, Any]:
    """By password, unless `changes` say otherwise."""
    method = {
        "tunnel_method": "SSH_PASSWORD_AUTH",
        "tunnel_host": "127.0.0.1",
        "tunnel_port": jump.port,
        "tunnel_user": USER,
        "tunnel_user_password": PASSWORD,
        "tunnel_host_key": jump.host_key_line,
        **changes,
    }
    return {**database.indexing(), "tunnel_method": method, "index": {"type": "none"}}


def by_key(text: str) -> dict[str, Any]:
    return {"tunnel_method": "SSH_KEY_AUTH", "tunnel_user_password": None, "ssh_key": text}


def check(indexing: dict[str, Any]) -> None:
    store = store_of(indexing)
    try:
        store.check()
    finally:
        store.close()


def test_a_sync_goes_through_the_tunnel(
    database: Database, ssh_server: SshServer, key: paramiko.PKey, tmp_path: Path
) -> None:
    indexing = through(ssh_server, database, **by_key(private(key)))
    lines = [record_line("Docs", None, {"id": number, "text": "word " * 20}, 1) for number in range(300)]
    feed = b"\n".join([*lines, state_line("Docs", None, {}, 300), status_line("Docs", None, "COMPLETE"), b""])
    ended = run_program(
        command_line(tmp_path, "write", config(indexing), catalog(stream("Docs", "append_dedup"))), feed
    )
    assert (ended.code, len(ended.of("STATE"))) == (0, 1), ended
    assert set(ssh_server.led) == {("127.0.0.1", database.port)}
    assert "was not checked" not in str(ended.messages)
    with database.connect() as conn:
        assert conn.execute("SELECT count(DISTINCT document_id) FROM docs").fetchone() == (300,)


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519", "one line"])
def test_keys_of_every_kind_open_it(database: Database, ssh_server: SshServer, key: paramiko.PKey, kind: str) -> None:
    match kind:
        case "ecdsa":
            ssh_server.key = paramiko.ECDSAKey.generate()
            text = private(ssh_server.key)
        case "ed25519":
            text = ed25519.Ed25519PrivateKey.generate().private_bytes(*WHOLE).decode()
            ssh_server.key = paramiko.Ed25519Key.from_private_key(StringIO(text))
        case _:
            text = private(key).replace("\n", "\\n")
    check(through(ssh_server, database, **by_key(text)))
    assert ssh_server.led


def test_the_fingerprint_is_told_where_no_host_key_is_given(
    database: Database, ssh_server: SshServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        check(through(ssh_server, database, tunnel_host_key=None))
    assert f"was not checked. Its key is `{ssh_server.host_key_line}`" in caplog.text


def test_another_server_than_the_expected_gets_no_password(database: Database, ssh_server: SshServer) -> None:
    other = paramiko.ECDSAKey.generate()
    with pytest.raises(ConfigError, match="is not the one expected: its key is `ecdsa-sha2-nistp256 "):
        check(through(ssh_server, database, tunnel_host_key=f"127.0.0.1 {other.get_name()} {other.get_base64()}"))
    assert not ssh_server.asked


def test_a_server_without_a_key_of_the_expected_kind_gets_no_password_and_is_not_asked_again(
    database: Database, ssh_server: SshServer, key: paramiko.PKey
) -> None:
    with pytest.raises(ConfigError, match=r"expected of it: .*no acceptable host key.*tunnel_host_key"):
        check(through(ssh_server, database, tunnel_host_key=f"{key.get_name()} {key.get_base64()}"))
    assert not ssh_server.asked


def damaged_key() -> str:
    """Whose two public halves differ."""
    key = ed25519.Ed25519PrivateKey.generate()
    begin, *body, end = key.private_bytes(*WHOLE).decode().splitlines()
    raw = bytearray(b64decode("".join(body)))
    raw[raw.rindex(key.public_key().public_bytes_raw())] ^= 1
    return "\n".join([begin, b64encode(raw).decode(), end])


def damaged_host_key() -> str:
    """An RSA key with a negative exponent."""
    parts = b"ssh-rsa", b"\xf5\x00\x01", b"\x7f" * 256
    return f"ssh-rsa {b64encode(b''.join(struct.pack('!I', len(part)) + part for part in parts)).decode()}"


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "password": ({"tunnel_user_password": "wrong"}, ConfigError, "does not let in `jump`.*user, and key or password"),
    "key": (by_key("another"), ConfigError, "authorized_keys"),
    "damaged key": (by_key("-----BEGIN X-----\nYQ==\n-----END X-----"), ConfigError, "ssh_key can't be used: expected"),
    "passphrase": (by_key("locked"), ConfigError, "ssh_key can't be used: it has a passphrase"),
    "key of two halves": (by_key(damaged_key()), ConfigError, "ssh_key can't be used: expected"),
    "damaged host key": ({"tunnel_host_key": damaged_host_key()}, ConfigError, "tunnel_host_key can't be read"),
    "host key": ({"tunnel_host_key": "what"}, ConfigError, "tunnel_host_key can't be read"),
    "port": ({"tunnel_port": 1}, TransientError, "127.0.0.1:1 could not be reached.*tunnel_port"),
    "host": ({"tunnel_host": "no-such-host.invalid"}, ConfigError, r"has no address.*tunnel_method\.tunnel_host"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_tunnel_is_said(database: Database, ssh_server: SshServer, name: str) -> None:
    changes, kind, expected = WRONG[name]
    if changes.get("ssh_key") in ("another", "locked"):
        passphrase = "secret" if changes["ssh_key"] == "locked" else None
        changes = by_key(private(paramiko.RSAKey.generate(1024), passphrase))
    with pytest.raises(kind, match=expected) as caught:
        check(through(ssh_server, database, **changes))
    assert "wrong" not in str(caught.value)


def test_what_lies_behind_the_jump_server_is_told_from_the_jump_server(
    database: Database, ssh_server: SshServer
) -> None:
    with pytest.raises(TransientError, match=r"can't reach 127\.0\.0\.1:1: .*indexing\.port, as the SSH server sees"):
        check({**through(ssh_server, database), "port": 1})
    ssh_server.forwards = False
    with pytest.raises(TransientError, match=r"prohibited.*allows forwarding"):
        check(through(ssh_server, database))


def test_a_tunnel_that_breaks_is_dug_anew(database: Database, ssh_server: SshServer) -> None:
    store = store_of(through(ssh_server, database))
    target = store.prepare(STREAM)
    assert store.known(target, [Document("a", "", {}, b"")]) == {}
    ssh_server.drop()
    assert store.known(target, [Document("a", "", {}, b"")]) == {}
    store.close()


def test_nothing_is_left_of_a_closed_tunnel(database: Database, ssh_server: SshServer) -> None:
    check(through(ssh_server, database))
    left = [thread for thread in threading.enumerate() if thread.name == "ssh tunnel"]
    for thread in left:
        thread.join(5)
    assert not any(thread.is_alive() for thread in left)


def test_without_the_extra_the_message_names_it(database: Database, ssh_server: SshServer, tmp_path: Path) -> None:
    """A module `paramiko` that can't be imported, before all others, is as good as none."""
    (tmp_path / "paramiko.py").write_text("raise ImportError('no paramiko')")
    line = command_line(tmp_path, "check", config(through(ssh_server, database)))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert "Install the extra: pip install 'airbyte-destination-pgvector-vector[ssh]'" in done.stdout
