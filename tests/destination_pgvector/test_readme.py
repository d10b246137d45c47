"""The statements of the connector's README, run on the table that it speaks of."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.conftest import Database
from tests.destination_pgvector.stores import DOCS, change, sync
from tests.embedded_documents import document
from vector_ingest.errors import ConfigError

README = Path(__file__).parents[2] / "destination-pgvector" / "README.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", README.read_text(), re.DOTALL)
VECTOR = np.array([1, 2, 3], np.float32)
OPTIONS: dict[str, Any] = {
    "vector_type": "halfvec",
    "quantised": True,
    "metadata_columns": {"type": "listed", "fields": [{"field": "price", "type": "integer"}]},
    "text_search": "english",
    "document_view": True,
    "tenant_field": "customer_id",
}


def found(conn: psycopg.Connection, beginning: str) -> list[str]:
    """The first column of what the statement finds that begins so, or holds it."""
    (statements,) = [text for text in STATEMENTS if beginning in text]
    values = {"vector": str(VECTOR.tolist()), "words": "rotating keys", "document": "keys"}
    rows: list[str] = []
    for statement in statements.split(";\n"):
        if statement.strip():
            cursor = conn.execute(statement.encode(), values)
            rows = [row[0] for row in cursor.fetchall()] if cursor.description else rows
    return rows


@pytest.fixture
def loaded_database(database: Database) -> Database:
    """`near` is nearest to the question by its vector, `keys` has its words and is second."""
    documents = [
        document("near", "the cat", vector=VECTOR, tenant="acme", price=1),
        document("keys", "how keys are rotated", "more", vector=VECTOR * (1, 1, 0.9), tenant="acme", price=100),
        document("far", "a dog", vector=-VECTOR, tenant="other", price=50),
    ]
    sync(database, DOCS, *documents, **OPTIONS)
    return database


def test_every_statement_finds_what_it_is_for(loaded_database: Database) -> None:
    expected = {
        "embedding_bits": ["near", "keys", "keys", "far"],
        "price < 100": ["near", "far"],
        "websearch_to_tsquery": ["keys", "near", "keys", "far"],
        "docs_documents": ["keys"],
        "SET ROLE app": ["near", "keys", "keys"],
    }
    assert len(STATEMENTS) == len(expected)
    change(loaded_database, "CREATE ROLE app")
    with loaded_database.connect() as conn:
        try:
            assert {beginning: found(conn, beginning) for beginning in expected} == expected
        finally:
            conn.execute("RESET ROLE; DROP OWNED BY app; DROP ROLE app")


def test_the_words_are_found_by_their_index(loaded_database: Database) -> None:
    with loaded_database.connect() as conn:
        conn.execute("SET enable_seqscan = off")
        query = "EXPLAIN SELECT 1 FROM docs WHERE text_search @@ to_tsquery('english', 'key')"
        plan = " ".join(row[0] for row in conn.execute(query).fetchall())
    assert "docs_text_search_idx" in plan or "text_search" in plan
    assert "Bitmap Index Scan" in plan


def test_a_language_that_the_server_does_not_know_is_told(database: Database) -> None:
    with pytest.raises(ConfigError, match=r"is klingon, which the server does not know. It knows: .*english"):
        sync(database, DOCS, text_search="klingon")
