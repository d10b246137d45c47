"""The store in a database of a test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from destination_pgvector.config import Config
from destination_pgvector.store import PgvectorStore
from tests.conftest import Database
from tests.embedded_documents import DIMENSIONS
from vector_ingest.document import Embedded, Stream, Target

DOCS = Stream("docs", None, "append_dedup", (("id",),))


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


def ask(database: Database, query: str, *values: Any) -> list[Any]:
    """Rows; the values of one column alone, where it has one."""
    with database.connect() as conn:
        rows = conn.execute(query.encode(), values or None).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def change(database: Database, statement: str) -> None:
    with database.connect() as conn:
        conn.execute(statement.encode())
