"""The vector store in PostgreSQL: a table for each stream, a document replaced in one transaction."""

from collections.abc import Iterator, Mapping, Sequence

from psycopg import Connection

from destination_pgvector import search
from destination_pgvector.check import prove
from destination_pgvector.config import Config
from destination_pgvector.finishing import Finishing
from destination_pgvector.rows import lookup
from destination_pgvector.rows.quarantine import TableQuarantine
from destination_pgvector.rows.replacing import Writing, replace_documents
from destination_pgvector.search import Among
from destination_pgvector.server.connections import Connections
from destination_pgvector.server.parameters import Texts
from destination_pgvector.server.postgres_errors import mapped
from destination_pgvector.tables import tables
from destination_pgvector.tables.layouts import Layouts
from destination_pgvector.tables.preparing import make_room, prepare
from destination_pgvector.tables.row_shape import sorted_out
from vector_ingest.command.search import Found, Scope, require_same_model
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target, Vector
from vector_ingest.errors import ConfigError
from vector_ingest.record.identity import has_stable_ids


class PgvectorStore:
    def __init__(self, config: Config, dimensions: int, fingerprint: str) -> None:
        """`fingerprint`: of model and chunker. Nothing is asked of the server before the first call."""
        indexing = config.indexing
        self._layouts = Layouts(config, dimensions, fingerprint)
        self._places = self._layouts.places
        self._made: set[str] = set()  # tables
        self._connections = Connections(indexing)
        self.quarantine = TableQuarantine(self._connections, indexing.default_schema, config.most_quarantined)
        self.tenant_field = indexing.tables.tenant_field

    def check(self) -> None:
        """By doing all that a sync does, in a transaction that is rolled back."""
        with mapped(self._connections.place), self._connections.own() as conn, conn.transaction(force_rollback=True):
            stream = Stream("check", None, "append")
            make_room(conn, self._layouts, stream)
            prove(conn, self._layouts, stream)
            if self.quarantine.most:
                self.quarantine.make(conn)

    def close(self) -> None:
        self._connections.close()

    def prepare(self, stream: Stream) -> Target:
        return self._connections.once(lambda conn: prepare(conn, self._layouts, stream, self._made))

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        def ask(conn: Connection) -> Mapping[str, Known]:
            live, only = self._layouts.reusable(conn, target), self._places.only(target.stream)
            return lookup.known(conn, target, live, documents, only, with_tenant=self.tenant_field is not None)

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
        ids = Texts([document.id for document in documents])
        query = (
            f"WITH gone AS (DELETE FROM {target.write} WHERE document_id = ANY(%s){self._places.only(target.stream)} "
            "RETURNING document_id) SELECT count(DISTINCT document_id) FROM gone"
        )
        return self._connections.run(lambda conn: int(conn.execute(query.encode(), (ids,)).fetchall()[0][0]))

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
            finishing = Finishing(target, self._layouts, self.quarantine, self._made, self._connections.own)
            self._connections.once(lambda conn: finishing.run(conn, complete=complete))

    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Found]:
        """By the form's distance. For searching only."""
        stream = Stream(scope.stream, scope.namespace, "append")
        with mapped(self._connections.place), self._connections.own() as conn:
            name = self._places.find(conn, stream)
            table = tables.find(conn, name)
            if table is None:
                raise ConfigError(f"The stream `{scope.stream}` has no table {name}: sync it first, or check its name.")
            if scope.tenant is not None and "tenant" not in table.columns:
                raise ConfigError(f"The table {name} keeps no tenants apart: search without a tenant.")
            if table.note:
                require_same_model(scope.stream, [table.note.fingerprint], self._layouts.fingerprint)
            elif table.dimensions != self._layouts.dimensions:
                raise ConfigError(
                    f"Another connector filled the table {name} with vectors of {table.dimensions} dimensions, but the "
                    f"model that is set makes {self._layouts.dimensions}: set the model that filled it."
                )
            among = Among(name, self._layouts.plan_of(conn, table), self._places.only(stream), scope.tenant)
            return search.nearest(conn, among, question, limit)
