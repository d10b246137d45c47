"""Errors of psycopg to ours, in one place."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import errors

from vector_ingest.errors import ConfigError, TransientError

Value = TypeVar("Value")
SIGN_IN = "Check indexing.username and indexing.credentials.password, and what pg_hba.conf allows."
INSTALL = "Install pgvector on the server (https://github.com/pgvector/pgvector#installation)."
ASK = "Grant the user this right, or let an administrator do what is missing."
FULL = "Make room and sync again: what is acknowledged is stored."
BUSY = (
    "Raise max_connections of the server or the limit of the user, or put a pooler in between: a sync takes 7 at most."
)
ALONE = "Is another sync of the stream running? Let only one run at a time."
READ_ONLY = (
    "After a failover the name still led to the old server: sync again. Else writing is switched off: look at "
    "default_transaction_read_only, and whether the plan's storage is used up."
)
# What passes by itself, and what to do if it does not. By SQLSTATE, or its beginning; the longest match wins
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
TRANSIENT: Mapping[str, tuple[str, str]] = {
    "08": ("could not be reached or broke off", "Check the network in between, and the server's log."),
    "25006": (
        "takes no writes",
        READ_ONLY,
    ),
    "40": ("gave way to another transaction", "Other work on the same rows is in the way: sync again."),
    "40001": ("could not serialize", "Other work on the same rows is in the way: sync again."),
    "40P01": ("found a deadlock", ALONE),
    "53": ("is short of something", "See the server's log."),
    "53100": ("is out of disk space", FULL),
    "53200": ("is out of memory", "Lower maintenance_work_mem, work_mem or shared_buffers, or give it more memory."),
    "53300": ("has too many connections", BUSY),
    "55006": ("has an object in use", "Other work is in the way: sync again."),
    "55P03": (
        "waited too long for a lock",
        "See what holds it in pg_stat_activity, and end it, or raise lock_timeout.",
    ),
    "57P": ("shut down or was restarted", "Sync again when it is up."),
    "57P03": ("is starting or stopping", "Sync again when it is up."),
    "58030": ("could not read or write its disk", "See the server's log."),
    "XX001": ("found damaged data", "See the server's log; REINDEX mends an index."),
}
# What two who make the same at once meet: the next attempt finds it made.
CLASHES = (errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateSchema, errors.DuplicateObject)
SOON = ("53100",)  # passes within seconds, as when other work frees its temporary files, or needs somebody
# Trying again at once would fail alike; a later sync may succeed.
LATER: Mapping[str, tuple[str, str]] = {
    "23505": ("got the same from another sync", ALONE),
    "42P07": ("got the same from another sync", ALONE),
    "42P06": ("got the same from another sync", ALONE),
    "42710": ("got the same from another sync", ALONE),
    "42P01": ("lacks a table of this sync", "It is gone: is another sync of it running, or was it dropped?"),
    "57014": (
        "stopped a statement that took too long",
        "Raise indexing.statement_timeout, or the server's or user's own; or see what was in its way.",
    ),
}
REMEDIES = {
    "28": SIGN_IN,
    "3D": "Check indexing.database: it must exist on this server.",
    "3F": "Check indexing.default_schema.",
    "42704": "Check the version of pgvector: ALTER EXTENSION vector UPDATE brings it to what is installed.",
    "2BP01": "Drop what depends on the table (such as a view), or sync in a mode that does not replace it.",
    "0A000": INSTALL,
    "58P01": INSTALL,
}
# What is said of a missing right, and who may mend it how.
RIGHTS = (
    (r"for schema (?P<on>.+)", "Let its owner run: GRANT USAGE, CREATE ON SCHEMA {on} TO the user."),
    (r"for database (?P<on>.+)", "Let its owner run: GRANT CREATE ON DATABASE {on} TO the user; or create the schema."),
    (r"for table (?P<on>.+)", "Let its owner run: GRANT ALL ON {on} TO the user; to alter it, the user must own it."),
    (r"must be owner of (?:table|index|relation|view) (?P<on>.+)", "Let an administrator make the user owner of {on}."),
    (r"to create extension \"(?P<on>\w+)\"", "Let an administrator run in this database: CREATE EXTENSION {on}."),
)
# libpq gives no SQLSTATE for a connection that was not made: only these words. The first that fits counts.
PASSING = {
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "too many connections": "53300",
    "SSL connection has been closed": "08",  # in the middle of a session
    "SSL SYSCALL error": "08",
    "SSL error: unexpected eof": "08",
    "the database system is": "57P03",  # starting up, shutting down, in recovery mode, not yet accepting connections
}
CERTIFICATE = "Check indexing.ssl_mode"
CLIENT_CERTIFICATE = f"{CERTIFICATE}: the server wants client_certificate and client_key."
MENDABLE = {
    "no encryption": "The server takes only encrypted connections: set indexing.ssl_mode to `require` or more.",
    "PAM authentication failed": "For a sign-in by IAM: the database user needs the role rds_iam, who asks for the "
    "token the right rds-db:connect, and host and region must be the database's own.",
    "password authentication failed": SIGN_IN,
    "no password supplied": SIGN_IN,
    "is not permitted to log in": "Give the user the attribute LOGIN, or set another indexing.username.",
    "pg_hba.conf": SIGN_IN,
    "root certificate file": f"{CERTIFICATE}.ca_certificate: without it, nothing says which authority is trusted.",
    "certificate verify failed": f"{CERTIFICATE}.ca_certificate: another authority signed the server's certificate.",
    "does not match host name": "Check indexing.host: the server's certificate is for another one. `verify-ca` does "
    "not compare them.",
    "requires a valid client certificate": CLIENT_CERTIFICATE,
    "certificate required": CLIENT_CERTIFICATE,
    "private key": f"{CERTIFICATE}.client_key and client_key_password.",
    "does not exist": "Check indexing.database and indexing.username.",
    "could not translate host name": "Check indexing.host.",
    "failed to resolve host": "Check indexing.host.",
    "does not support SSL": "Check indexing.ssl_mode: the server does not offer what it asks for.",
    "SSL": "Check indexing.ssl_mode: server and connector did not agree on how to encrypt.",
    "certificate": f"{CERTIFICATE} and the server's certificate.",
    "invalid connection option": "Check the properties under indexing.",
}


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same transaction may succeed if it is tried again."""
    return (_state(error) or "").startswith(tuple(TRANSIENT))


