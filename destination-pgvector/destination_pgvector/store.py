"""The vector store in PostgreSQL: a table for each stream, a document replaced in one transaction."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg import Connection, sql

from destination_pgvector import index, tables
from destination_pgvector.config import Hnsw, Indexing
from destination_pgvector.connections import Connections
from destination_pgvector.copy_rows import copy_rows
from destination_pgvector.lookup import kept_vectors, known_in, rows
from destination_pgvector.postgres_errors import mapped
from destination_pgvector.tables import Note, Table
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target, Vector
from vector_ingest.errors import ConfigError
from vector_ingest.identity import has_stable_ids
from vector_ingest.search import Nearest, Scope

logger = logging.getLogger("airbyte.pgvector")
MOST_DIMENSIONS = 16_000  # of a vector column


class PgvectorStore:
    tenant_field = None
    quarantine = None

    def __init__(self, indexing: Indexing, dimensions: int, fingerprint: str, with_text: bool = True) -> None:
        """`fingerprint`: of model and chunker. Nothing is connected before the first call."""
        self._indexing = indexing
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._with_text = with_text
        self._taken: dict[
            str, tuple[str | None, str]
        ] = {}  # by namespace and name: tables of this sync, also those that don't exist yet
        self._reusable: dict[str, bool] = {}
        self._connections = Connections(indexing)

    def check(self) -> None:
        """By doing all that a sync does, in a transaction that is rolled back."""
        with mapped(self._connections.place), self._connections.own() as conn, conn.transaction(force_rollback=True):
            schema = self._indexing.default_schema
            vector = self._make_room(conn, schema)
            probe = tables.qualified(schema, f"{tables.STAGING}check")
            tables.create(conn, probe, vector, Note("check", None, self._fingerprint))
            conn.execute(f"DROP TABLE {probe}".encode())

    def close(self) -> None:
        self._connections.close()

    def prepare(self, stream: Stream) -> Target:
        with mapped(self._connections.place), self._connections.own() as conn:
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

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        ids = [document.id for document in documents]

        def ask(conn: Connection) -> dict[str, Known]:
            found = known_in(conn, target.write, ids, target.stream.generation)
            if target.live and target.live != target.write and self._is_reusable(conn, target):
                for identity, live in known_in(conn, target.live, ids, None).items():
                    mine = found.get(identity, Known(None, frozenset()))
                    found[identity] = Known(mine.hash, mine.chunks | live.chunks)
            return found

        return self._connections.run(ask)

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        with mapped(self._connections.place):
            return self._replace(target, documents, replaces=has_stable_ids(target.stream))

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        ids = [document.id for document in documents]
        query = (
            f"WITH gone AS (DELETE FROM {target.write} WHERE document_id = ANY(%s) RETURNING document_id) "
            "SELECT count(DISTINCT document_id) FROM gone"
        )
        return self._connections.run(lambda conn: int(rows(conn, query, (ids,))[0][0]))

    def scan(self, target: Target) -> Iterator[Stored]:
        query = f"SELECT document_id, chunk_number, document_content, metadata, chunk_hash FROM {target.write}"
        with (
            mapped(self._connections.place),
            self._connections.own() as conn,
            conn.transaction(),
            conn.cursor(name="scan") as cursor,
        ):
            for identity, number, text, metadata, digest in cursor.execute(query.encode()):
                yield Stored(identity, number, text, metadata, digest or b"", target.fingerprint)

    def finish(self, target: Target, complete: bool) -> None:
        with mapped(self._connections.place), self._connections.own() as conn:
            beside = target.write != target.live
            if beside and not complete:
                return
            if beside and _is_done_already(conn, target):
                conn.execute(f"DROP TABLE {target.write}".encode())
                return
            minimum = target.stream.minimum_generation
            if complete and minimum and not beside:
                query = f"DELETE FROM {target.write} WHERE coalesce(generation, 0) < %s"
                gone = conn.execute(query.encode(), (minimum,)).rowcount
                logger.info("%s chunks of earlier generations deleted from %s.", f"{gone:,}", target.write)
            if isinstance(self._indexing.index, Hnsw):
                operators = sql.Identifier(_extension_schema(conn)).as_string()
                index.build(conn, target.write, self._indexing.index, self._dimensions, not beside, operators)
            conn.execute(f"ANALYZE {target.write}".encode())
            if beside:
                tables.switch(conn, target.write, self._name_of(target.stream))

    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Nearest]:
        """By cosine distance. For searching only."""
        with mapped(self._connections.place), self._connections.own() as conn:
            name = self._table_of(conn, Stream(scope.stream, scope.namespace, "append"))
            if tables.find(conn, name) is None:
                raise ConfigError(f"The stream `{scope.stream}` has no table {name}: sync it first, or check its name.")
            schema = sql.Identifier(_extension_schema(conn)).as_string()
            query = (
                f"SELECT document_id, chunk_number, embedding OPERATOR({schema}.<=>) %s::{schema}.vector AS distance, "
                f"document_content, metadata FROM {name} ORDER BY distance LIMIT %s"
            )
            text = "[" + ",".join(map(str, question.tolist())) + "]"
            return conn.execute(query.encode(), (text, limit)).fetchall()

    def _replace(self, target: Target, documents: Sequence[Embedded], replaces: bool) -> Sequence[Refused]:
        ids = [embedded.document.id for embedded in documents]

        def write(conn: Connection) -> None:
            with conn.transaction():
                kept = kept_vectors(conn, target, documents)
                if replaces:
                    conn.execute(f"DELETE FROM {target.write} WHERE document_id = ANY(%s)".encode(), (ids,))
                copy_rows(conn, target.write, documents, kept, target.stream.generation, self._with_text)

        try:
            self._connections.retry(write)
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

    def _make_room(self, conn: Connection, schema: str) -> str:
        """The extension and the schema, made if they are missing. Returns the type of the embedding column."""
        if self._dimensions > MOST_DIMENSIONS:
            raise ConfigError(
                f"The embedding has {self._dimensions} dimensions; a vector column of pgvector holds {MOST_DIMENSIONS} "
                "at most. Choose another model or fewer dimensions."
            )
        if not rows(conn, "SELECT 1 FROM pg_extension WHERE extname = 'vector'", ()):
            conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
        if not rows(conn, "SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)):
            conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        return f"{sql.Identifier(_extension_schema(conn)).as_string()}.vector({self._dimensions})"

    def _table_of(self, conn: Connection, stream: Stream) -> str:
        """The stream's table: the usual name, unless that is another stream's."""
        usual, other = tables.table_names(stream, self._indexing.default_schema)
        owner, stream_key = self._taken.get(usual), (stream.namespace, stream.name)
        table = tables.find(conn, usual)
        if owner is None and table and table.note:
            mine = table.note.stream == stream.name
        else:
            mine = owner is None or owner == stream_key
        name = usual if mine else other
        self._taken[name] = stream_key
        return name

    def _name_of(self, stream: Stream) -> str:
        return next(name for name, owner in self._taken.items() if owner == (stream.namespace, stream.name))

    def _fills_beside(self, conn: Connection, stream: Stream, table: Table | None) -> bool:
        """Whether this sync replaces all there is: an overwrite, or a refresh that truncates.

        Not "minimum = generation, so truncate": some clients send 1/1 in every sync, and rows of this generation stay.
        """
        if stream.mode == "overwrite":
            return True
        if table is None or not stream.generation or stream.minimum_generation != stream.generation:
            return False
        if tables.is_empty(conn, table.name):
            return False
        return "generation" not in table.columns or not tables.has_generation(conn, table.name, stream.generation)

    def _make(self, conn: Connection, name: str, vector: str, note: Note) -> None:
        """The table to fill beside: the one that an earlier attempt of this generation began, or a new one."""
        begun = tables.find(conn, name)
        if begun and (begun.dimensions != self._dimensions or not _same(begun.note, note)):
            conn.execute(f"DROP TABLE {name}".encode())
            begun = None
        if begun is None:
            with conn.transaction():
                tables.create(conn, name, vector, note)

    def _take_over(self, conn: Connection, table: Table, vector: str, note: Note) -> None:
        """Go on with a table as it is, if its vectors can be compared with ours."""
        if table.dimensions == self._dimensions and _same(table.note, note):
            return
        if tables.is_empty(conn, table.name):
            with conn.transaction():
                conn.execute(f"DROP TABLE {table.name}".encode())
                tables.create(conn, table.name, vector, note)
            return
        if table.note is None and table.dimensions == self._dimensions:
            logger.warning(
                "The table %s was made by another connector. Its rows are kept, and taken to be embedded by the model "
                "that is set now.", table.name,
            )  # fmt: skip
            tables.adopt(conn, table, note)
            return
        made_by = table.note.fingerprint if table.note else "another connector"
        raise ConfigError(
            f"The table {table.name} was filled by {made_by} ({table.dimensions} dimensions), but set now is "
            f"{self._fingerprint} ({self._dimensions} dimensions). Vectors of two models or chunk sizes can't be "
            "mixed. Refresh the stream and remove its records (or sync it once in overwrite mode) to embed all anew, "
            "or set the model and chunking back."
        )

    def _is_reusable(self, conn: Connection, target: Target) -> bool:
        """Whether the vectors of the live table are of the same model and chunker."""
        assert target.live is not None
        if target.live not in self._reusable:
            live = tables.find(conn, target.live)
            self._reusable[target.live] = bool(live and live.note and live.note.fingerprint == target.fingerprint)
        return self._reusable[target.live]


def _is_done_already(conn: Connection, target: Target) -> bool:
    """An overwrite that brings nothing of a generation that is live: the rerun of one that was killed at its end."""
    generation = target.stream.generation
    if generation is None or target.live is None or not tables.is_empty(conn, target.write):
        return False
    live = tables.find(conn, target.live)
    return live is not None and "generation" in live.columns and tables.has_generation(conn, target.live, generation)


def _same(found: Note | None, wanted: Note) -> bool:
    return found is not None and found.fingerprint == wanted.fingerprint


def _extension_schema(conn: Connection) -> str:
    """Where the extension is: not always on the search path (Supabase puts it into `extensions`)."""
    query = "SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'vector'"
    return str(rows(conn, query, ())[0][0])
