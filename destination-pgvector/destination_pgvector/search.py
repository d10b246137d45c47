"""The nearest chunks of a stream, for the command `search` and for the check of what an index finds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection

from destination_pgvector.index_options import OPERATORS, Hnsw, IvfFlat
from destination_pgvector.server.extension import is_iterative
from destination_pgvector.tables.index import Plan, existing
from destination_pgvector.tables.vector_type import BITS
from vector_ingest.command.search import Found
from vector_ingest.document import Vector

FIRST = 20  # times as many as are wanted are taken by their bits
# The most that pgvector takes: https://github.com/pgvector/pgvector/blob/master/src/hnsw.h, HNSW_MAX_EF_SEARCH
MOST_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class Among:
    """The rows that are searched, and how: a table, a condition with an AND before it, and the tenant."""

    table: str
    plan: Plan
    only: str = ""
    tenant: str | None = None


def nearest(conn: Connection, among: Among, question: Vector, limit: int) -> Sequence[Found]:
    condition = f"true{among.only}{' AND tenant = %(tenant)s' if among.tenant is not None else ''}"
    values = {"question": "[" + ",".join(map(str, question.tolist())) + "]", "limit": limit, "tenant": among.tenant}
    with conn.transaction():
        if among.plan.allows_index():
            conn.execute(f"SET LOCAL {how_far(conn, among, limit)}".encode())
        if is_iterative(conn):  # else what the index looks at may be less than `limit`, or little of it fit
            conn.execute("SET LOCAL hnsw.iterative_scan = strict_order")
            conn.execute("SET LOCAL ivfflat.iterative_scan = relaxed_order")  # it has no other
        rows = conn.execute(statement(among, condition).encode(), values).fetchall()
    # Relaxed order is that of the lists that were looked at; as the server does, what has no distance comes last.
    rows.sort(key=lambda row: math.inf if row[2] is None or math.isnan(row[2]) else row[2])
    return [Found(identity, number, distance, text, data or {}) for identity, number, distance, text, data in rows]


def statement(among: Among, condition: str) -> str:
    """With places for `question`, as text, and `limit`. The third column is the distance."""
    vector = among.plan.vector
    asked = f"%(question)s::{vector.name}"
    rows = f"{among.table} WHERE {condition}"
    if vector.quantised:
        rows = (
            f"(SELECT * FROM {rows} ORDER BY {BITS} OPERATOR({vector.schema}.<~>) {vector.quantise(asked)} "
            f"LIMIT {FIRST} * %(limit)s) AS first"
        )
    distance = f"embedding OPERATOR({vector.schema}.{OPERATORS[among.plan.distance]}) {asked}"
    return (
        f"SELECT document_id, chunk_number, {distance} AS distance, "
        f"document_content, metadata FROM {rows} ORDER BY distance LIMIT %(limit)s"
    )


def how_far(conn: Connection, among: Among, limit: int) -> str:
    """The index is to look, as an assignment for SET LOCAL. At least as far as it takes to find `limit`."""
    plan = among.plan
    if plan.vector.quantised:
        limit *= FIRST
    if isinstance(plan.index, Hnsw):
        return f"hnsw.ef_search = {min(MOST_CANDIDATES, max(plan.index.ef_search, limit))}"
    assert isinstance(plan.index, IvfFlat)
    found = [entry for entry in existing(conn, among.table, plan.searched.column) if entry.method == "ivfflat"]
    return f"ivfflat.probes = {plan.index.probes or math.isqrt(found[0].numbers['lists'] if found else 1)}"
