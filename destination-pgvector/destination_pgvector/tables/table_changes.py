"""A table that is there is given what it lacks: by an earlier version, by another connector, by a stream's new fields.

Nothing here keeps readers waiting for long: columns are added empty, and filled while they are read. A new column of a
metadata field has its comment when it is filled, so a sync that was cut in between fills it again.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import psycopg
from psycopg import Connection, sql

from destination_pgvector.tables.columns import Column, Layout
from destination_pgvector.tables.tables import Note, Table, explain, find, is_empty, secure, write_note
from destination_pgvector.typed_columns import SHORT, WIDER, TypedColumn, fields_in
from vector_ingest.errors import ConfigError

logger = logging.getLogger("airbyte.pgvector")
WIDENING = "_airbyte_widening"


def adopt(conn: Connection, table: Table, note: Note) -> None:
    """Number the chunks of a table that the peer made. They have no hashes: they give way when their document comes."""
    with conn.transaction():
        if "chunk_number" not in table.columns:
            conn.execute(f"ALTER TABLE {table.name} ADD COLUMN chunk_number integer".encode())
            conn.execute(
                f"UPDATE {table.name} t SET chunk_number = numbered.number FROM (SELECT ctid, row_number() OVER "
                f"(PARTITION BY document_id) - 1 AS number FROM {table.name}) numbered "
                "WHERE t.ctid = numbered.ctid".encode()
            )
            conn.execute(
                f"ALTER TABLE {table.name} ALTER COLUMN metadata TYPE jsonb USING metadata::jsonb, "
                "ADD PRIMARY KEY (document_id, chunk_number)".encode()
            )
        write_note(conn, table.name, note)


def follow(conn: Connection, name: str, layout: Layout, *, is_read: bool = True) -> None:
    """Add what the table lacks, and widen the columns of fields whose type is another now.

    ConfigError: that needs the whole table written anew while somebody reads it, or would lose values.
    """
    table = find(conn, name)
    assert table is not None
    typed = {each.column for each in layout.typed}
    plain = [column for column in layout.columns if column.name not in typed]
    _add(conn, table, [column for column in plain if column.name not in table.columns], is_read=is_read)
    explain(conn, name, [column for column in plain if column.name not in table.comments])
    for each in layout.typed:
        _follow_field(conn, table, each, next(column for column in layout.columns if column.name == each.column))
    if layout.setting:
        _secure(conn, name, layout.setting)


def written_types(table: Table, wanted: Sequence[TypedColumn]) -> tuple[TypedColumn, ...]:
    """These columns of fields as the table has them: one that is wider than the schema's type stays so."""
    return tuple(replace(each, type=_type_in(table, each.column)) for each in wanted if each.column in table.columns)


def _add(conn: Connection, table: Table, missing: list[Column], *, is_read: bool) -> None:
    if not missing:
        return
    addition = f"ALTER TABLE {table.name} {', '.join(f'ADD COLUMN {column.definition}' for column in missing)}"
    slow = [column for column in missing if not column.is_added_at_once and (is_read or not column.is_generated)]
    if slow and not is_empty(conn, table.name):
        generated = all(column.is_generated for column in slow)
        raise ConfigError(
            f"The table {table.name} has rows, and lacks the columns {', '.join(column.name for column in slow)}, "
            "which are chosen now. Refresh the stream and remove its records (or sync it once in overwrite mode), "
            "which makes the table anew beside the old one, "
            + (f"or add them at once, which keeps readers waiting: {addition};" if generated else "or undo the choice.")
        )
    conn.execute(addition.encode())


