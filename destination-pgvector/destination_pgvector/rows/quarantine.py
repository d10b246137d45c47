"""Refused records in a table beside those of the streams: with their reason, as they came, until they are replayed."""

import uuid
from collections.abc import Iterator, Sequence
from threading import Lock

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from destination_pgvector.names import qualified
from destination_pgvector.server.connections import Connections
from destination_pgvector.tables.tables import make_schema
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError
from vector_ingest.load.quarantine import Rejected
from vector_ingest.messages import dumps, loads

TABLE = "_airbyte_refused"
Key = tuple[str, str, str]  # namespace, stream, document
# `sync` and `settled` tell what is out of date when a stream has been replaced.
COLUMNS = {
    "namespace": ("text NOT NULL", "The stream's namespace, or nothing."),
    "stream": ("text NOT NULL", "The stream that the record is of."),
    "document_id": ("text NOT NULL", "The document that it would have been."),
    "reason": ("text NOT NULL", "Why it could not be stored."),
    "record": ("text NOT NULL", "The RECORD message as it came."),
    "mode": ("text NOT NULL", "The destination sync mode."),
    "primary_key": ("jsonb NOT NULL", "Paths of the stream's primary key."),
    "generation": ("bigint", "The generation of the sync that refused it."),
    "sync": ("uuid NOT NULL", "Which sync has refused it."),
    "settled": ("boolean NOT NULL DEFAULT false", "Whether that sync, or a later one, brought all of the stream."),
    "refused_at": ("timestamptz NOT NULL DEFAULT now()", "When it was refused."),
}
COMMENT = "Records that could not be stored. `destination-pgvector replay` tries them again."


