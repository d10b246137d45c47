"""The ways to the server: by URL, over TLS, with certificates, signed in by IAM."""

import hashlib
import hmac
import json
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import psycopg
import pytest

from demo.postgres_server import PASSWORD
from destination_pgvector.config import Config, Indexing
from destination_pgvector.server.access import Access
from tests.conftest import Database
from tests.destination_commands import catalog, config, run, stream
from tests.destination_pgvector.commands import command_line
from tests.destination_pgvector.stores import store_of
from tests.embedded_documents import document, named
from tests.servers import certificates
from tests.servers.postgres_front import PostgresFront
from vector_ingest.command.spec import parse_config
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError
from vector_ingest.messages import record_line, state_line, status_line

STREAM = Stream("Docs", None, "append_dedup", (("id",),))
KEY_ID, SECRET_KEY = "AKIATESTKEY", "a/secret+key"
USER = {"auth_type": "iam_user", "aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET_KEY}
HIDDEN = "hidden pass/word@"


def reached(indexing: dict[str, Any]) -> bool:
    """Whether a table can be made there; the errors are those of the store."""
    store = store_of({**indexing, "connect_timeout": 5})
    try:
        store.check()
        store.prepare(STREAM)
    finally:
        store.close()
    return True


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    return certificates.authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def postgres_front(database: Database, authority: tuple[str, ssl.SSLContext]) -> Iterator[PostgresFront]:
    """The server, behind TLS."""
    with PostgresFront(database.port, tls=authority[1]) as front:
        yield front


def test_a_url_stands_for_host_database_user_and_password(database: Database, tmp_path: Path) -> None:
    with database.connect() as conn:
        conn.execute(f"CREATE ROLE {database.name} SUPERUSER LOGIN PASSWORD '{HIDDEN}'".encode())
    url = f"postgresql://{database.name}:{quote(HIDDEN, safe='')}@127.0.0.1:{database.port}/{database.name}"
    indexing = {"url": f"{url}?target_session_attrs=read-write", "index": {"type": "none"}}
    line = command_line(tmp_path, "write", config(indexing), catalog(stream("Docs", "append_dedup")))
    ended = run(
        line, b"\n".join([record_line("Docs", None, {"id": 1, "text": "a"}, 1), state_line("Docs", None, {}, 1)])
    )
    assert (ended.code, len(ended.of("STATE"))) == (0, 1), ended
    wrong = config({"url": url.replace("hidden", "other")})
    (status,) = run(command_line(tmp_path, "check", wrong)).of("CONNECTION_STATUS")
    assert "password authentication failed" in status["message"]
    assert "pass/word" not in str(status)
    assert quote(HIDDEN, safe="") not in str(status)
    with database.connect() as conn:
        conn.execute(f"REASSIGN OWNED BY {database.name} TO postgres".encode())
        conn.execute(f"DROP ROLE {database.name}".encode())


def test_a_server_that_is_not_there_is_told_in_one_sentence_and_what_to_look_at(
    database: Database, tmp_path: Path
) -> None:
    nobody = config({**database.indexing(), "port": 9})
    (status,) = run(command_line(tmp_path, "check", nobody)).of("CONNECTION_STATUS")
    assert status["message"].endswith(
        "port 9 failed: Connection refused. Check the network in between, and the server's log."
    )


def test_a_url_names_several_hosts_and_the_one_that_answers_is_taken(database: Database) -> None:
    hosts = f"127.0.0.1:1,127.0.0.1:{database.port}"
    assert reached({"url": f"postgresql://postgres:{PASSWORD}@{hosts}/{database.name}"})


@pytest.mark.parametrize("query", ["", "?client_encoding=WIN1252"])
def test_texts_arrive_whatever_encoding_database_and_url_have(database: Database, query: str) -> None:
    with database.connect() as conn:
        conn.execute(f"CREATE DATABASE {database.name}_1252 ENCODING WIN1252 LOCALE 'C' TEMPLATE template0".encode())
    dsn = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{database.port}/{database.name}_1252"
    store = store_of({"url": dsn + query})
    try:
        target = store.prepare(STREAM)
        (refused,) = store.replace(target, [document("é", "“é”", title="ü"), document("2", "漢")])
        assert (refused.document_id, "WIN1252" in refused.reason) == ("2", True)
        assert list(store.known(target, named("é"))) == ["é"]
        with psycopg.connect(dsn, client_encoding="utf8") as conn:
            rows = conn.execute("SELECT document_id, document_content, metadata FROM docs").fetchall()
        assert rows == [("é", "“é”", {"title": "ü"})]
    finally:
        store.close()
        with database.connect() as conn:
            conn.execute(f"DROP DATABASE {database.name}_1252 (FORCE)".encode())


WHOLE = {"host": "h", "database": "d", "username": "u", "credentials": {"password": HIDDEN}}
IAM = {"method": "aws_iam", "region_name": "eu-west-1", "credentials": USER}
TUNNEL = {"tunnel_method": "SSH_PASSWORD_AUTH", "tunnel_host": "t", "tunnel_user": "u", "tunnel_user_password": "p"}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "`host`, `database`, `username`, `credentials` missing: add what is missing, or `url`"),
    "no credentials": ({**WHOLE, "credentials": None}, "`credentials` missing"),
    "not a URL": ({"url": f"host=h password={HIDDEN}"}, r"begins with postgresql://"),
    "broken URL": ({"url": f"postgresql://u:{HIDDEN}@h:x:y/d"}, r"can't be read: expected postgresql://user"),
    "file in a URL": ({"url": "postgresql://u@h/d?sslkey=/etc/key"}, r"not taken: sslkey\. Set them in the form"),
    "no database in a URL": ({"url": "postgresql://u:p@h"}, r"the URL lacks dbname"),
    "unencrypted IAM": ({**WHOLE, "authentication": IAM, "ssl_mode": "disable"}, "always encrypted"),
    "hosts through a tunnel": ({"url": "postgresql://u:p@a,b/d", "tunnel_method": TUNNEL}, "several hosts"),
    "no PEM": ({**WHOLE, "ssl_mode": {"mode": "verify-ca", "ca_certificate": HIDDEN}}, "ca_certificate.*PEM text"),
    "half a pair": (
        {**WHOLE, "ssl_mode": {"mode": "verify-ca", "client_key": "-----BEGIN A-----x-----END A-----"}},
        "one of `client_certificate` and `client_key` is missing",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_form_that_leads_nowhere_is_refused_without_telling_secrets(name: str) -> None:
    indexing, expected = REFUSED[name]
    with pytest.raises(ConfigError, match=expected) as caught:
        parse_config(Config, config(indexing))
    assert "hidden" not in str(caught.value)


def test_the_mode_as_a_word_and_the_certificates_in_one_line_are_taken() -> None:
    form = Indexing.model_validate({**WHOLE, "ssl_mode": "verify-full"})
    assert form.ssl_mode.mode == "verify-full"
    one_line = r"-----BEGIN CERTIFICATE-----\nYQ==\nYg==\n-----END CERTIFICATE-----"
    spaces = "-----BEGIN CERTIFICATE----- YQ== Yg== -----END CERTIFICATE-----"
    for text in (one_line, spaces):
        mode = Indexing.model_validate({**WHOLE, "ssl_mode": {"mode": "verify-ca", "ca_certificate": text}}).ssl_mode
        assert mode.model_dump()["ca_certificate"].get_secret_value() == (
            "-----BEGIN CERTIFICATE-----\nYQ==\nYg==\n-----END CERTIFICATE-----\n"
        )


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_an_encrypted_server_is_reached(
    database: Database, postgres_front: PostgresFront, authority: tuple[str, ssl.SSLContext], mode: str
) -> None:
    checked = {"ca_certificate": authority[0]} if mode.startswith("verify") else {}
    assert reached({**database.indexing(), "port": postgres_front.port, "ssl_mode": {"mode": mode, **checked}})


def test_the_wrong_authority_the_wrong_name_and_no_authority_are_told_apart(
    database: Database, postgres_front: PostgresFront, authority: tuple[str, ssl.SSLContext], tmp_path: Path
) -> None:
    other, _ = certificates.authority(tmp_path)
    place = {**database.indexing(), "port": postgres_front.port}
    with pytest.raises(ConfigError, match="another authority signed"):
        reached({**place, "ssl_mode": {"mode": "verify-ca", "ca_certificate": other}})
    named = {**place, "host": "localhost"}
    with pytest.raises(ConfigError, match=r"does not match host name.*Check indexing\.host"):
        reached({**named, "ssl_mode": {"mode": "verify-full", "ca_certificate": authority[0]}})
    assert reached({**named, "ssl_mode": {"mode": "verify-ca", "ca_certificate": authority[0]}})
    with pytest.raises(ConfigError, match=r"ssl_mode\.ca_certificate"):
        reached({**place, "ssl_mode": "verify-full"})
    with pytest.raises(ConfigError, match=r"takes only encrypted connections: set indexing\.ssl_mode"):
        reached({**place, "ssl_mode": "disable"})


def test_a_server_that_asks_for_a_certificate_gets_the_clients(database: Database, tmp_path: Path) -> None:
    root, certificate, key = certificates.client("key password")
    server_root, context = certificates.authority(tmp_path)
    context.load_verify_locations(cadata=root)
    context.verify_mode = ssl.CERT_OPTIONAL
    mode = {"mode": "verify-ca", "ca_certificate": server_root}
    whole = {**mode, "client_certificate": certificate, "client_key": key, "client_key_password": "key password"}
    with PostgresFront(database.port, tls=context) as front:
        place = {**database.indexing(), "port": front.port}
        assert reached({**place, "ssl_mode": whole})
        with pytest.raises(ConfigError, match="wants client_certificate and client_key"):
            reached({**place, "ssl_mode": mode})
        with pytest.raises(ConfigError, match="client_key_password"):
            reached({**place, "ssl_mode": {**whole, "client_key_password": "wrong"}})


def test_keys_lie_where_nobody_else_reads_them_and_not_longer_than_needed() -> None:
    _, certificate, key = certificates.client("x")
    mode = {"mode": "verify-ca", "client_certificate": certificate, "client_key": key}
    access = Access(Indexing.model_validate({**WHOLE, "ssl_mode": mode}))
    path = Path(access()["sslkey"])
    assert path.read_text() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    access.close()
    assert not path.exists() or path.read_bytes() != key.encode()


def test_a_connection_over_tls_that_breaks_is_made_anew(
    database: Database, authority: tuple[str, ssl.SSLContext], tmp_path: Path
) -> None:
    lines = [record_line("Docs", None, {"id": number, "text": "word " * 50}, 1) for number in range(500)]
    feed = b"\n".join([*lines, state_line("Docs", None, {}, 500), status_line("Docs", None, "COMPLETE"), b""])
    # The second connection is the first of the pool: it is cut in the middle of its COPY.
    with PostgresFront(database.port, tls=authority[1], cut_after=[10**9, 10**6]) as front:
        indexing = {**database.indexing(), "port": front.port, "ssl_mode": "require", "index": {"type": "none"}}
        line = command_line(tmp_path, "write", config(indexing), catalog(stream("Docs", "append_dedup")))
        ended = run(line, feed)
    assert (ended.code, len(ended.of("STATE"))) == (0, 1), ended
    assert "broke off" in str(ended.of("LOG"))
    with database.connect() as conn:
        assert conn.execute("SELECT count(DISTINCT document_id), count(*) > 499 FROM docs").fetchone() == (500, True)


def signature_is_right(token: str, secret: str) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    url = urlsplit(f"https://{token}")
    query = dict(parse_qsl(url.query))
    given = query.pop("X-Amz-Signature")
    moment, scope = query["X-Amz-Date"], query["X-Amz-Credential"].partition("/")[2]
    plain = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    nothing = hashlib.sha256(b"").hexdigest()
    request = f"GET\n/\n{plain}\nhost:{url.netloc}\n\nhost\n{nothing}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), given)


class Rds:
    """Lets in who comes with a token that is signed by the key it knows, is for it, and for the user."""

    def __init__(self, region: str) -> None:
        self.region, self.place = region, ""
        self.tokens: list[str] = []

    def lets_in(self, user: str, token: str) -> bool:
        self.tokens.append(token)
        url = urlsplit(f"https://{token}")
        query = dict(parse_qsl(url.query))
        scope = query["X-Amz-Credential"].split("/")
        meant = (url.netloc, query["Action"], query["DBUser"], query["X-Amz-Expires"], scope[0], scope[2], scope[3])
        return meant == (self.place, "connect", user, "900", KEY_ID, self.region, "rds-db") and signature_is_right(
            token, SECRET_KEY
        )


def test_a_sign_in_by_iam_brings_a_token_that_is_good_and_new_for_each_connection(
    database: Database, authority: tuple[str, ssl.SSLContext], tmp_path: Path
) -> None:
    rds = Rds("eu-west-1")
    with PostgresFront(database.port, tls=authority[1], lets_in=rds.lets_in, behind=database.dsn) as front:
        rds.place = f"127.0.0.1:{front.port}"
        place = {**database.indexing(), "port": front.port, "authentication": IAM, "credentials": None}
        assert reached(place)
        first = len(rds.tokens)
        time.sleep(1.1)  # a token says the second in which it was made
        line = command_line(tmp_path, "write", config(place), catalog(stream("Docs", "append_dedup")))
        ended = run(line, record_line("Docs", None, {"id": 1, "text": "a"}, 1) + b"\n")
        assert ended.code == 0, ended
        assert set(rds.tokens[:first]).isdisjoint(rds.tokens[first:])
        assert SECRET_KEY not in json.dumps(ended.messages)
        stolen = {**IAM, "credentials": {**USER, "aws_secret_access_key": "another key"}}
        with pytest.raises(ConfigError, match="rds_iam"):
            reached({**place, "authentication": stolen})


def test_the_region_of_a_token_is_that_in_the_hosts_name() -> None:
    host = "db.abc123.ap-southeast-2.rds.amazonaws.com"
    iam = {"method": "aws_iam", "credentials": USER}
    access = Access(Indexing.model_validate({**WHOLE, "host": host, "authentication": iam}))
    parameters = access()
    assert "%2Fap-southeast-2%2Frds-db%2Faws4_request" in parameters["password"]
    assert parameters["sslmode"] == "require"
    access.close()


def test_a_statement_that_takes_too_long_is_stopped_and_said_so(database: Database) -> None:
    store = store_of({**database.indexing(), "statement_timeout": 1})
    target = store.prepare(STREAM)
    with database.connect() as conn, conn.transaction():
        conn.execute("LOCK TABLE docs")
        with pytest.raises(Exception, match=r"took too long.*indexing\.statement_timeout"):
            store.delete(target, [])
    store.close()


def test_a_server_that_does_not_answer_is_given_up_after_the_connect_timeout(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = {**database.indexing(), "port": silent.getsockname()[1], "connect_timeout": 2}
        store = store_of(place)
        begun = time.monotonic()
        with pytest.raises(Exception, match="timeout"):
            store.check()
        assert time.monotonic() - begun < 12
        store.close()
