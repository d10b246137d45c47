"""The beginning of a stream's sync: its table made, gone on with, or begun anew beside the one that readers query."""

from psycopg import Connection

from destination_pgvector.names import staging_name
from destination_pgvector.server import extension
from destination_pgvector.tables import documents_view, index, tables, text_index
from destination_pgvector.tables.layouts import Layouts
from destination_pgvector.tables.tables import Table
from destination_pgvector.tables.takeover import begin, take_over
from destination_pgvector.tables.vector_type import MOST_DIMENSIONS, kind_for
from vector_ingest.document import Stream, Target
from vector_ingest.errors import ConfigError


def prepare(conn: Connection, layouts: Layouts, stream: Stream, made: set[str]) -> Target:
    """Bears to be begun anew. `made` gets the table's name where there was none: nobody knows it yet."""
    make_room(conn, layouts, stream)
    places = layouts.places
    name, key = places.find(conn, stream), places.key_of(stream)
    layout, note = layouts.layout(conn, stream), layouts.note(stream)
    with_view = layouts.options.document_view
    table = tables.find(conn, name)
    beside = _fills_beside(conn, layouts, stream, table)
    write = staging_name(name, stream.generation, key) if beside else name
    tables.drop_staging(conn, name, write if beside and stream.generation is not None else None, key)
    if table is not None and (not beside or _stays(conn, layouts, stream, table)):
        take_over(conn, table, layout, note, any_kind=layouts.options.vector_type == "auto")
        if tables.is_empty(conn, name):
            index.drop_ours(conn, name)
    if with_view:
        documents_view.assert_free(conn, name)
    if beside:
        begin(conn, write, layout, note)
        only = places.only(stream)
        is_new = table is None or (bool(only) and tables.is_empty(conn, name, only))
        return Target(stream, None if is_new else name, write, layouts.fingerprint)
    if table is None:
        with conn.transaction():
            tables.create(conn, name, layout, note)
        made.add(name)
    documents_view.settle(conn, name, wanted=with_view)
    return Target(stream, name, name, layouts.fingerprint)


def make_room(conn: Connection, layouts: Layouts, stream: Stream) -> None:
    """The extension and the stream's schema, made if they are missing. ConfigError: the server lacks what it takes."""
    options, dimensions = layouts.options, layouts.dimensions
    if dimensions > MOST_DIMENSIONS:
        raise ConfigError(
            f"The embedding has {dimensions} dimensions; a vector column of pgvector holds {MOST_DIMENSIONS} at most. "
            "Choose another model or fewer dimensions."
        )
    kind = "bit" if options.quantised else kind_for(options.vector_type, dimensions)
    extension.ensure(conn, layouts.form.index, kind)
    tables.make_schema(conn, layouts.places.schema_of(stream))
    if options.text_search:
        text_index.assert_language(conn, options.text_search)


def _fills_beside(conn: Connection, layouts: Layouts, stream: Stream, table: Table | None) -> bool:
    """Whether this sync replaces all there is: an overwrite, or a refresh that truncates.

    Not "minimum = generation, so truncate": some clients send 1/1 in every sync, and rows of this generation stay.
    """
    if stream.mode == "overwrite":
        return True
    if table is None or not stream.generation or stream.minimum_generation != stream.generation:
        return False
    only = layouts.places.only(stream)
    return not tables.is_empty(conn, table.name, only) and not tables.has_generation(
        conn, table, stream.generation, only
    )


def _stays(conn: Connection, layouts: Layouts, stream: Stream, table: Table) -> bool:
    """Whether the table outlives a sync that replaces the stream: it is of all, and of this model or of others."""
    others = f" AND NOT (true{layouts.places.only(stream)})"
    return layouts.places.for_all and (
        layouts.is_comparable(table, stream) or not tables.is_empty(conn, table.name, others)
    )
