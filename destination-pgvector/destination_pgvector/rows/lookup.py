"""What a table has of some documents: their hashes, and the vectors that can be kept."""

from collections.abc import Callable, Iterator, Sequence

from psycopg import Connection

from destination_pgvector.server.parameters import Texts
from vector_ingest.document import Document, Embedded, Known, Target
from vector_ingest.errors import TransientError


def known(
    conn: Connection,
    target: Target,
    live: str | None,
    documents: Sequence[Document],
    only: str,
    *,
    with_tenant: bool,
) -> dict[str, Known]:
    """What is stored of these documents. `live`: another table whose vectors can be kept.

    `only`: which rows of the tables are the stream's. Where tenants are kept apart, a document that has changed its own
    is to be written, even if it is the same.
    """
    generation, ids = target.stream.generation or 0, Texts([document.id for document in documents])
    tenants = {document.id: document.tenant for document in documents}
    found = {
        identity: Known(digest if tenants[identity] == tenant or not with_tenant else None, chunks)
        for identity, digest, chunks, tenant in _stored(conn, target.write, ids, generation, only, with_tenant)
    }
    for identity, _, chunks, _ in _stored(conn, live, ids, generation, only, False) if live else ():
        mine = found.get(identity, Known(None, frozenset()))
        found[identity] = Known(mine.hash, mine.chunks | chunks)
    return found


def _stored(
    conn: Connection, table: str, ids: Texts, generation: int, only: str, with_tenant: bool
) -> Iterator[tuple[str, bytes | None, frozenset[bytes], str | None]]:
    """Of each document its hash, where all of it is of this generation, the hashes of its chunks, and its tenant."""
    query = (
        "SELECT document_id, (array_agg(document_hash))[1], bool_and(coalesce(generation, 0) = %s), "
        "array_agg(chunk_hash) FILTER (WHERE chunk_hash IS NOT NULL), "
        f"{'min(tenant)' if with_tenant else 'NULL::text'} FROM {table} "
        f"WHERE document_id = ANY(%s){only} GROUP BY document_id"
    )
    with conn.cursor(binary=True) as cursor:
        for identity, digest, is_current, chunks, tenant in cursor.execute(query.encode(), (generation, ids)):
            yield identity, digest if is_current else None, frozenset(chunks or ()), tenant


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