@contextmanager
def mapped(place: str) -> Iterator[None]:
    """ConfigError or TransientError for what psycopg raises; the rest is a bug and stays as it is."""
    try:
        yield
    except psycopg.Error as error:
        ours = _ours(error, place)
        if ours is None:
            raise
        raise ours from error


def _ours(error: psycopg.Error, place: str) -> ConfigError | TransientError | None:
    said = said_by(error)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigError(f"PostgreSQL at {place} refused: {said}. {right_to_grant(error)}")
    if remedy := _longest(REMEDIES, error.sqlstate):
        return ConfigError(f"PostgreSQL at {place} refused: {said}. {remedy}")
    state = _state(error)
    if state is None and isinstance(error, psycopg.OperationalError) and (remedy := _mendable(error)):
        return ConfigError(f"No connection to PostgreSQL at {place}: {said}. {remedy}")
    if about := _longest({**TRANSIENT, **LATER}, state):
        return TransientError(f"PostgreSQL at {place} {about[0]}: {said}. {about[1]}")
    return None


def said_by(error: psycopg.Error) -> str:
    """Its words in one line, without the statement, without the last stop, and without what libpq asks then."""
    parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
    told = " ".join(part for part in parts if part) if parts[0] else str(error).split("\n\t")[0]
    return " ".join(told.split()).removesuffix(".")


def _longest(table: Mapping[str, Value], state: str | None) -> Value | None:
    fitting = [start for start in table if (state or "").startswith(start)]
    return table[max(fitting, key=len)] if fitting else None


def right_to_grant(error: psycopg.errors.InsufficientPrivilege) -> str:
    """Who may give the missing right, and how."""
    first = str(error).splitlines()[0]
    found = ((re.search(words, first), remedy) for words, remedy in RIGHTS)
    return next((remedy.format(on=match["on"]) for match, remedy in found if match), ASK)


def _state(error: psycopg.Error) -> str | None:
    """What PostgreSQL or libpq say, as a SQLSTATE. None: only words, and those of something to mend."""
    if error.sqlstate == "XX000" and "tuple concurrently" in str(error):
        return "40"  # two who change the catalogue at once, which has no state of its own
    if error.sqlstate or not isinstance(error, psycopg.OperationalError):
        return error.sqlstate
    passing = next((state for words, state in PASSING.items() if words in str(error)), None)
    return passing or (None if _mendable(error) else "08")


def _mendable(error: psycopg.Error) -> str | None:
    return next((remedy for words, remedy in MENDABLE.items() if words in str(error)), None)
