"""The nearest chunks of a stream, for the command `search` and for the check of what an index finds."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from destination_pgvector.index_options import OPERATORS, Distance
from destination_pgvector.vector_type import BITS, VectorType
from vector_ingest.document import Vector
from vector_ingest.search import Nearest

FIRST = 20  # times as many as are wanted are taken by their bits
ITERATIVE = (0, 8)  # the version of pgvector from which an index goes on until the filter has let enough through


@dataclass(frozen=True, slots=True)
class Among:
    """The rows that are searched: a table, a condition with an AND before it, and the tenant."""

    table: str
    vector: VectorType
    only: str = ""
    tenant: str | None = None
    distance: Distance = "cosine"


def nearest(conn: Connection, among: Among, question: Vector, limit: int, setting: str | None) -> Sequence[Nearest]:
    """`setting`: how far the index is to look, for SET LOCAL."""
    condition = f"true{among.only}{' AND tenant = %(tenant)s' if among.tenant is not None else ''}"
    values = {"question": "[" + ",".join(map(str, question.tolist())) + "]", "limit": limit, "tenant": among.tenant}
    with conn.transaction():
        if setting:
            conn.execute(f"SET LOCAL {setting}".encode())
        if condition != "true" and _is_iterative(conn):
            conn.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            conn.execute("SET LOCAL ivfflat.iterative_scan = relaxed_order")  # it has no other
        return conn.execute(statement(among, condition).encode(), values).fetchall()


def statement(among: Among, condition: str) -> str:
    """With places for `question`, as text, and `limit`. The third column is the distance."""
    vector = among.vector
    asked = f"%(question)s::{vector.name}"
    rows = f"{among.table} WHERE {condition}"
    if vector.quantised:
        rows = (
            f"(SELECT * FROM {rows} ORDER BY {BITS} OPERATOR({vector.schema}.<~>) {vector.quantise(asked)} "
            f"LIMIT {FIRST} * %(limit)s) AS first"
        )
    distance = f"embedding OPERATOR({vector.schema}.{OPERATORS[among.distance]}) {asked}"
    return (
        f"SELECT document_id, chunk_number, {distance} AS distance, "
        f"document_content, metadata FROM {rows} ORDER BY distance LIMIT %(limit)s"
    )


def _is_iterative(conn: Connection) -> bool:
    row = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    return row is not None and tuple(int(part) for part in row[0].split(".")[:2]) >= ITERATIVE
