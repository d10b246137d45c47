"""Where a stream is: its table, and which rows of it."""

from psycopg import Connection

from destination_pgvector.names import qualified, schema_name, table_names
from destination_pgvector.table_options import ForAll, Tables
from destination_pgvector.tables import tables
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError
from vector_ingest.record.storable import storable


class Places:
    """Remembers the tables of this sync, also those that don't exist yet."""

    def __init__(self, options: Tables, default_schema: str) -> None:
        self._options = options
        self._default_schema = default_schema
        self._taken: dict[str, tuple[str | None, str]] = {}  # by name of the table: namespace and name of the stream

    @property
    def for_all(self) -> bool:
        return isinstance(self._options.table_for, ForAll)

    def schema_of(self, stream: Stream) -> str:
        in_default = self.for_all or self._options.of_namespaces
        return self._default_schema if in_default else schema_name(stream.namespace or self._default_schema)

    def find(self, conn: Connection, stream: Stream) -> str:
        """The stream's table: the usual name, unless that is another stream's."""
        if isinstance(self._options.table_for, ForAll):
            return self._for_all(conn, self._options.table_for.name)
        usual, other = table_names(stream, self._default_schema, self._options.table_for.name)
        owner, key = self._taken.get(usual), (stream.namespace, stream.name)
        table = tables.find(conn, usual) if owner is None else None
        if table and table.note:
            mine = not table.note.for_all and table.note.stream == stream.name
            if self._options.of_namespaces:
                mine = mine and table.note.namespace == stream.namespace
        else:
            mine = owner is None or owner == key
        name = usual if mine else other
        self._taken[name] = key
        return name

    def known(self, stream: Stream) -> str:
        """The table that `find` has found."""
        if isinstance(self._options.table_for, ForAll):
            return qualified(self._default_schema, self._options.table_for.name)
        return next(name for name, owner in self._taken.items() if owner == (stream.namespace, stream.name))

    def only(self, stream: Stream) -> str:
        """A condition on the rows of the table, with an AND before it, where the table is of all streams."""
        if not self.for_all:
            return ""
        return f" AND namespace = {_quoted(stream.namespace or '')} AND stream = {_quoted(stream.name)}"

    def key_of(self, stream: Stream) -> str:
        """What tells the stream from others in one table; nothing where it has its own."""
        return f"{stream.namespace or ''}\0{stream.name}" if self.for_all else ""

    def _for_all(self, conn: Connection, name: str) -> str:
        table = qualified(self._default_schema, name)
        found = tables.find(conn, table)
        if found and not (found.note and found.note.for_all):
            owner = f"of the stream `{found.note.stream}` alone" if found.note else "made by another connector"
            raise ConfigError(
                f"The table {table} is {owner}, so it can't be the one of all streams. Choose another "
                "indexing.tables.table_for.name, or drop it."
            )
        return table


def _quoted(text: str) -> str:
    """A string in SQL, without the % that psycopg takes for a place where a value goes."""
    escaped = storable(text)[0].replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\x25")
    return f"E'{escaped}'"
