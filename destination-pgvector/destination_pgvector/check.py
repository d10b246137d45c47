"""The proof that a sync can work: all that it does to a table, done to one that is rolled back."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection

from destination_pgvector.names import STAGING, qualified
from destination_pgvector.server.postgres_errors import right_to_grant, said_by
from destination_pgvector.tables import documents_view, index, tables
from destination_pgvector.tables.columns import Layout
from destination_pgvector.tables.layouts import Layouts
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.pgvector")


def prove(conn: Connection, layouts: Layouts, stream: Stream) -> None:
    """In the caller's transaction. ConfigError says which right is missing."""
    schema, layout, with_view = layouts.form.default_schema, layouts.layout(conn, stream), layouts.options.document_view
    name = qualified(schema, f"{STAGING}check_{uuid.uuid4().hex[:12]}")
    with _may(conn, f"create a table in the schema {schema}"):
        tables.create(conn, name, layout, layouts.note(stream))
        documents_view.settle(conn, name, wanted=with_view)
    with _may(conn, f"write into a table of the schema {schema}"):
        _write_a_row(conn, name, layout)
        conn.execute(f"DELETE FROM {name}".encode())
    with _may(conn, f"alter a table of the schema {schema}"):
        conn.execute(f"ALTER TABLE {name} ADD COLUMN added text".encode())
        conn.execute(f"ALTER TABLE {name} RENAME COLUMN added TO renamed".encode())
    plan = layouts.plan(layout.vector)
    if plan.allows_index():
        with _may(conn, f"build an index in the schema {schema}"):
            index.try_out(conn, name, plan)
    with _may(conn, f"drop a table of the schema {schema}"):
        documents_view.settle(conn, name, wanted=False)
        conn.execute(f"DROP TABLE {name}".encode())
    _tell_of_others(conn, schema, layouts.dimensions, layouts.fingerprint)


def _write_a_row(conn: Connection, name: str, layout: Layout) -> None:
    """With something in each column that must have it."""
    needed = [column for column in layout.columns if column.rest == "NOT NULL"]
    values: list[object] = [0 if column.type == "integer" else "check" for column in needed]
    names = ", ".join(["embedding", *(column.name for column in needed)])
    places = ", ".join(["%s"] * (1 + len(needed)))
    vector = "[" + ",".join("1" * layout.vector.dimensions) + "]"
    conn.execute(f"INSERT INTO {name} ({names}) VALUES ({places})".encode(), [vector, *values])


@contextmanager
def _may(conn: Connection, what: str) -> Iterator[None]:
    """Says what could not be done."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigError(
            f"The user {conn.info.user} can't {what}: {said_by(error)}. {right_to_grant(error)}"
        ) from error


def _tell_of_others(conn: Connection, schema: str, dimensions: int, fingerprint: str) -> None:
    """Of tables that this configuration could not go on with. Which streams will come, a check does not know."""
    found = conn.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
        "AND c.relkind = 'r' AND obj_description(c.oid, 'pg_class') LIKE '%%\"airbyte_vectors\"%%' ORDER BY relname",
        (schema,),
    ).fetchall()
    for (relation,) in found:
        if relation.startswith(STAGING):
            continue
        table = tables.find(conn, qualified(schema, relation))
        if table and table.note and (table.dimensions, table.note.fingerprint) != (dimensions, fingerprint):
            logger.warning(
                "The table %s has vectors of %s dimensions by %s; this configuration makes %s dimensions by %s. A sync "
                "of its stream `%s` will be refused until it is refreshed.",
                table.name, table.dimensions, table.note.fingerprint, dimensions, fingerprint, table.note.stream,
            )  # fmt: skip
