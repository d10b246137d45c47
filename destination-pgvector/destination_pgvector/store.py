"""The vector store in PostgreSQL: a table for each stream, a document replaced in one transaction."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from destination_pgvector import index, tables
from destination_pgvector.config import Hnsw, Indexing
from destination_pgvector.copy_rows import copy_rows
from destination_pgvector.postgres_errors import is_transient, mapped
from destination_pgvector.tables import Note, Table
from vector_ingest.document import Embedded, Known, Refused, Stored, Stream, Target
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.identity import has_stable_ids

logger = logging.getLogger("airbyte.pgvector")
Result = TypeVar("Result")
CONNECTIONS = 6  # the load's threads, and room for a scan
PAUSES = (0.2, 1.0, 5.0, 15.0)  # seconds before a transaction is tried again: a server restarts in less
MOST_DIMENSIONS = 16_000  # of a vector column


class PgvectorStore:
    def __init__(self, indexing: Indexing, dimensions: int, fingerprint: str, with_text: bool = True) -> None:
        """`fingerprint`: of model and chunker. Nothing is connected before the first call."""
        self._indexing = indexing
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._with_text = with_text
        self._place = f"{indexing.host}:{indexing.port}/{indexing.database}"
        self._taken: dict[str, Stream] = {}  # tables of this sync, also those that don't exist yet
        self._reusable: dict[str, bool] = {}
        self._pool = ConnectionPool(
            kwargs=self._parameters(), min_size=0, max_size=CONNECTIONS, timeout=30, open=False,
            check=ConnectionPool.check_connection,
        )  # fmt: skip

    def check(self) -> None:
        """By doing all that a sync does, in a transaction that is rolled back."""
        with mapped(self._place), self._connect() as conn, conn.transaction(force_rollback=True):
            schema = self._indexing.default_schema
            vector = self._make_room(conn, schema)
            probe = tables.qualified(schema, f"{tables.STAGING}check")
            tables.create(conn, probe, vector, Note("check", None, self._fingerprint))
            conn.execute(f"DROP TABLE {probe}".encode())

    def close(self) -> None:
        self._pool.close()

    def prepare(self, stream: Stream) -> Target:
        with mapped(self._place), self._connect() as conn:
            schema = stream.namespace or self._indexing.default_schema
            vector = self._make_room(conn, schema)
            name = self._table_of(conn, stream)
            table = tables.find(conn, name)
            note = Note(stream.name, stream.namespace, self._fingerprint)
            beside = self._fills_beside(conn, stream, table)
            write = tables.staging_name(name, stream.generation) if beside else name
            tables.drop_staging(conn, name, write if beside and stream.generation is not None else None)
            if beside:
                self._make(conn, write, vector, note)
            elif table is None:
                tables.create(conn, name, vector, note)
            else:
                self._take_over(conn, table, vector, note)
            return Target(stream, name if table or not beside else None, write, self._fingerprint)

    def known(self, target: Target, ids: Sequence[str]) -> Mapping[str, Known]:
        def ask(conn: Connection) -> dict[str, Known]:
            found = _known(conn, target.write, ids, target.stream.generation)
            if target.live and target.live != target.write and self._is_reusable(conn, target):
                for identity, live in _known(conn, target.live, ids, None).items():
                    mine = found.get(identity, Known(None, frozenset()))
                    found[identity] = Known(mine.hash, mine.chunks | live.chunks)
            return found

        return self._run(ask)

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        with mapped(self._place):
            return self._replace(target, documents, replaces=has_stable_ids(target.stream))

    def delete(self, target: Target, ids: Sequence[str]) -> int:
        query = (
            f"WITH gone AS (DELETE FROM {target.write} WHERE document_id = ANY(%s) RETURNING document_id) "  # noqa: S608
            "SELECT count(DISTINCT document_id) FROM gone"
        )
        return self._run(lambda conn: int(_rows(conn, query, (list(ids),))[0][0]))

    def scan(self, target: Target) -> Iterator[Stored]:
        query = f"SELECT document_id, chunk_number, document_content, metadata, chunk_hash FROM {target.write}"  # noqa: S608
        with mapped(self._place), self._connect() as conn, conn.transaction(), conn.cursor(name="scan") as cursor:
            for identity, number, text, metadata, digest in cursor.execute(query.encode()):
                yield Stored(identity, number, text, metadata, digest or b"", target.fingerprint)

    def finish(self, target: Target, complete: bool) -> None:
        with mapped(self._place), self._connect() as conn:
            beside = target.write != target.live
            if beside and not complete:
                return
            minimum = target.stream.minimum_generation
            if complete and minimum and not beside:
                query = f"DELETE FROM {target.write} WHERE coalesce(generation, 0) < %s"  # noqa: S608 (a quoted name)
                gone = conn.execute(query.encode(), (minimum,)).rowcount
                logger.info("%s chunks of earlier generations deleted from %s.", f"{gone:,}", target.write)
            if isinstance(self._indexing.index, Hnsw):
                operators = sql.Identifier(_extension_schema(conn)).as_string()
                index.build(conn, target.write, self._indexing.index, self._dimensions, not beside, operators)
            conn.execute(f"ANALYZE {target.write}".encode())
            if beside:
                tables.switch(conn, target.write, self._name_of(target.stream))

    def _replace(self, target: Target, documents: Sequence[Embedded], replaces: bool) -> Sequence[Refused]:
        ids = [embedded.document.id for embedded in documents]

        def write(conn: Connection) -> None:
            with conn.transaction():
                kept = _kept_vectors(conn, target, documents)
                if replaces:
                    conn.execute(f"DELETE FROM {target.write} WHERE document_id = ANY(%s)".encode(), (ids,))  # noqa: S608
                copy_rows(conn, target.write, documents, kept, target.stream.generation, self._with_text)

        try:
            self._retry(write)
        except psycopg.errors.UniqueViolation:
            # Ids that are new in every run come twice only if a commit's answer was lost on the way.
            if replaces:
                raise
            return self._replace(target, documents, replaces=True)
        except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
            if len(documents) == 1:
                return [Refused(ids[0], " ".join(str(error).split()))]
            middle = len(documents) // 2
            halves = documents[:middle], documents[middle:]
            return [refused for half in halves for refused in self._replace(target, half, replaces)]
        return []
