"""What a table has of some documents: their hashes, and the vectors that can be kept."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection, sql

from destination_pgvector.parameters import Texts
from vector_ingest.document import Embedded, Known, Target
from vector_ingest.errors import TransientError


def known_in(
    conn: Connection, table: str, ids: Sequence[str], generation: int | None, only: str, *, with_tenant: bool
) -> dict[str, tuple[Known, str | None]]:
    """What is stored of these documents, each with its tenant. `only`: which rows of the table are the stream's."""
    query = (
        "SELECT document_id, (array_agg(document_hash))[1], bool_and(coalesce(generation, 0) = %s), "
        "array_agg(chunk_hash) FILTER (WHERE chunk_hash IS NOT NULL), "
        f"{'min(tenant)' if with_tenant else 'NULL::text'} FROM {table} "
        f"WHERE document_id = ANY(%s){only} GROUP BY document_id"
    )
    return {
        identity: (Known(digest if current else None, frozenset(chunks or ())), tenant)
        for identity, digest, current, chunks, tenant in rows(conn, query, (generation or 0, Texts(ids)))
    }


def kept_vectors(
    conn: Connection, target: Target, documents: Sequence[Embedded], kind: str, only: str
) -> Callable[[str, bytes], bytes]:
    """The stored vectors that chunks without one keep, as the server's own bytes: from `write`, else from `live`.

    `kind`: the type of vectors in `write`, with its schema.
    """
    wanted = {
        (embedded.document.id, chunk.hash)
        for embedded in documents
        for chunk, vector in zip(embedded.chunks, embedded.vectors, strict=True)
        if vector is None
    }
    found: dict[tuple[str, bytes], bytes] = {}
    for table in dict.fromkeys((target.write, target.live)):
        missing = wanted - found.keys()
        if table is None or not missing:
            continue
        query = (
            f"SELECT document_id, chunk_hash, embedding::{kind} FROM {table} "
            f"WHERE document_id = ANY(%s) AND chunk_hash = ANY(%s){only}"
        )
        ids, hashes = {identity for identity, _ in missing}, {digest for _, digest in missing}
        with conn.cursor(binary=True) as cursor:
            for identity, digest, vector in cursor.execute(query.encode(), (Texts(list(ids)), list(hashes))):
                found.setdefault((identity, digest), vector)
    if lost := wanted - found.keys():
        identity = next(iter(lost))[0]
        raise TransientError(
            f"Vectors of the document `{identity}` in {target.write} are gone since they were looked up. Is another "
            "sync of the stream running? Run this one again."
        )
    return lambda identity, digest: found[identity, digest]


def extension_schema(conn: Connection) -> str:
    """Where the extension is, quoted: not always on the search path (Supabase puts it into `extensions`)."""
    query = "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
    return sql.Identifier(str(rows(conn, query, ())[0][0])).as_string()


def rows(conn: Connection, query: str, parameters: tuple[Any, ...]) -> list[Any]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()
