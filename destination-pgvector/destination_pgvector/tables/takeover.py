"""What a sync does with a table that is there: goes on with it, begins it anew, or refuses it."""

import logging
from dataclasses import replace

from psycopg import Connection

from destination_pgvector.tables import documents_view
from destination_pgvector.tables.columns import Layout
from destination_pgvector.tables.table_changes import adopt, follow
from destination_pgvector.tables.tables import Note, Table, create, find, is_empty
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.pgvector")


def begin(conn: Connection, name: str, layout: Layout, note: Note) -> None:
    """The table to fill beside: the one that an earlier attempt of this generation began, or a new one."""
    begun = find(conn, name)
    if begun and not begun.is_comparable(note, layout.vector.dimensions):
        conn.execute(f"DROP TABLE {name}".encode())
        begun = None
    if begun is None:
        with conn.transaction():
            create(conn, name, layout, note)
    else:
        follow(conn, name, _of_kind(layout, begun), is_read=False)


def take_over(conn: Connection, table: Table, layout: Layout, note: Note, *, any_kind: bool) -> None:
    """Go on with a table as it is, if its vectors can be compared with ours. `any_kind`: the user has chosen none."""
    same_kind = any_kind or table.kind == layout.vector.kind
    same_size = table.dimensions == layout.vector.dimensions
    if not (same_kind and table.is_comparable(note, layout.vector.dimensions)):
        if is_empty(conn, table.name):
            with conn.transaction():
                documents_view.settle(conn, table.name, wanted=False)
                conn.execute(f"DROP TABLE {table.name}".encode())
                create(conn, table.name, layout, note)
            return
        if not same_size or (table.note is not None and table.note.fingerprint != note.fingerprint):
            raise _of_another_model(table, layout, note)
        if not same_kind:
            raise _of_another_type(table, layout, note)
        logger.warning(
            "The table %s was made by another connector. Its rows are kept, and taken to be embedded by the model "
            "that is set now.", table.name,
        )  # fmt: skip
        adopt(conn, table, note)
    follow(conn, table.name, _of_kind(layout, table))


def _of_another_model(table: Table, layout: Layout, note: Note) -> ConfigError:
    made_by = table.note.fingerprint if table.note else "another connector"
    return ConfigError(
        f"The table {table.name} was filled by {made_by} ({table.dimensions} dimensions), but set now is "
        f"{note.fingerprint} ({layout.vector.dimensions} dimensions). Vectors of two models or chunk sizes can't be "
        f"mixed. {_remedy(note)} to embed all anew, or set the model and chunking back."
    )


def _of_another_type(table: Table, layout: Layout, note: Note) -> ConfigError:
    return ConfigError(
        f"The column embedding of {table.name} is of the type {table.kind}, but indexing.tables.vector_type asks for "
        f"{layout.vector.kind}. {_remedy(note)} to make the table anew, or set {table.kind}."
    )


def _remedy(note: Note) -> str:
    if note.for_all:
        return "Drop the table and refresh all streams, since it is the one of all,"
    return "Refresh the stream and remove its records (or sync it once in overwrite mode)"


def _of_kind(layout: Layout, table: Table) -> Layout:
    return replace(layout, vector=replace(layout.vector, kind=table.kind))
