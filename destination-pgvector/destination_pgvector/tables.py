"""The tables: their names, columns, and who owns them; filling one beside another, and the switch.

A table carries its account in its comment (JSON: stream, fingerprint), so that it moves with the table in a rename and
in a dump, and costs nothing per row. `name` here is a quoted, schema-qualified SQL name.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection, sql

from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError

LONGEST = 63  # bytes of an identifier (NAMEDATALEN - 1)
STAGING = "_airbyte_filling_"
# The first five are those of Airbyte's destination-pgvector.
COLUMNS = {
    "document_id": "text NOT NULL",
    "chunk_id": "text NOT NULL",
    "metadata": "jsonb",
    "document_content": "text",
    "embedding": "",  # vector(n)
    "chunk_number": "integer NOT NULL",
    "chunk_hash": "bytea",
    "document_hash": "bytea",
    "generation": "bigint",
    "loaded_at": "timestamptz NOT NULL DEFAULT now()",
}
PEER_COLUMNS = frozenset({"document_id", "chunk_id", "metadata", "document_content", "embedding"})


@dataclass(frozen=True, slots=True)
class Note:
    """What a table's comment says."""

    stream: str
    namespace: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is in the database."""

    name: str
    dimensions: int
    columns: frozenset[str]
    note: Note | None  # None where another connector made it


def normalised(name: str) -> str:
    """As Airbyte's SQL destinations name tables: lower case, all but letters and digits to `_`, no digit first."""
    plain = re.sub("[^a-z0-9]", "_", name.lower())
    return f"_{plain}" if plain[:1].isdigit() else plain


def table_names(stream: Stream, default_schema: str) -> tuple[str, str]:
    """The usual name of a stream's table, and the one for when another stream has that."""
    schema = stream.namespace or default_schema
    plain = normalised(stream.name)
    digest = hashlib.sha256(stream.name.encode(errors="surrogatepass")).hexdigest()[:8]
    other = f"{plain[: LONGEST - 9]}_{digest}"
    return qualified(schema, plain if len(plain) <= LONGEST and plain.strip("_") else other), qualified(schema, other)


def staging_name(live: str, generation: int | None) -> str:
    schema, table = parts(live)
    return qualified(schema, f"{_staging_prefix(table)}{'new' if generation is None else generation}")


def qualified(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string()


def parts(name: str) -> tuple[str, str]:
    """The opposite of `qualified`."""
    schema, table = (part.replace('""', '"') for part in name[1:-1].split('"."'))
    return schema, table


def _staging_prefix(table: str) -> str:
    return f"{STAGING}{hashlib.sha256(table.encode()).hexdigest()[:12]}_"


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
    attributes: dict[str, int] = dict(
        conn.execute(
            "SELECT attname, atttypmod FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped",
            row[:1],
        ).fetchall()
    )
    if not attributes.keys() >= PEER_COLUMNS:
        missing = ", ".join(sorted(PEER_COLUMNS - attributes.keys()))
        raise ConfigError(
            f"The table {name} exists, but is no vector table: it lacks the columns {missing}. Rename or drop it, or "
            "choose another indexing.default_schema."
        )
    return Table(name, attributes["embedding"], frozenset(attributes), _note(row[1]))


def create(conn: Connection, name: str, vector: str, note: Note) -> None:
    """`vector` is the type of the embedding column, such as `vector(1536)`."""
    columns = ", ".join(f"{column} {kind or vector}" for column, kind in COLUMNS.items())
    conn.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY (document_id, chunk_number))".encode())
    # ANALYZE would read 30,000 vectors for statistics that no plan uses.
    conn.execute(f"ALTER TABLE {name} ALTER COLUMN embedding SET STATISTICS 0".encode())
    write_note(conn, name, note)


def write_note(conn: Connection, name: str, note: Note) -> None:
    text = json.dumps({"airbyte_vectors": asdict(note)})
    conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(raw(name), sql.Literal(text)))


def adopt(conn: Connection, table: Table, note: Note) -> None:
    """Give a table that the peer made our columns. Its rows have no hashes: they give way when their document comes."""
    added = [column for column in COLUMNS if column not in table.columns]
    with conn.transaction():
        for column in added:
            kind = COLUMNS[column].removesuffix(" NOT NULL") if column == "chunk_number" else COLUMNS[column]
            conn.execute(f"ALTER TABLE {table.name} ADD COLUMN {column} {kind}".encode())
        if "chunk_number" in added:
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


def drop_staging(conn: Connection, live: str, keep: str | None) -> None:
    """Drop what earlier syncs were filling beside `live`, but for `keep`."""
    schema, table = parts(live)
    rows = conn.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND relkind = 'r' AND starts_with(relname, %s)",
        (schema, _staging_prefix(table)),
    ).fetchall()
    for name in (qualified(schema, row[0]) for row in rows):
        if name != keep:
            conn.execute(f"DROP TABLE {name}".encode())


def switch(conn: Connection, staging: str, live: str) -> None:
    """Put `staging` in the place of `live`, in one transaction. Readers wait, and then see the new rows."""
    with conn.transaction():
        if find(conn, live) is not None:
            for grant in _grants(conn, live):
                conn.execute(grant.format(raw(staging)))
            conn.execute(f"DROP TABLE {live}".encode())
        conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(raw(staging), sql.Identifier(parts(live)[1])))


def is_empty(conn: Connection, name: str) -> bool:
    return conn.execute(f"SELECT 1 FROM {name} LIMIT 1".encode()).fetchone() is None


def has_generation(conn: Connection, name: str, least: int) -> bool:
    """Whether the table has rows of this generation or a later one."""
    query = f"SELECT 1 FROM {name} WHERE generation >= %s LIMIT 1".encode()
    return conn.execute(query, (least,)).fetchone() is not None


def raw(name: str) -> sql.SQL:
    return sql.SQL(name)


def _grants(conn: Connection, name: str) -> list[sql.SQL]:
    """What others than the owner may do with a table, as GRANT statements with a place for the new table."""
    rows = conn.execute(
        "SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END FROM pg_class, "
        "aclexplode(relacl) WHERE pg_class.oid = %s::regclass AND grantee <> relowner",
        (name,),
    ).fetchall()
    return [raw(f"GRANT {privilege} ON {{}} TO {role}") for privilege, role in rows]


def _note(comment: str | None) -> Note | None:
    try:
        content: Any = json.loads(comment or "null")
    except ValueError:
        return None
    return Note(**content["airbyte_vectors"]) if isinstance(content, dict) and "airbyte_vectors" in content else None
