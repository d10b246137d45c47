"""The text search column: its language, and its index, GIN, built after loading."""

import logging

import psycopg
from psycopg import Connection

from destination_pgvector.tables.columns import TEXT_SEARCH
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.pgvector")


def assert_language(conn: Connection, language: str) -> None:
    """ConfigError: the server does not know it."""
    try:
        with conn.transaction():
            conn.execute("SELECT %s::regconfig", (language,))
    except (psycopg.errors.UndefinedObject, psycopg.errors.InvalidName, psycopg.errors.UndefinedTable) as error:
        names = [row[0] for row in conn.execute("SELECT cfgname FROM pg_ts_config ORDER BY 1").fetchall()]
        raise ConfigError(
            f"indexing.tables.text_search is {language}, which the server does not know. It knows: {', '.join(names)}."
        ) from error


def build(conn: Connection, name: str, *, online: bool) -> None:
    """Build it for the table `name`, unless it is there. `online`: readers and writers go on meanwhile."""
    for index, valid in _indexes(conn, name):
        if valid:
            return
        conn.execute(f"DROP INDEX CONCURRENTLY {index}".encode())  # left by a build that was broken off
    logger.info("Building the text search index of %s.", name)
    concurrently = "CONCURRENTLY" if online else ""
    conn.execute(f"CREATE INDEX {concurrently} ON {name} USING gin ({TEXT_SEARCH})".encode())


def _indexes(conn: Connection, name: str) -> list[tuple[str, bool]]:
    """Those of the column by quoted name, and whether each is whole."""
    return conn.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname), i.indisvalid FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_am m ON m.oid = c.relam JOIN pg_attribute a ON a.attrelid = i.indexrelid "
        "WHERE i.indrelid = %s::regclass AND m.amname = 'gin' AND a.attname = %s",
        (name, TEXT_SEARCH),
    ).fetchall()
