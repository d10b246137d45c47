"""What the configuration asks of a stream's table, and what a row for it must have."""

from collections.abc import Callable

from psycopg import Connection

from destination_pgvector import tables
from destination_pgvector.columns import RESERVED, Layout
from destination_pgvector.config import Indexing
from destination_pgvector.lookup import extension_schema
from destination_pgvector.places import Places
from destination_pgvector.row_shape import Shape
from destination_pgvector.table_changes import written_types
from destination_pgvector.table_options import BySchema
from destination_pgvector.tables import Note, Table
from destination_pgvector.typed_columns import TypedColumn, fields_in, typed_columns
from destination_pgvector.vector_type import BITS, VectorType, kind_for
from vector_ingest.document import Stream, Target
from vector_ingest.errors import TransientError
from vector_ingest.processing import ProcessingConfig


class Layouts:
    """Remembers the shapes of rows: a table does not change while a sync runs."""

    def __init__(
        self,
        indexing: Indexing,
        dimensions: int,
        fingerprint: str,
        processing: ProcessingConfig | None,
        *,
        with_text: bool,
    ) -> None:
        self.places = Places(indexing.tables, indexing.default_schema)
        self._options = indexing.tables
        self._dimensions = dimensions
        self._fingerprint = fingerprint
        self._processing = processing
        self._with_text = with_text
        self._shapes: dict[tuple[str, str | None, str], Shape] = {}

    def layout(self, conn: Connection, stream: Stream) -> Layout:
        options = self._options
        kind = kind_for(options.vector_type, self._dimensions)
        return Layout(
            VectorType(kind, self._dimensions, extension_schema(conn), options.quantised),
            self.places.for_all,
            options.tenant_setting if options.tenant_field else None,
            options.text_search,
            self._typed(stream),
        )

    def note(self, stream: Stream) -> Note:
        if self.places.for_all:
            return Note("", None, self._fingerprint, for_all=True)
        return Note(stream.name, stream.namespace, self._fingerprint)

    def vector_in(self, conn: Connection, table: Table) -> VectorType:
        quantised = self._options.quantised and BITS in table.columns
        return VectorType(table.kind, table.dimensions, extension_schema(conn), quantised)

    def shape(self, ask: Callable[[Callable[[Connection], Shape]], Shape], target: Target) -> Shape:
        """`ask` runs something on a connection. TransientError: the table is gone."""
        key = (target.write, target.stream.namespace, target.stream.name)
        if key not in self._shapes:
            self._shapes[key] = ask(lambda conn: self._shape(conn, target))
        return self._shapes[key]

    def _shape(self, conn: Connection, target: Target) -> Shape:
        table = tables.find(conn, target.write)
        if table is None:
            raise TransientError(f"The table {target.write} of this sync is gone. Is another sync of it running?")
        typed = self._typed(target.stream)
        if isinstance(self._options.metadata_columns, BySchema):
            # Also where no schema has come, as in a replay, or where it lacks what it once had.
            typed = fields_in(table.columns, table.comments)
        typed = written_types(table, typed)
        schema, with_tenant = extension_schema(conn), self._options.tenant_field is not None
        return Shape(table.kind, schema, target.stream, self._with_text, self.places.for_all, with_tenant, typed)

    def _typed(self, stream: Stream) -> tuple[TypedColumn, ...]:
        return typed_columns(self._options.metadata_columns, stream.json_schema, self._processing, RESERVED)
