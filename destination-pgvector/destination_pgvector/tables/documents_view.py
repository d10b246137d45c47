"""The view that joins a table's chunks to their documents. It is known by its comment, and follows its table."""

from psycopg import Connection, errors, sql

from destination_pgvector.names import beside, parts
from destination_pgvector.tables.columns import OF_STREAM, OF_TENANT, TENANT
from vector_ingest.document import END_FIELD, HEADINGS_FIELD, PAGE_FIELD, START_FIELD
from vector_ingest.errors import ConfigError

ENDING = "_documents"
COMMENT = "Each document of the table, its chunks joined. Made and kept by the connector that loads the table."
USUAL = ("document_id", "chunks", "content", "metadata", "loaded_at")
OF_CHUNKS = (PAGE_FIELD, HEADINGS_FIELD, START_FIELD, END_FIELD)
INVOKER = 150_000  # the server's version from which a view may look with the rights of who asks


def settle(conn: Connection, table: str, *, wanted: bool) -> None:
    """Make the view of `table` as it is now, or take it away.

    ConfigError: something else has the name, or the server can't keep tenants apart in a view.
    """
    view = beside(table, ENDING)
    if not wanted:
        if _is_ours(conn, view):
            conn.execute(f"DROP VIEW {view}".encode())
        return
    assert_free(conn, table)
    columns = _of_documents(conn, table)
    if conn.info.server_version < INVOKER and TENANT in columns:
        raise ConfigError(
            "indexing.tables.document_view and tenant_field need PostgreSQL 15 or later together: an earlier one shows "
            "the rows of all tenants in a view. Leave one of them out."
        )
    if not _shows(conn, view, table, [*USUAL, *columns]):  # to make it anew would wait for those who read it
        _make(conn, view, table, columns)


def assert_free(conn: Connection, table: str) -> None:
    """ConfigError: something else has the name of the view."""
    view = beside(table, ENDING)
    if _is_ours(conn, view) is False:
        raise ConfigError(
            f"The view of the documents would be {view}, but something else has that name. Rename or drop it, or set "
            "indexing.tables.document_view to false."
        )


def _of_documents(conn: Connection, table: str) -> list[str]:
    """Columns that are the same for all chunks of a document."""
    rows = conn.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY(%s) AND NOT attisdropped "
        "ORDER BY attnum",
        (table, [column.name for column in (*OF_STREAM, OF_TENANT)]),
    ).fetchall()
    return [row[0] for row in rows]


def _shows(conn: Connection, view: str, table: str, columns: list[str]) -> bool:
    """Whether the view is there, with these columns of this table."""
    row = conn.execute(
        "SELECT (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%(view)s) AND attnum > 0) = %(columns)s "
        "AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
        "WHERE r.ev_class = to_regclass(%(view)s) AND d.refobjid = to_regclass(%(table)s))",
        {"view": view, "table": table, "columns": columns},
    ).fetchone()
    return bool(row and row[0])


def _make(conn: Connection, view: str, table: str, columns: list[str]) -> None:
    try:
        with conn.transaction():
            _create(conn, view, table, columns)
    except errors.InvalidTableDefinition:  # its columns are others now
        with conn.transaction():
            conn.execute(f"DROP VIEW {view}".encode())
            _create(conn, view, table, columns)


def _create(conn: Connection, view: str, table: str, columns: list[str]) -> None:
    conn.execute(
        sql.SQL(
            "CREATE OR REPLACE VIEW {view} {options} AS SELECT document_id, count(*)::integer AS chunks, "
            "string_agg(document_content, E'\\n' ORDER BY chunk_number) AS content, "
            "(array_agg(metadata ORDER BY chunk_number))[1] - {of_chunks}::text[] AS metadata, "
            "max(loaded_at) AS loaded_at {columns} FROM {table} GROUP BY document_id {columns}"
        ).format(
            view=sql.SQL(view),
            options=sql.SQL("WITH (security_invoker = true)" if conn.info.server_version >= INVOKER else ""),
            of_chunks=list(OF_CHUNKS),
            columns=sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(column)) for column in columns),
            table=sql.SQL(table),
        )
    )
    conn.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(sql.SQL(view), COMMENT))


def _is_ours(conn: Connection, view: str) -> bool | None:
    """None: there is none. False: something else has the name."""
    schema, name = parts(view)
    row = conn.execute(
        "SELECT relkind = 'v' AND obj_description(c.oid, 'pg_class') = %s FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (COMMENT, schema, name),
    ).fetchone()
    return bool(row[0]) if row else None