def _follow_field(conn: Connection, table: Table, typed: TypedColumn, column: Column) -> None:
    if typed.column not in table.columns:
        conn.execute(f"ALTER TABLE {table.name} ADD COLUMN {column.definition}".encode())
        _fill(conn, table.name, typed, typed.column)
    elif _is_of_another(table, typed):
        _make_anew(conn, table.name, typed, column)
        logger.info("The column %s of %s is that of the field %s now.", typed.column, table.name, typed.field)
    elif (found := _type_in(table, typed.column)) == typed.type or (found in WIDER[typed.type] and not typed.chosen):
        if typed.column in table.comments:
            return
        _fill(conn, table.name, typed, typed.column)  # a sync was cut while it filled the column
    elif typed.type in WIDER.get(found, ()):
        _make_anew(conn, table.name, typed, column)
        logger.info("The column %s of %s is of the type %s now.", typed.column, table.name, column.type)
    else:
        name = sql.Identifier(typed.column).as_string()
        raise ConfigError(
            f"The column {name} of {table.name} is of the type {found}, but the field `{typed.field}` is of the type "
            f"{typed.type} now, and not every {found} is one. Choose the type for it in "
            "indexing.tables.metadata_columns, or drop the column; the next sync makes it anew and fills it: "
            f"ALTER TABLE {table.name} DROP COLUMN {name};"
        )
    explain(conn, table.name, [column])


def _is_of_another(table: Table, typed: TypedColumn) -> bool:
    """Whether another field has the column: one whose plain name it was before this one came."""
    owners = {each.column: each.field for each in fields_in(table.columns, table.comments)}
    return owners.get(typed.column, typed.field) != typed.field


def _make_anew(conn: Connection, name: str, typed: TypedColumn, column: Column) -> None:
    """By a new column, filled beside and put in the old one's place."""
    conn.execute(f"ALTER TABLE {name} DROP COLUMN IF EXISTS {WIDENING}".encode())
    conn.execute(f"ALTER TABLE {name} ADD COLUMN {WIDENING} {column.type}".encode())
    _fill(conn, name, typed, WIDENING)
    quoted = sql.Identifier(typed.column).as_string()
    with conn.transaction():
        conn.execute(f"ALTER TABLE {name} DROP COLUMN {quoted}".encode())
        conn.execute(f"ALTER TABLE {name} RENAME COLUMN {WIDENING} TO {quoted}".encode())


def _fill(conn: Connection, name: str, typed: TypedColumn, column: str) -> None:
    """From the metadata of the rows that are there. ConfigError: a value is of another type."""
    value = sql.SQL("coalesce(metadata #> {}, metadata #> {})").format([typed.field], typed.field.split("."))
    if typed.type == "jsonb":
        expression = sql.SQL("nullif({}, 'null')").format(value)
    elif typed.type in ("integer", "bigint"):  # a load takes 5.0 for 5
        expression = sql.SQL("regexp_replace({} #>> '{{}}', '[.]0+$', '')::{}").format(value, sql.SQL(typed.type))
    else:
        expression = sql.SQL("({} #>> '{{}}')::{}").format(value, sql.SQL(typed.type))
    statement = sql.SQL("UPDATE {} SET {column} = {value} WHERE {column} IS NULL AND {value} IS NOT NULL").format(
        sql.SQL(name), column=sql.Identifier(column), value=expression
    )
    try:
        with conn.transaction():
            conn.execute("SET LOCAL timezone = 'UTC'")  # as a load takes a time without an offset
            count = conn.execute(statement).rowcount
    except psycopg.DataError as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"The field `{typed.field}` was to get a column of the type {typed.type} in {name}, but a row that is "
            f"there has a value of another kind: {said}. Choose another type in indexing.tables.metadata_columns, or "
            "refresh the stream and remove its records."
        ) from error
    if count:
        logger.info("The column %s of %s was filled in %s rows from their metadata.", column, name, f"{count:,}")


def _secure(conn: Connection, name: str, setting: str) -> None:
    """The policy, unless it is as it should be: to make it takes a lock that keeps readers waiting."""
    row = conn.execute(
        "SELECT relrowsecurity AND pg_get_expr(polqual, polrelid) LIKE %s FROM pg_policy JOIN pg_class c "
        "ON c.oid = polrelid WHERE polrelid = %s::regclass AND polname = 'airbyte_tenant'",
        (f"%'{setting}'%", name),
    ).fetchone()
    if not (row and row[0]):
        with conn.transaction():
            secure(conn, name, setting)


def _type_in(table: Table, column: str) -> str:
    found = table.columns[column]
    return SHORT.get(found, found)
