"""The vector stores under test, each behind one face. Another store is one more entry in STORES."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pytest

from destination_pgvector.names import table_names
from destination_s3vectors import config as s3vectors
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import Database, VectorBucket
from tests.contract.memory_store import MemoryStore, Table
from tests.destination_pgvector.stores import store_of
from tests.destination_s3vectors.contents import read_stream
from tests.embedded_documents import DIMENSIONS, document, vector_of
from vector_ingest.document import Embedded, Stream, Target, Vector
from vector_ingest.store import VectorStore

DEDUP = Stream("Some Stream", None, "append_dedup", (("id",),))
OVERWRITE = Stream("Some Stream", None, "overwrite", (("id",),))


class Closable(VectorStore, Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A store under test. `open` gives one for a sync (of a model); `read` is what a reader sees of a stream.

    `switches`: between all that was there and all that is new, at once; else document by document.
    """

    open: Callable[[str], Closable]
    read: Callable[[Stream], dict[str, list[tuple[str, Vector]]]]
    switches: bool = True


def in_memory(_: pytest.FixtureRequest) -> Kind:
    tables: dict[str, Table] = {}

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        table = tables.get(f"{stream.namespace}.{stream.name}", Table(""))
        rows = dict(table.rows)
        return {identity: [(row.stored.text or "", row.vector) for row in rows[identity]] for identity in rows}

    return Kind(lambda fingerprint: MemoryStore(tables, fingerprint), read)


def in_pgvector(request: pytest.FixtureRequest, **tables: Any) -> Kind:
    database: Database = request.getfixturevalue("database")
    indexing = {**database.indexing(), "tables": tables}

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        table, _ = table_names(stream, "public")
        only = ""
        if tables:
            table, only = "public.documents", f"WHERE stream = '{stream.name}'"
        query = (
            f"SELECT document_id, document_content, embedding::text FROM {table} {only} "
            "ORDER BY document_id, chunk_number"
        )
        with database.connect() as conn:
            if not conn.execute("SELECT to_regclass(%s)", (table,)).fetchall()[0][0]:
                return {}
            rows: dict[str, list[tuple[str, Vector]]] = {}
            for identity, text, vector in conn.execute(query.encode()).fetchall():
                rows.setdefault(identity, []).append((text, np.fromstring(vector[1:-1], np.float32, sep=",")))
        return rows

    return Kind(lambda fingerprint: store_of(indexing, DIMENSIONS, fingerprint), read)


def in_s3vectors(request: pytest.FixtureRequest) -> Kind:
    bucket: VectorBucket = request.getfixturevalue("vector_bucket")
    config = s3vectors.Config.model_validate(
        {"embedding": {"mode": "fake"}, "processing": {"chunk_size": 100}, "indexing": bucket.indexing()}
    )

    def read(stream: Stream) -> dict[str, list[tuple[str, Vector]]]:
        return read_stream(bucket, stream)

    return Kind(lambda fingerprint: S3VectorsStore(config, DIMENSIONS, fingerprint), read, switches=False)


def in_one_table(request: pytest.FixtureRequest) -> Kind:
    """Of pgvector, for all streams: another one has rows of the same ids in it, which nothing may touch.

    But for tests of the only stream: one table for all takes another model only when no other stream is in it.
    """
    kind = in_pgvector(request, table_for={"type": "all"})
    if not request.node.get_closest_marker("only_stream"):
        other = replace(DEDUP, name="Other")
        sync(kind, other, document("a", "of the other", "stream"), document("b", "too"))
        there = kind.read(other)
        request.addfinalizer(lambda: np.testing.assert_equal(kind.read(other), there))
    return kind


STORES: dict[str, Callable[[pytest.FixtureRequest], Kind]] = {
    "memory": in_memory,
    "pgvector": in_pgvector,
    "pgvector_one_table": in_one_table,
    "s3vectors": in_s3vectors,
}


def texts(kind: Kind, stream: Stream = DEDUP) -> dict[str, list[str]]:
    """What a reader sees, after a look that each vector is that of its text."""
    seen = kind.read(stream)
    for rows in seen.values():
        for text, vector in rows:
            np.testing.assert_allclose(vector, vector_of(text))
    return {identity: [text for text, _ in rows] for identity, rows in seen.items()}


def sync(kind: Kind, stream: Stream, *documents: Embedded, complete: bool = True, model: str = "model/1") -> Target:
    store = kind.open(model)
    target = store.prepare(stream)
    assert not store.replace(target, documents)
    store.finish(target, complete)
    store.close()
    return target


def generation(number: int, minimum: int) -> Stream:
    return replace(DEDUP, generation=number, minimum_generation=minimum)
