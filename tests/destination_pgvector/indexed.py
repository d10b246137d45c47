"""A table of random rows, and its indexes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from destination_pgvector.store import PgvectorStore
from destination_pgvector.tables.vector_type import VectorType
from tests.conftest import Database
from vector_ingest.document import Stream

STREAM = Stream("Docs", None, "append_dedup", (("id",),))
DIMENSIONS = 16
VECTOR = VectorType("vector", DIMENSIONS, "public")
Open = Callable[..., PgvectorStore]


def fill(database: Database, rows: int, first: int = 0) -> None:
    """Random rows, in the table that a store has prepared."""
    with database.connect() as conn:
        conn.execute("SELECT setseed(0.5)")
        conn.execute(
            "INSERT INTO docs (document_id, chunk_id, chunk_number, metadata, embedding) SELECT i, i || '#0', 0, "
            "jsonb_build_object('id', i), ARRAY(SELECT random() - 0.5 FROM generate_series(1, %s) WHERE i = i)::vector "
            "FROM generate_series(%s::int, %s) i",
            (DIMENSIONS, first, first + rows - 1),
        )


def sync(store: PgvectorStore) -> None:
    store.finish(store.prepare(STREAM), complete=True)


def indexes(database: Database) -> list[tuple[str, bool]]:
    """Their definitions after USING, and whether they are ours. Not the primary key."""
    query = (
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', ''), "
        "coalesce(obj_description(indexrelid, 'pg_class'), '') LIKE '%airbyte_vectors%' FROM pg_index "
        "WHERE indrelid = 'docs'::regclass AND NOT indisprimary AND indisvalid ORDER BY 1"
    )
    with database.connect() as conn:
        return [(definition.replace("'", ""), ours) for definition, ours in conn.execute(query).fetchall()]


def hnsw(operators: str = "vector_cosine_ops", m: int = 16, ef_construction: int = 64) -> str:
    return f"hnsw (embedding {operators}) WITH (m={m}, ef_construction={ef_construction})"


DISTANCES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "cosine": ("vector_cosine_ops", lambda a, b: 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)),
    "l2": ("vector_l2_ops", lambda a, b: np.linalg.norm(a - b)),
    "inner_product": ("vector_ip_ops", lambda a, b: -(a @ b)),
}
