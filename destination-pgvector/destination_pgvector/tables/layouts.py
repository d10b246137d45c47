"""What the configuration asks of a stream's table, and what a row for it must have."""

from collections.abc import Callable

from psycopg import Connection

from destination_pgvector.config import Config
from destination_pgvector.server.extension import schema_of_extension
from destination_pgvector.table_options import BySchema
from destination_pgvector.tables import tables
from destination_pgvector.tables.columns import RESERVED, Layout
from destination_pgvector.tables.index import Plan
from destination_pgvector.tables.places import Places
from destination_pgvector.tables.row_shape import Shape
from destination_pgvector.tables.table_changes import written_types
from destination_pgvector.tables.tables import Note, Table
from destination_pgvector.tables.vector_type import BITS, VectorType, kind_for
from destination_pgvector.typed_columns import TypedColumn, fields_in, typed_columns
from vector_ingest.document import Stream, Target
from vector_ingest.errors import TransientError


class Layouts:
    """Remembers the shapes of rows, and whose vectors can be kept: a table does not change while a sync runs."""

    def __init__(self, config: Config, dimensions: int, fingerprint: str) -> None:
        """`fingerprint`: of model and chunker."""
        self.form = config.indexing
        self.options = config.indexing.tables
        self.dimensions = dimensions
        self.fingerprint = fingerprint
        self.places = Places(self.options, self.form.default_schema)
        self._processing = config.processing
        self._with_text = not config.omit_raw_text
        self._shapes: dict[tuple[str, str | None, str], Shape] = {}
        self._reusable: dict[str, bool] = {}  # by live table

    def layout(self, conn: Connection, stream: Stream) -> Layout:
        options = self.options
        kind = kind_for(options.vector_type, self.dimensions)
        return Layout(
            VectorType(kind, self.dimensions, schema_of_extension(conn), options.quantised),
            self.places.for_all,
            options.tenant_setting if options.tenant_field else None,
            options.text_search,
            self._typed(stream),
        )

    def note(self, stream: Stream) -> Note:
        if self.places.for_all:
            return Note("", None, self.fingerprint, for_all=True)
        return Note(stream.name, stream.namespace, self.fingerprint)

    def plan(self, vector: VectorType) -> Plan:
        return Plan(self.form.index, self.form.distance, vector)

    def plan_of(self, conn: Connection, table: Table) -> Plan:
        """Of a table as it is: its vectors may be of another type than a new one's."""
        quantised = self.options.quantised and BITS in table.columns
        return self.plan(VectorType(table.kind, table.dimensions, schema_of_extension(conn), quantised))

    def is_comparable(self, table: Table, stream: Stream) -> bool:
        """Whether the vectors that the stream brings can be compared with the table's."""
        return table.is_comparable(self.note(stream), self.dimensions)

    def reusable(self, conn: Connection, target: Target) -> str | None:
        """The live table, where it is another and its vectors are of the same model and chunker, and as exact."""
        if target.live is None or target.live == target.write:
            return None
        if target.live not in self._reusable:
            live, write = tables.find(conn, target.live), tables.find(conn, target.write)
            same = live is not None and self.is_comparable(live, target.stream)
            self._reusable[target.live] = same and not (live and write and live.kind == "halfvec" != write.kind)
        return target.live if self._reusable[target.live] else None

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
        if isinstance(self.options.metadata_columns, BySchema):
            # Also where no schema has come, as in a replay, or where it lacks what it once had.
            typed = fields_in(table.columns, table.comments)
        typed = written_types(table, typed)
        schema, with_tenant = schema_of_extension(conn), self.options.tenant_field is not None
        return Shape(table.kind, schema, target.stream, self._with_text, self.places.for_all, with_tenant, typed)

    def _typed(self, stream: Stream) -> tuple[TypedColumn, ...]:
        return typed_columns(self.options.metadata_columns, stream.json_schema, self._processing, RESERVED)
