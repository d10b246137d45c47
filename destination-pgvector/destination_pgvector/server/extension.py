"""The extension pgvector in a database: there, or made, and new enough."""

from psycopg import Connection, sql

from destination_pgvector.index_options import Index
from vector_ingest.errors import ConfigError

OLDEST_SERVER = 12  # the first that tells how far the build of an index is
# https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md: what came with which version
OLDEST = {"none": "0.4.0", "ivfflat": "0.4.0", "hnsw": "0.5.0"}
ITERATIVE = "0.8.0"
OLDEST_OF_TYPES = {"vector": "0.4.0", "halfvec": "0.7.0", "bit": "0.7.0"}


def ensure(conn: Connection, index: Index, kind: str) -> None:
    """Make the extension if it is missing. ConfigError: it can't be made, or it or the server is too old.

    `kind`: the type that is indexed.
    """
    installed, available, server = _versions(conn)
    if server // 10_000 < OLDEST_SERVER:
        raise ConfigError(
            f"The server is PostgreSQL {server // 10_000}, and {OLDEST_SERVER} is the oldest that is loaded into. "
            "Choose another server, or upgrade this one."
        )
    if installed is None and available is None:
        raise ConfigError(
            "The server has no extension `vector`: pgvector is not installed there. Install it "
            "(https://github.com/pgvector/pgvector#installation), or, where the server is rented, choose one that "
            "offers it."
        )
    if installed is None:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _require(installed or str(available), available, index, kind)


def _require(found: str, available: str | None, index: Index, kind: str) -> None:
    needed = max(OLDEST[index.type], OLDEST_OF_TYPES[kind], key=_parts)
    if _parts(found) >= _parts(needed):
        return
    reason = f"a column of the type {kind}" if needed != OLDEST[index.type] else f"an index of the type {index.type}"
    if available and _parts(available) >= _parts(needed):
        remedy = f"Let its owner run in this database: ALTER EXTENSION vector UPDATE (the server has {available})."
    else:
        remedy = "Install a newer pgvector on the server, or choose another indexing.index."
    raise ConfigError(f"The database has pgvector {found}, and {reason} takes {needed} or newer. {remedy}")


def _versions(conn: Connection) -> tuple[str | None, str | None, int]:
    """Of the extension in this database, of what the server could make, and of the server (160014 is 16.14)."""
    row = conn.execute(
        "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
        "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector')"
    ).fetchone()
    assert row is not None
    return row[0], row[1], conn.info.server_version


def schema_of_extension(conn: Connection) -> str:
    """Where it is, quoted: not always on the search path (Supabase puts it into `extensions`)."""
    query = "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
    return sql.Identifier(str(conn.execute(query).fetchall()[0][0])).as_string()


def is_iterative(conn: Connection) -> bool:
    """Whether an index goes on until the filter has let enough through."""
    installed, _, _ = _versions(conn)
    return installed is not None and _parts(installed) >= _parts(ITERATIVE)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
