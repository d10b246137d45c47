"""The tables: what is there and who owns it; making one, filling one beside another, and the switch.

A table carries its account in its comment (JSON: stream, fingerprint), so that it moves with the table in a rename and
in a dump, and costs nothing per row. `name` here is a quoted, schema-qualified SQL name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection, sql

from destination_pgvector.names import parts, qualified, staging_name, staging_prefix
from destination_pgvector.tables import documents_view
from destination_pgvector.tables.columns import PEER, Column, Layout
from destination_pgvector.tables.vector_type import Kind
from vector_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Note:
    """What a table's comment says. `for_all`: it is of all streams, and `stream` is empty."""

    stream: str
    namespace: str | None
    fingerprint: str
    for_all: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is in the database: its columns with their types, as PostgreSQL writes them, and comments."""

    name: str
    kind: Kind
    dimensions: int
    columns: Mapping[str, str]
    comments: Mapping[str, str]
    note: Note | None  # None where another connector made it

    def is_comparable(self, note: Note, dimensions: int) -> bool:
        """Whether its vectors are of the same model and chunker."""
        return self.dimensions == dimensions and self.note is not None and self.note.fingerprint == note.fingerprint


def find(conn: Connection, name: str) -> Table | None:
    """ConfigError if there is a table of this name that is none of ours, nor one of the peer's."""
    schema, table = parts(name)
    row = conn.execute(
        "SELECT c.oid, obj_description(c.oid, 'pg_class') "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (schema, table),
    ).fetchone()
    if row is None:
        return None
    attributes = conn.execute(
        "SELECT attname, atttypmod, typname, format_type(atttypid, atttypmod), "
        "col_description(attrelid, attnum) FROM pg_attribute JOIN pg_type t ON t.oid = atttypid "
        "WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped",
        row[:1],
    ).fetchall()
    columns = {name: kind for name, _, _, kind, _ in attributes}
    missing = ", ".join(sorted(set(PEER) - columns.keys()))
    vectors = {name: (kind, dimensions) for name, dimensions, kind, _, _ in attributes if kind in ("vector", "halfvec")}
    if missing or "embedding" not in vectors:
        lack = f"lacks the columns {missing}" if missing else "has an `embedding` of another type than pgvector's"
        raise ConfigError(
            f"The table {name} exists, but is no vector table: it {lack}. Rename or drop it, or choose another "
            "indexing.default_schema."
        )
    kind, dimensions = vectors["embedding"]
    comments = {attribute[0]: attribute[-1] for attribute in attributes if attribute[-1]}
    return Table(name, kind, dimensions, columns, comments, _note(row[1]))


def create(conn: Connection, name: str, layout: Layout, note: Note) -> None:
    columns = layout.columns
    definitions = ", ".join(column.definition for column in columns)
    conn.execute(f"CREATE TABLE {name} ({definitions}, PRIMARY KEY ({layout.key}))".encode())
    # ANALYZE would read 30,000 vectors for statistics that no plan uses.
    conn.execute(f"ALTER TABLE {name} ALTER COLUMN embedding SET STATISTICS 0".encode())
    explain(conn, name, columns)
    if layout.setting:
        secure(conn, name, layout.setting)
    write_note(conn, name, note)


def explain(conn: Connection, name: str, columns: list[Column]) -> None:
    """Comments on columns."""
    statements = [
        sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(sql.SQL(name), sql.Identifier(column.name), column.comment)
        for column in columns
    ]
    if statements:
        conn.execute(sql.SQL("; ").join(statements))


def secure(conn: Connection, name: str, setting: str) -> None:
    """Row level security: who is not the owner sees the rows of the tenant that the setting names, and no others."""
    condition = sql.SQL("tenant = current_setting({}, true)").format(setting)
    conn.execute(sql.SQL("DROP POLICY IF EXISTS airbyte_tenant ON {}").format(sql.SQL(name)))
    conn.execute(sql.SQL("CREATE POLICY airbyte_tenant ON {} USING ({})").format(sql.SQL(name), condition))
    conn.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(sql.SQL(name)))