class TableQuarantine:
    def __init__(self, connections: Connections, schema: str, most: int) -> None:
        """Nothing is asked before the first call."""
        self.most = most
        self._connections = connections
        self._schema = schema
        self._table = qualified(schema, TABLE)
        self._sync = uuid.uuid4()
        self._kept: set[Key] | None = None  # nobody else writes what is refused of the streams of this sync
        self._new: set[Key] = set()  # of this sync
        self._lock = Lock()

    @property
    def place(self) -> str:
        return f"the table {self._table}"

    def make(self, conn: Connection) -> None:
        make_schema(conn, self._schema)
        definitions = ", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())
        conn.execute(
            f"CREATE TABLE IF NOT EXISTS {self._table} ({definitions}, "
            "PRIMARY KEY (namespace, stream, document_id))".encode()
        )
        table = sql.SQL(self._table)
        comments = [
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(table, sql.Identifier(name), comment)
            for name, (_, comment) in COLUMNS.items()
        ]
        conn.execute(sql.SQL("; ").join([sql.SQL("COMMENT ON TABLE {} IS {}").format(table, COMMENT), *comments]))

    def keep(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        self._found(make=True)
        values = [
            (*_key(each.stream, each.id), each.reason, _text(each.line), each.stream.mode,
             Jsonb(each.stream.primary_key), each.stream.generation, self._sync)
            for each in rejected
        ]  # fmt: skip
        statement = (
            f"INSERT INTO {self._table} (namespace, stream, document_id, reason, record, mode, primary_key, "
            "generation, sync) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (namespace, stream, document_id) DO UPDATE SET "
            "reason = excluded.reason, record = excluded.record, mode = excluded.mode, "
            "primary_key = excluded.primary_key, generation = excluded.generation, sync = excluded.sync, "
            "settled = false, refused_at = now()"
        )

        def write(conn: Connection) -> None:
            with conn.cursor() as cursor:
                cursor.executemany(statement.encode(), values)

        self._connections.run(write)
        with self._lock:
            keys = {_key(each.stream, each.id) for each in rejected}
            self._new |= keys
            self._kept = (self._kept or set()) | keys

    def forget(self, stream: Stream, ids: Sequence[str]) -> None:
        kept = self._found()
        if kept:
            self._remove(kept & {_key(stream, identity) for identity in ids})

    def forget_replayed(self, replayed: Sequence[Rejected]) -> None:
        self._remove({_key(each.stream, each.id) for each in replayed} - self._new)

    def settle(self, conn: Connection, stream: Stream, *, replaced: bool) -> None:
        """A sync has brought all of the stream: what was refused of what is out of date now goes.

        In the caller's transaction. `replaced`: all that was there gave way, else generations below the minimum.
        """
        if not self._is_there(conn):
            return
        mine = "namespace = %(namespace)s AND stream = %(stream)s"
        old = "settled OR CASE WHEN %(generation)s::bigint IS NULL THEN sync <> %(sync)s "
        old += "ELSE generation IS DISTINCT FROM %(generation)s END"
        values = {
            "namespace": stream.namespace or "",
            "stream": stream.name,
            "generation": stream.generation,
            "minimum": stream.minimum_generation or 0,
            "sync": self._sync,
        }
        condition = old if replaced else "coalesce(generation, 0) < %(minimum)s"
        conn.execute(f"DELETE FROM {self._table} WHERE {mine} AND ({condition})".encode(), values)
        conn.execute(f"UPDATE {self._table} SET settled = true WHERE {mine} AND NOT settled".encode(), values)

    def entries(self) -> Iterator[Rejected]:
        query = (
            f"SELECT namespace, stream, document_id, reason, record, mode, primary_key, generation FROM {self._table} "
            "ORDER BY refused_at, document_id"
        )
        found = self._connections.run(
            lambda conn: conn.execute(query.encode()).fetchall() if self._is_there(conn) else []
        )
        for namespace, name, identity, reason, record, mode, key, generation in found:
            stream = Stream(name, namespace or None, mode, tuple(map(tuple, key)), generation=generation)
            yield Rejected(stream, identity, reason, record.encode())

    def _is_there(self, conn: Connection) -> bool:
        """ConfigError: something else has the name, and records are to be kept."""
        query = "SELECT obj_description(to_regclass(%s), 'pg_class'), to_regclass(%s) IS NOT NULL"
        ((comment, exists),) = conn.execute(query, (self._table, self._table)).fetchall()
        if exists and comment != COMMENT and self.most:
            raise ConfigError(
                f"Refused records are kept in {self.place}, but something else has that name. Rename or drop it, or "
                "choose something else for refused_records."
            )
        return bool(comment == COMMENT)

    def _found(self, *, make: bool = False) -> set[Key]:
        """What is kept, read once."""

        def read(conn: Connection) -> set[Key] | None:
            if not self._is_there(conn):
                if not make:
                    return None
                self.make(conn)
            query = f"SELECT namespace, stream, document_id FROM {self._table}"
            return set(conn.execute(query.encode()).fetchall())

        with self._lock:
            if self._kept is None or (make and not self._kept):
                self._kept = self._connections.run(read) or set()
            return self._kept

    def _remove(self, keys: set[Key]) -> None:
        if not keys:
            return
        statement = f"DELETE FROM {self._table} WHERE namespace = %s AND stream = %s AND document_id = %s"

        def write(conn: Connection) -> None:
            with conn.cursor() as cursor:
                cursor.executemany(statement.encode(), sorted(keys))

        self._connections.run(write)
        with self._lock:
            self._kept = (self._kept or set()) - keys


def refused_of(conn: Connection, schema: str) -> dict[tuple[str, str], int]:
    """How many records are kept aside, by namespace and stream."""
    table = qualified(schema, TABLE)
    if conn.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (table,)).fetchall() != [(COMMENT,)]:
        return {}
    counts = conn.execute(f"SELECT namespace, stream, count(*) FROM {table} GROUP BY 1, 2".encode()).fetchall()
    return {(namespace, stream): count for namespace, stream, count in counts}


def _key(stream: Stream, identity: str) -> Key:
    return stream.namespace or "", stream.name, identity


def _text(line: bytes) -> str:
    """The line, with lone surrogates as JSON escapes: the reader of lines takes them, and no text can hold them."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return dumps(loads(line)).decode()
