"""Errors of psycopg to ours, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from vector_ingest.errors import ConfigError, TransientError

# By SQLSTATE, or its beginning; the longest match wins (https://www.postgresql.org/docs/current/errcodes-appendix.html).
TRANSIENT = ("08", "40", "53", "55006", "55P03", "57P", "58030", "25006", "42P01", "XX001")
REMEDIES = {
    "28": "Check indexing.username and indexing.credentials.password, and what pg_hba.conf allows.",
    "3D": "Check indexing.database: it must exist on this server.",
    "3F": "Check indexing.default_schema.",
    "42501": "Grant the user this right, or let an administrator do what is missing.",
    "2BP01": "Drop what depends on the table (such as a view), or sync in a mode that does not replace it.",
    "0A000": "Install pgvector on the server (https://github.com/pgvector/pgvector#installation).",
    "58P01": "Install pgvector on the server (https://github.com/pgvector/pgvector#installation).",
}
# libpq gives no SQLSTATE for a connection that was not made: only these words.
MENDABLE = {
    "password authentication failed": REMEDIES["28"],
    "no password supplied": REMEDIES["28"],
    "pg_hba.conf": REMEDIES["28"],
    "does not exist": "Check indexing.database and indexing.username.",
    "could not translate host name": "Check indexing.host.",
    "failed to resolve host": "Check indexing.host.",
    "SSL": "Check indexing.ssl_mode: the server does not offer what it asks for.",
    "certificate": "Check indexing.ssl_mode and the server's certificate.",
    "invalid connection option": "Check the properties under indexing.",
}


def is_transient(error: psycopg.Error) -> bool:
    """Whether the same transaction may succeed if it is tried again."""
    if error.sqlstate:
        return error.sqlstate.startswith(TRANSIENT)
    return isinstance(error, psycopg.OperationalError) and not _mendable(error)


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
    said = " ".join(str(error).split())
    for start in sorted(REMEDIES, key=len, reverse=True):
        if (error.sqlstate or "").startswith(start):
            return ConfigError(f"PostgreSQL at {place} refused: {said}. {REMEDIES[start]}")
    if not is_transient(error):
        remedy = _mendable(error)
        return ConfigError(f"No connection to PostgreSQL at {place}: {said}. {remedy}") if remedy else None
    match error.sqlstate:
        case "53100":
            return TransientError(f"PostgreSQL at {place} is out of disk space: {said}. Make room and sync again.")
        case "42P01":
            return TransientError(f"A table of this sync is gone from {place}: {said}. Is another sync of it running?")
        case _:
            return TransientError(f"PostgreSQL at {place} could not be reached or broke off: {said}.")


def _mendable(error: psycopg.Error) -> str | None:
    if error.sqlstate or not isinstance(error, psycopg.OperationalError):
        return None
    return next((remedy for words, remedy in MENDABLE.items() if words in str(error)), None)
