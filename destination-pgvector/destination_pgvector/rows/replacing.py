"""Documents written in one transaction; what the server does not take is found by halving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg
from psycopg import Connection, errors

from destination_pgvector.rows.copy_rows import copy_rows
from destination_pgvector.rows.lookup import kept_vectors
from destination_pgvector.server.connections import Connections
from destination_pgvector.server.parameters import Texts
from destination_pgvector.tables.row_shape import Shape
from vector_ingest.document import Embedded, Refused, Target

# Of a value, a limit, a constraint or a trigger: one of the documents is not taken, the others may be.
REFUSES = (
    psycopg.DataError,
    errors.ProgramLimitExceeded,
    psycopg.IntegrityError,
    errors.RaiseException,
)


@dataclass(frozen=True, slots=True)
class Writing:
    """How documents are written. `tails` by document; `only`: which rows of the table are the stream's."""

    target: Target
    shape: Shape
    tails: Mapping[str, bytes]
    only: str
    replaces: bool  # whether rows of the same ids may be there


def replace_documents(connections: Connections, writing: Writing, documents: Sequence[Embedded]) -> list[Refused]:
    """Each whole, in place of what was there of it. Errors of psycopg leave as they are."""
    if not documents:
        return []
    ids = [embedded.document.id for embedded in documents]
    target = writing.target

    def write(conn: Connection) -> None:
        with conn.transaction():
            kept = kept_vectors(conn, target, documents, writing.shape.type_of_vectors, writing.only)
            if writing.replaces:
                statement = f"DELETE FROM {target.write} WHERE document_id = ANY(%s){writing.only}"
                conn.execute(statement.encode(), (Texts(ids),))
            copy_rows(conn, target.write, documents, kept, writing.shape, writing.tails)

    try:
        # Where another sync has just stored the same document, its rows are seen by the next attempt.
        connections.retry(write, (errors.UniqueViolation,) if writing.replaces else ())
    except errors.UniqueViolation:
        # Ids that are new in every run come twice only if a commit's answer was lost on the way.
        if writing.replaces:
            raise
        return replace_documents(connections, replace(writing, replaces=True), documents)
    except REFUSES as error:
        if len(documents) == 1:
            return [Refused(ids[0], " ".join(str(error).split()))]
        middle = len(documents) // 2
        halves = documents[:middle], documents[middle:]
        return [refused for half in halves for refused in replace_documents(connections, writing, half)]
    return []
