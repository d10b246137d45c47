"""The indexes and statistics of a table whose load has ended."""

import logging

from psycopg import Connection

from destination_pgvector import index, recall
from destination_pgvector.config import Indexing
from destination_pgvector.index import Connect, Plan

logger = logging.getLogger("airbyte.pgvector")


def bring_indexes(conn: Connection, name: str, plan: Plan, form: Indexing, online: bool, watch: Connect) -> None:
    """`conn` is in autocommit; `watch` makes another. `online`: the table is written to and asked meanwhile."""
    conn.execute(f"ANALYZE {name}".encode())
    made = index.build(conn, name, plan, online, watch)
    index.build_metadata_index(conn, name, form.metadata_index, online)
    if made and form.recall_questions:
        found = recall.measure(conn, name, plan, form.recall_questions)
        recall.tell(name, found)
        if found:
            rows = index.row_count(conn, name)
            index.write_note(conn, made, recall=round(found.share, 4), questions=found.questions, rows=rows)


def oid_of(conn: Connection, name: str) -> int | None:
    """What a table is, whatever it is called."""
    row = conn.execute("SELECT to_regclass(%s)::oid", (name,)).fetchone()
    return row[0] if row else None
