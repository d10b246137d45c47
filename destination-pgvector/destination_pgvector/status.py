"""What the command `status` tells of each stream that this database has."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from psycopg import Connection

from destination_pgvector.config import Config
from destination_pgvector.names import STAGING, parts, qualified
from destination_pgvector.rows.quarantine import refused_of
from destination_pgvector.server.connections import Connections
from destination_pgvector.server.postgres_errors import mapped
from destination_pgvector.tables.tables import Table, find
from vector_ingest.command.spec import parse_config
from vector_ingest.messages import dumps

Key = tuple[str, str]  # namespace, stream


@dataclass(slots=True)
class Rows:
    """Of a stream in one table. `generations`: chunks by generation; "none" of clients that know none."""

    documents: int = 0
    chunks: int = 0
    generations: dict[str, int] = field(default_factory=dict)
    loaded_at: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """A table: `size` in bytes, with its indexes. `of_all`: it is of all streams."""

    name: str
    of_all: bool
    model: str
    vectors: str
    indexes: Sequence[str]
    size: int


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """`filling`: chunks of what is filled beside the table. `table` is None before the first load is whole."""

    stream: str
    namespace: str | None
    rows: Rows
    table: About | None
    filling: int
    refused: int


def status(raw: Mapping[str, Any], as_json: bool) -> str:
    """ConfigError or TransientError: the database can't be asked."""
    config = parse_config(Config, raw)
    with closing(Connections(config.indexing)) as connections, mapped(connections.place), connections.own() as conn:
        found = statuses(conn, config.indexing.default_schema)
    if as_json:
        return dumps([asdict(each) for each in found]).decode()
    return "\n\n".join(map(_paragraph, found)) or "No stream has been loaded into this database."


def statuses(conn: Connection, default_schema: str) -> Sequence[StreamStatus]:
    live: dict[Key, tuple[Rows, About]] = {}
    filling: Counter[Key] = Counter()
    for table in _tables(conn):
        rows = _rows_in(conn, table)
        if parts(table.name)[1].startswith(STAGING):
            filling.update({key: found.chunks for key, found in rows.items()})
        else:
            about = _about(conn, table)
            live |= {key: (found, about) for key, found in rows.items()}
    refused = refused_of(conn, default_schema)
    told = []
    for key in sorted(live.keys() | filling.keys() | refused.keys()):
        stored, in_table = live.get(key, (Rows(), None))
        told.append(StreamStatus(key[1], key[0] or None, stored, in_table, filling[key], refused.get(key, 0)))
    return told


def _tables(conn: Connection) -> list[Table]:
    names = conn.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND obj_description(c.oid, 'pg_class') LIKE '{\"airbyte_vectors\"%' ORDER BY 1, 2"
    ).fetchall()
    found = [find(conn, qualified(schema, name)) for schema, name in names]
    return [table for table in found if table is not None]


def _rows_in(conn: Connection, table: Table) -> dict[Key, Rows]:
    """By stream. A table of one stream has it even if it is empty."""
    assert table.note is not None
    own = (table.note.namespace or "", table.note.stream)
    found: dict[Key, Rows] = {} if table.note.for_all else {own: Rows()}
    streams = "namespace, stream" if table.note.for_all else "NULL, NULL"
    query = (
        f"SELECT {streams}, generation, count(*) FILTER (WHERE chunk_number = 0), count(*), "
        "to_char(max(loaded_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') "
        f"FROM {table.name} GROUP BY 1, 2, generation ORDER BY generation NULLS FIRST"
    )
    for namespace, stream, generation, documents, chunks, loaded_at in conn.execute(query.encode()).fetchall():
        rows = found.setdefault((namespace, stream) if table.note.for_all else own, Rows())
        rows.documents += documents
        rows.chunks += chunks
        rows.generations["none" if generation is None else str(generation)] = chunks
        rows.loaded_at = max(rows.loaded_at, loaded_at)
    return found


def _about(conn: Connection, table: Table) -> About:
    assert table.note is not None
    indexes = conn.execute(
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '.* USING ', '') || ', ' "
        "|| pg_size_pretty(pg_relation_size(indexrelid)) || CASE WHEN indisvalid THEN '' ELSE ', not whole' END "
        "FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary ORDER BY 1",
        (table.name,),
    ).fetchall()
    size = conn.execute("SELECT pg_total_relation_size(%s::regclass)", (table.name,)).fetchall()[0][0]
    names = [row[0] for row in indexes]
    note = table.note
    return About(table.name, note.for_all, note.fingerprint, table.columns["embedding"], names, size)


def _paragraph(found: StreamStatus) -> str:
    name = f"{found.namespace}.{found.stream}" if found.namespace else found.stream
    rows, table = found.rows, found.table
    generations = ", ".join(f"{number}: {chunks:,}" for number, chunks in rows.generations.items())
    lines = [f"{name}"]
    if table:
        lines += [
            f"  table        {table.name}{', of all streams' if table.of_all else ''}, {_mib(table.size)} on disk",
            f"  documents    {rows.documents:,} in {rows.chunks:,} chunks, loaded {rows.loaded_at or 'never'}",
            f"  generations  {generations or 'none'} (chunks of each)",
            f"  model        {table.model}; {table.vectors}",
            *(f"  index        {index}" for index in table.indexes or ["none"]),
        ]
    if found.filling:
        lines.append(f"  filling      {found.filling:,} chunks beside, until they are whole")
    lines.append(f"  refused      {found.refused:,} records are kept aside")
    return "\n".join(lines)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
