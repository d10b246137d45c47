"""What a sync does with a table that is there: goes on with it, begins it anew, or refuses it."""

import logging
from dataclasses import replace

from psycopg import Connection

from destination_pgvector import documents_view
from destination_pgvector.columns import Layout
from destination_pgvector.table_changes import adopt, follow
from destination_pgvector.tables import Note, Table, create, find, is_empty
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.pgvector")


def begin(conn: Connection, name: str, layout: Layout, note: Note) -> None:
    """The table to fill beside: the one that an earlier attempt of this generation began, or a new one."""
    begun = find(conn, name)
    if begun and (begun.dimensions != layout.vector.dimensions or not is_same(begun.note, note)):
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
    if not (same_size and same_kind and is_same(table.note, note)):
        if is_empty(conn, table.name):
            with conn.transaction():
                documents_view.settle(conn, table.name, wanted=False)
                conn.execute(f"DROP TABLE {table.name}".encode())
                create(conn, table.name, layout, note)
            return
        if not same_size or (table.note is not None and not is_same(table.note, note)):
            refuse_mixture(table, layout, note)
        if not same_kind:
            _refuse_kind(table, layout)
        logger.warning(
            "The table %s was made by another connector. Its rows are kept, and taken to be embedded by the model "
            "that is set now.", table.name,
        )  # fmt: skip
        adopt(conn, table, note)
    follow(conn, table.name, _of_kind(layout, table))


def refuse_mixture(table: Table, layout: Layout, note: Note) -> None:
    """ConfigError, unless the table's vectors can be compared with ours."""
    if table.dimensions == layout.vector.dimensions and is_same(table.note, note):
        return
    made_by = table.note.fingerprint if table.note else "another connector"
    remedy = "Refresh the stream and remove its records (or sync it once in overwrite mode) to embed all anew"
    if note.for_all:
        remedy = "Drop the table and refresh all streams, since it is the one of all"
    raise ConfigError(
        f"The table {table.name} was filled by {made_by} ({table.dimensions} dimensions), but set now is "
        f"{note.fingerprint} ({layout.vector.dimensions} dimensions). Vectors of two models or chunk sizes can't be "
        f"mixed. {remedy}, or set the model and chunking back."
    )


def is_same(found: Note | None, wanted: Note) -> bool:
    return found is not None and found.fingerprint == wanted.fingerprint


def _refuse_kind(table: Table, layout: Layout) -> None:
    kind = layout.vector.kind
    raise ConfigError(
        f"The column embedding of {table.name} is of the type {table.kind}, but indexing.tables.vector_type asks for "
        f"{kind}. Refresh the stream and remove its records (or sync it once in overwrite mode), which makes the table "
        f"anew beside the old one; or set {table.kind}."
    )


def _of_kind(layout: Layout, table: Table) -> Layout:
    return replace(layout, vector=replace(layout.vector, kind=table.kind))
