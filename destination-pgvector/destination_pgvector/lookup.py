"""What a table has of some documents: their hashes, and the vectors that can be kept."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from vector_ingest.document import Embedded, Known, Target
from vector_ingest.errors import TransientError


def known_in(conn: Connection, table: str, ids: Sequence[str], generation: int | None) -> dict[str, Known]:
    query = (
        "SELECT document_id, (array_agg(document_hash))[1], bool_and(coalesce(generation, 0) = %s), "
        f"array_agg(chunk_hash) FILTER (WHERE chunk_hash IS NOT NULL) FROM {table} "
        "WHERE document_id = ANY(%s) GROUP BY document_id"
    )
    return {
        identity: Known(digest if current else None, frozenset(chunks or ()))
        for identity, digest, current, chunks in rows(conn, query, (generation or 0, list(ids)))
    }


def kept_vectors(conn: Connection, target: Target, documents: Sequence[Embedded]) -> Callable[[str, bytes], bytes]:
    """The stored vectors that chunks without one keep, as the server's own bytes: from `write`, else from `live`."""
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
            f"SELECT document_id, chunk_hash, embedding FROM {table} "
            "WHERE document_id = ANY(%s) AND chunk_hash = ANY(%s)"
        )
        ids, hashes = {identity for identity, _ in missing}, {digest for _, digest in missing}
        with conn.cursor(binary=True) as cursor:
            for identity, digest, vector in cursor.execute(query.encode(), (list(ids), list(hashes))):
                found.setdefault((identity, digest), vector)
    if lost := wanted - found.keys():
        identity = next(iter(lost))[0]
        raise TransientError(
            f"Vectors of the document `{identity}` in {target.write} are gone since they were looked up. Is another "
            "sync of the stream running? Run this one again."
        )
    return lambda identity, digest: found[identity, digest]


def rows(conn: Connection, query: str, parameters: tuple[Any, ...]) -> list[Any]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()
