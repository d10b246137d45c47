"""The index of the text search column: GIN, built after loading."""

import logging

from psycopg import Connection

from destination_pgvector.columns import TEXT_SEARCH

logger = logging.getLogger("airbyte.pgvector")


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
