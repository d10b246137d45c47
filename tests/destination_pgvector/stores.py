"""The store in a database of a test, and documents for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np

from destination_pgvector.config import Config
from destination_pgvector.store import PgvectorStore
from tests.conftest import Database
from vector_ingest.document import Chunk, Document, Embedded, Stream, Target, Vector

DOCS = Stream("docs", None, "append_dedup", (("id",),))
DIMENSIONS = 3


def store_of(indexing: Mapping[str, Any], dimensions: int = DIMENSIONS, model: str = "model/1") -> PgvectorStore:
    """`indexing`: the section of the form."""
    form = {"embedding": {"mode": "fake"}, "processing": {"chunk_size": 100}, "indexing": indexing}
    return PgvectorStore(Config.model_validate(form), dimensions, model)


@contextmanager
def opened(database: Database, dimensions: int = DIMENSIONS, **tables: Any) -> Iterator[PgvectorStore]:
    """`tables`: the section of the form."""
    store = store_of({**database.indexing(), "tables": tables}, dimensions)
    try:
        yield store
    finally:
        store.close()


def sync(
    database: Database, stream: Stream, *documents: Embedded, dimensions: int = DIMENSIONS, **tables: Any
) -> Target:
    """A whole one, in which nothing is refused."""
    with opened(database, dimensions, **tables) as store:
        target = store.prepare(stream)
        assert store.replace(target, documents) == []
        store.finish(target, complete=True)
    return target


def document(
    identity: str, *texts: str, vector: Vector | None = None, tenant: str | None = None, **metadata: Any
) -> Embedded:
    """With a vector for each text, or this one for all."""
    chunks = [Chunk(number, text, 0, len(text), digest(text)) for number, text in enumerate(texts)]
    vectors = [vector_of(text) if vector is None else vector for text in texts]
    whole = Document(identity, "", metadata, digest(repr((texts, metadata))), tenant=tenant)
    return Embedded(whole, chunks, vectors)


def vector_of(text: str) -> Vector:
    return np.frombuffer(digest(text)[:DIMENSIONS], np.uint8).astype(np.float32) + 1


def digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def ask(database: Database, query: str, *values: Any) -> list[Any]:
    """Rows; the values of one column alone, where it has one."""
    with database.connect() as conn:
        rows = conn.execute(query.encode(), values or None).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def change(database: Database, statement: str) -> None:
    with database.connect() as conn:
        conn.execute(statement.encode())
