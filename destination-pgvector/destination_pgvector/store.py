"""The vector store in PostgreSQL: a table for each stream, a document replaced in one transaction."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from psycopg import Connection, sql

from destination_pgvector import documents_view, index, search, tables, text_index
from destination_pgvector.check import prove
from destination_pgvector.config import Indexing
from destination_pgvector.connections import Connections
from destination_pgvector.extension import ensure
from destination_pgvector.finishing import bring_indexes, oid_of
from destination_pgvector.layouts import Layouts
from destination_pgvector.lookup import known_in, rows
from destination_pgvector.names import staging_name
from destination_pgvector.parameters import Texts
from destination_pgvector.postgres_errors import mapped
from destination_pgvector.quarantine import TableQuarantine
from destination_pgvector.recall import search_setting
from destination_pgvector.replacing import Writing, replace_documents
from destination_pgvector.row_shape import sorted_out
from destination_pgvector.search import Among
from destination_pgvector.tables import Table
from destination_pgvector.takeover import begin, is_comparable, take_over
from destination_pgvector.vector_type import MOST_DIMENSIONS, VectorType, kind_for
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target, Vector
from vector_ingest.errors import ConfigError
from vector_ingest.identity import has_stable_ids
from vector_ingest.processing import ProcessingConfig
from vector_ingest.search import Nearest, Scope

logger = logging.getLogger("airbyte.pgvector")


class PgvectorStore:
    def __init__(
        self,
        indexing: Indexing,
        dimensions: int,
        fingerprint: str,
        with_text: bool = True,
        processing: ProcessingConfig | None = None,
        most_refused: int = 0,
    ) -> None:
        """`fingerprint`: of model and chunker. `most_refused`: records that are kept aside. Nothing is asked yet."""
        self._indexing = indexing
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._tables = indexing.tables
        self._layouts = Layouts(indexing, dimensions, fingerprint, processing, with_text=with_text)
        self._places = self._layouts.places
        self._reusable: dict[str, bool] = {}
        self._new: set[str] = set()  # tables that this sync has made: nobody knows them yet
        self._connections = Connections(indexing)
        self.quarantine = TableQuarantine(self._connections, indexing.default_schema, most_refused)
        self.tenant_field = indexing.tables.tenant_field

    def check(self) -> None:
        """By doing all that a sync does, in a transaction that is rolled back."""
        with mapped(self._connections.place), self._connections.own() as conn, conn.transaction(force_rollback=True):
            stream = Stream("check", None, "append")
            self._make_room(conn, self._places.schema_of(stream))
            layout = self._layouts.layout(conn, stream)
            plan, with_view = self._plan(layout.vector), self._tables.document_view
            prove(conn, self._indexing.default_schema, layout, plan, self._fingerprint, with_view=with_view)
            if self.quarantine.most:
                self.quarantine.make(conn)

    def close(self) -> None:
        self._connections.close()

    def prepare(self, stream: Stream) -> Target:
        return self._connections.once(lambda conn: self._prepare(conn, stream))

    def _prepare(self, conn: Connection, stream: Stream) -> Target:
        self._make_room(conn, self._places.schema_of(stream))
        name = self._places.find(conn, stream)
        layout, note = self._layouts.layout(conn, stream), self._layouts.note(stream)
        only = self._places.only(stream)
        table = tables.find(conn, name)
        beside = self._fills_beside(conn, stream, table)
        write = staging_name(name, stream.generation, self._places.key_of(stream)) if beside else name
        keep = write if beside and stream.generation is not None else None
        tables.drop_staging(conn, name, keep, self._places.key_of(stream))
        if table is not None and (not beside or self._stays(conn, table, stream)):
            take_over(conn, table, layout, note, any_kind=self._tables.vector_type == "auto")
            if tables.is_empty(conn, name):
                index.drop_ours(conn, name)
        if beside:
            begin(conn, write, layout, note)
        elif table is None:
            with conn.transaction():
                tables.create(conn, name, layout, note)
            self._new.add(name)
        if self._tables.document_view:
            documents_view.assert_free(conn, name)
        if not beside:
            documents_view.settle(conn, name, wanted=self._tables.document_view)
        is_new = table is None or (bool(only) and tables.is_empty(conn, name, only))
        return Target(stream, None if is_new and beside else name, write, self._fingerprint)

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        ids, only = [document.id for document in documents], self._places.only(target.stream)
        tenants = {document.id: document.tenant for document in documents}

        def ask(conn: Connection) -> dict[str, Known]:
            with_tenant = self.tenant_field is not None
            stored = known_in(conn, target.write, ids, target.stream.generation, only, with_tenant=with_tenant)
            found = {
                identity: known if tenants[identity] == tenant or not with_tenant else replace(known, hash=None)
                for identity, (known, tenant) in stored.items()
            }
            if target.live and target.live != target.write and self._is_reusable(conn, target):
                live = known_in(conn, target.live, ids, None, only, with_tenant=False)
                for identity, (known, _) in live.items():
                    mine = found.get(identity, Known(None, frozenset()))
                    found[identity] = Known(mine.hash, mine.chunks | known.chunks)
            return found

        return self._connections.run(ask)

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        shape = self._layouts.shape(self._connections.run, target)
        tails, refused = sorted_out(shape, documents)
        fit = [embedded for embedded in documents if embedded.document.id in tails]
        only = self._places.only(target.stream)
        writing = Writing(target, shape, tails, only, replaces=has_stable_ids(target.stream))
        with mapped(self._connections.place):
            return refused + replace_documents(self._connections, writing, fit)

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        ids = [document.id for document in documents]
        query = (
            f"WITH gone AS (DELETE FROM {target.write} WHERE document_id = ANY(%s){self._places.only(target.stream)} "
            "RETURNING document_id) SELECT count(DISTINCT document_id) FROM gone"
        )
        return self._connections.run(lambda conn: int(rows(conn, query, (Texts(ids),))[0][0]))

    def scan(self, target: Target) -> Iterator[Stored]:
        query = (
            f"SELECT document_id, chunk_number, document_content, metadata, chunk_hash FROM {target.write} "
            f"WHERE true{self._places.only(target.stream)}"
        )
        with (
            mapped(self._connections.place),
            self._connections.own() as conn,
            conn.transaction(),
            conn.cursor(name="scan") as cursor,
        ):
            for identity, number, text, metadata, digest in cursor.execute(query.encode()):
                yield Stored(identity, number, text, metadata, digest or b"", target.fingerprint)

    def finish(self, target: Target, complete: bool) -> None:
        if target.write == target.live or complete:
            filled: set[int | None] = set()  # what `target.write` was at the first attempt
            self._connections.once(lambda conn: self._finish(conn, target, complete, filled))

    def _finish(self, conn: Connection, target: Target, complete: bool, filled: set[int | None]) -> None:
        stream, beside = target.stream, target.write != target.live
        live = self._places.known(stream) if beside else target.write
        if beside and filled and oid_of(conn, target.write) is None:  # the switch was committed, and its answer lost
            self._index(conn, live, online=True)
            return
        filled.add(oid_of(conn, target.write))
        if beside and self._is_done_already(conn, target):
            conn.execute(f"DROP TABLE {target.write}".encode())
            return
        if beside and self._is_moved(conn, target):
            with conn.transaction():
                tables.move_rows(conn, target.write, live, self._places.only(stream))
                self.quarantine.settle(conn, stream, replaced=True)
            self._index(conn, live, online=True)
            return
        if complete and stream.minimum_generation and not beside:
            self._delete_older(conn, target, stream.minimum_generation)
        self._index(conn, target.write, online=not beside and target.write not in self._new)
        with conn.transaction():
            if beside:
                old = staging_name(target.write, None, "old")
                tables.switch(conn, target.write, live, old, with_view=self._tables.document_view)
            if complete:
                self.quarantine.settle(conn, stream, replaced=beside)

    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Nearest]:
        """By the form's distance. For searching only."""
        stream = Stream(scope.stream, scope.namespace, "append")
        with mapped(self._connections.place), self._connections.own() as conn:
            name = self._places.find(conn, stream)
            table = tables.find(conn, name)
            if table is None:
                raise ConfigError(f"The stream `{scope.stream}` has no table {name}: sync it first, or check its name.")
            if scope.tenant is not None and "tenant" not in table.columns:
                raise ConfigError(f"The table {name} keeps no tenants apart: search without a tenant.")
            plan = self._plan(self._layouts.vector_in(conn, table))
            among = Among(name, plan.vector, self._places.only(stream), scope.tenant, plan.distance)
            setting = search_setting(conn, name, plan, limit) if plan.allows_index() else None
            return search.nearest(conn, among, question, limit, setting)

    def _plan(self, vector: VectorType) -> index.Plan:
        return index.Plan(self._indexing.index, self._indexing.distance, vector)

    def _make_room(self, conn: Connection, schema: str) -> None:
        """The extension and the schema, made if they are missing."""
        if self._dimensions > MOST_DIMENSIONS:
            raise ConfigError(
                f"The embedding has {self._dimensions} dimensions; a vector column of pgvector holds {MOST_DIMENSIONS} "
                "at most. Choose another model or fewer dimensions."
            )
        kind = kind_for(self._tables.vector_type, self._dimensions)
        ensure(conn, self._indexing.index, "bit" if self._tables.quantised else kind)
        if not rows(conn, "SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)):
            conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        if self._tables.text_search:
            text_index.assert_language(conn, self._tables.text_search)

    def _fills_beside(self, conn: Connection, stream: Stream, table: Table | None) -> bool:
        """Whether this sync replaces all there is: an overwrite, or a refresh that truncates.

        Not "minimum = generation, so truncate": some clients send 1/1 in every sync, and rows of this generation stay.
        """
        if stream.mode == "overwrite":
            return True
        if table is None or not stream.generation or stream.minimum_generation != stream.generation:
            return False
        only = self._places.only(stream)
        if tables.is_empty(conn, table.name, only):
            return False
        return "generation" not in table.columns or not tables.has_generation(conn, table.name, stream.generation, only)

    def _stays(self, conn: Connection, table: Table, stream: Stream) -> bool:
        """Whether the table outlives a sync that replaces the stream: it is of all, and of this model or of others."""
        others = f" AND NOT (true{self._places.only(stream)})"
        return self._places.for_all and (
            self._is_comparable(table, stream) or not tables.is_empty(conn, table.name, others)
        )

    def _is_done_already(self, conn: Connection, target: Target) -> bool:
        """An overwrite that brings nothing of a generation that is live: a rerun of one that was killed at its end."""
        generation = target.stream.generation
        if generation is None or target.live is None or not tables.is_empty(conn, target.write):
            return False
        live = tables.find(conn, target.live)
        only = self._places.only(target.stream)
        return (
            live is not None
            and "generation" in live.columns
            and tables.has_generation(conn, target.live, generation, only)
        )

    def _is_moved(self, conn: Connection, target: Target) -> bool:
        """Whether rows are put into a table that is of all streams, and there, and of the same model."""
        live = tables.find(conn, self._places.known(target.stream)) if self._places.for_all else None
        return live is not None and self._is_comparable(live, target.stream)

    def _is_comparable(self, table: Table, stream: Stream) -> bool:
        return is_comparable(table, self._layouts.note(stream), self._dimensions)

    def _is_reusable(self, conn: Connection, target: Target) -> bool:
        """Whether the vectors of the live table are of the same model and chunker, and as exact."""
        assert target.live is not None
        if target.live not in self._reusable:
            live, write = tables.find(conn, target.live), tables.find(conn, target.write)
            same = live is not None and self._is_comparable(live, target.stream)
            self._reusable[target.live] = same and not (live and write and live.kind == "halfvec" != write.kind)
        return self._reusable[target.live]

    def _delete_older(self, conn: Connection, target: Target, minimum: int) -> None:
        query = f"DELETE FROM {target.write} WHERE coalesce(generation, 0) < %s{self._places.only(target.stream)}"
        gone = conn.execute(query.encode(), (minimum,)).rowcount
        logger.info("%s chunks of earlier generations deleted from %s.", f"{gone:,}", target.write)

    def _index(self, conn: Connection, name: str, *, online: bool) -> None:
        table = tables.find(conn, name)
        assert table is not None
        plan = self._plan(self._layouts.vector_in(conn, table))
        bring_indexes(conn, name, plan, self._indexing, online, self._connections.own)
        if self._tables.text_search:
            text_index.build(conn, name, online=online)