def write_note(conn: Connection, name: str, note: Note) -> None:
    content = {key: value for key, value in asdict(note).items() if key != "for_all" or value}
    text = json.dumps({"airbyte_vectors": content})
    conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.SQL(name), sql.Literal(text)))


def drop_staging(conn: Connection, live: str, keep: str | None, stream: str = "") -> None:
    """Drop what earlier syncs were filling beside `live` (of this stream, where it is for all), but for `keep`."""
    rows = conn.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND relkind = 'r' AND starts_with(relname, %s)",
        (parts(live)[0], staging_prefix(live, stream)),
    ).fetchall()
    for name in (qualified(parts(live)[0], row[0]) for row in rows):
        if name != keep:
            conn.execute(f"DROP TABLE {name}".encode())


def switch(conn: Connection, staging: str, live: str, *, with_view: bool) -> None:
    """Put `staging` in the place of `live`, in one transaction. Readers wait, and then see the new rows."""
    old = staging_name(staging, None, "old")  # a name that is free
    with conn.transaction():
        exists = find(conn, live) is not None
        if exists:
            for grant in _grants(conn, live):
                conn.execute(grant.format(sql.SQL(staging)))
            _rename(conn, live, old)
        _rename(conn, staging, live)
        documents_view.settle(conn, live, wanted=with_view)
        if exists:
            conn.execute(f"DROP TABLE {old}".encode())


def move_rows(conn: Connection, staging: str, live: str, only: str) -> None:
    """Put the rows of `staging` in the place of those of `live` that `only` tells, in one transaction."""
    columns = sql.SQL(", ").join(
        sql.Identifier(row[0])
        for row in conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = ''",
            (staging,),
        ).fetchall()
    )
    with conn.transaction():
        conn.execute(f"DELETE FROM {live} WHERE true{only}".encode())
        conn.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {}").format(
                sql.SQL(live), sql.SQL(staging), columns=columns
            )
        )
        conn.execute(f"DROP TABLE {staging}".encode())


def is_empty(conn: Connection, name: str, only: str = "") -> bool:
    """`only`: a condition on rows, with an AND before it, as everywhere."""
    return conn.execute(f"SELECT 1 FROM {name} WHERE true{only} LIMIT 1".encode()).fetchone() is None


def has_generation(conn: Connection, table: Table, least: int, only: str) -> bool:
    """Whether the table has rows of this generation or a later one."""
    if "generation" not in table.columns:
        return False
    query = f"SELECT 1 FROM {table.name} WHERE generation >= %s{only} LIMIT 1".encode()
    return conn.execute(query, (least,)).fetchone() is not None


def delete_older(conn: Connection, name: str, minimum: int, only: str) -> int:
    """Take out the generations below the minimum; how many rows these were."""
    return conn.execute(f"DELETE FROM {name} WHERE coalesce(generation, 0) < %s{only}".encode(), (minimum,)).rowcount


def is_there(conn: Connection, name: str) -> bool:
    """Whether anything has this name."""
    return conn.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchall() == [(True,)]


def make_schema(conn: Connection, name: str) -> None:
    """If it is missing. Who may not make one can still have one that is there."""
    if not conn.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (name,)).fetchall():
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))


def _rename(conn: Connection, name: str, to: str) -> None:
    conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.SQL(name), sql.Identifier(parts(to)[1])))


def _grants(conn: Connection, name: str) -> list[sql.SQL]:
    """What others than the owner may do with a table, as GRANT statements with a place for the new table."""
    rows = conn.execute(
        "SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END FROM pg_class, "
        "aclexplode(relacl) WHERE pg_class.oid = %s::regclass AND grantee <> relowner",
        (name,),
    ).fetchall()
    return [sql.SQL(f"GRANT {privilege} ON {{}} TO {role}") for privilege, role in rows]


def _note(comment: str | None) -> Note | None:
    try:
        content: Any = json.loads(comment or "null")
    except ValueError:
        return None
    return Note(**content["airbyte_vectors"]) if isinstance(content, dict) and "airbyte_vectors" in content else None
