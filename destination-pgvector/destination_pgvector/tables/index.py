"""The indexes of a table, built after loading: inserting into an HNSW index is a hundred times slower than COPY.

Ours are told from the user's own by their comment. Ours follow the form; the user's stay, and if one is what the form
asks for, none of ours is built beside it.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from destination_pgvector.index_options import Distance, Hnsw, Index, IvfFlat, NoIndex
from destination_pgvector.tables.vector_type import BITS, Searched, VectorType

logger = logging.getLogger("airbyte.pgvector")
LEAST_MEMORY, MOST_MEMORY = 64, 2048  # MiB of maintenance_work_mem
LINK_BYTES = 600  # of one vector's place in the graph, beside the vector itself
WORKERS = 4  # the server's max_parallel_workers bounds them
NOTE = "airbyte_vectors"
# What pgvector takes where an index says nothing: https://github.com/pgvector/pgvector#index-options
USUAL = {"hnsw": {"m": 16, "ef_construction": 64}, "ivfflat": {"lists": 100}}
VECTORS = ("embedding", BITS)  # columns that a vector index may be on
METADATA_OPERATORS = "jsonb_path_ops"  # for @>; a third of the size of jsonb_ops


@dataclass(frozen=True, slots=True)
class Plan:
    """What the form asks for, of a table with such vectors."""

    index: Index
    distance: Distance
    vector: VectorType

    @property
    def searched(self) -> Searched:
        return self.vector.searched(self.distance)

    def allows_index(self) -> bool:
        return not isinstance(self.index, NoIndex) and self.vector.dimensions <= self.searched.most_dimensions


@dataclass(frozen=True, slots=True)
class Wanted:
    """An index as it should be. `about`: whether a number may be up to twice or half of what it should be."""

    method: str
    operators: str
    numbers: Mapping[str, int]
    about: bool = False

    def is_met_by(self, found: "Found") -> bool:
        if not found.valid or (found.method, found.operators) != (self.method, self.operators):
            return False
        if self.about:
            return all(number / 2 <= found.numbers[name] <= number * 2 for name, number in self.numbers.items())
        return found.numbers == self.numbers


@dataclass(frozen=True, slots=True)
class Found:
    """An index that there is. `name` is quoted."""

    name: str
    method: str
    operators: str
    numbers: Mapping[str, int]
    valid: bool
    being_built: bool
    ours: bool


def build(conn: Connection, name: str, plan: Plan, *, online: bool) -> str | None:
    """Bring the vector index of the table `name` to what `plan` asks for. The new index, if one was built.

    `conn` is in autocommit. `online`: readers and writers go on meanwhile. The old index serves until the new one is
    whole. The table has been analysed.
    """
    found = list(_cleared(conn, name, plan.searched.column))
    wanted = _wanted(conn, name, plan)
    fitting = next((entry for entry in found if wanted and wanted.is_met_by(entry)), None)
    made = None
    if wanted and not fitting:
        if any(entry.being_built for entry in found):
            logger.warning("An index of %s is being built by somebody else: none is built by this sync.", name)
            return None
        made = _make(conn, name, plan, wanted, online)
    others = [entry for column in VECTORS if column != plan.searched.column for entry in _cleared(conn, name, column)]
    for entry in [*found, *others]:
        if entry.ours and entry is not fitting and not entry.being_built:
            logger.info("Dropping the index %s, which is not what the form asks for.", entry.name)
            conn.execute(f"DROP INDEX CONCURRENTLY {entry.name}".encode())
    return made


def try_out(conn: Connection, name: str, plan: Plan) -> None:
    """Build the index on an empty table, in the caller's transaction: whether the server takes it."""
    lists = plan.index.lists if isinstance(plan.index, IvfFlat) else None
    options = f" WITH (lists = {lists})" if lists else ""
    on = f"{plan.searched.column} {plan.vector.schema}.{plan.searched.operators}"
    conn.execute(f"CREATE INDEX ON {name} USING {plan.index.type} ({on}){options}".encode())


def build_metadata_index(conn: Connection, name: str, *, wanted: bool, online: bool) -> None:
    """A GIN index on the metadata, or none of ours."""
    found = list(_cleared(conn, name, "metadata"))
    if wanted and not found:
        logger.info("Building the index of the metadata of %s.", name)
        with _more_memory(conn, LEAST_MEMORY):
            _create(conn, name, f"gin (metadata {METADATA_OPERATORS})", online, "metadata")
    for entry in found if not wanted else ():
        if entry.ours:
            conn.execute(f"DROP INDEX CONCURRENTLY {entry.name}".encode())


def drop_ours(conn: Connection, name: str) -> None:
    """Of an empty table: it is loaded without, and gets its indexes anew."""
    for column in (*VECTORS, "metadata"):
        for entry in existing(conn, name, column):
            if entry.ours:
                conn.execute(f"DROP INDEX {entry.name}".encode())


def write_note(conn: Connection, index: str, **facts: Any) -> None:
    """`index` is a quoted name. The comment shows that the index is ours, and what is known of it."""
    text = json.dumps({NOTE: {"made_by": "airbyte", **facts}})
    conn.execute(sql.SQL("COMMENT ON INDEX {} IS {}").format(sql.SQL(index), sql.Literal(text)))


def _wanted(conn: Connection, name: str, plan: Plan) -> Wanted | None:
    if isinstance(plan.index, NoIndex):
        return None
    if not plan.allows_index():
        logger.warning(
            "No vector index for %s: it takes %s dimensions at most, the model gives %s. Search is exact and reads "
            "every row; a model with fewer dimensions would allow an index.",
            name, plan.searched.most_dimensions, plan.vector.dimensions,
        )  # fmt: skip
        return None
    if isinstance(plan.index, Hnsw):
        numbers = {"m": plan.index.m, "ef_construction": plan.index.ef_construction}
        return Wanted("hnsw", plan.searched.operators, numbers)
    rows = row_count(conn, name)
    if not rows:
        return None  # its centres are found among the rows that there are
    return Wanted(
        "ivfflat", plan.searched.operators, {"lists": lists_for(plan.index, rows)}, about=plan.index.lists is None
    )


def lists_for(form: IvfFlat, rows: int) -> int:
    """https://github.com/pgvector/pgvector#ivfflat"""
    usual = max(1, rows // 1000) if rows <= 1_000_000 else math.isqrt(rows)
    return form.lists or min(usual, 32_768)


def _make(conn: Connection, name: str, plan: Plan, wanted: Wanted, online: bool) -> str:
    numbers = ", ".join(f"{option} = {number}" for option, number in wanted.numbers.items())
    body = f"{wanted.method} ({plan.searched.column} {plan.vector.schema}.{wanted.operators}) WITH ({numbers})"
    logger.info("Building the %s index of %s (%s, %s).", wanted.method.upper(), name, plan.distance, numbers)
    memory = row_count(conn, name) * (4 * plan.vector.dimensions + LINK_BYTES) * 1.2 / 2**20
    with _more_memory(conn, int(memory)):
        try:
            return _create(conn, name, body, online, plan.searched.column)
        except psycopg.errors.DiskFull:
            # A parallel build keeps the graph in /dev/shm, which has 64 MB in a container by default.
            conn.execute("SET max_parallel_maintenance_workers = 0")
            for _ in _cleared(conn, name, plan.searched.column):
                pass
            return _create(conn, name, body, online, plan.searched.column)


def _create(conn: Connection, name: str, body: str, online: bool, column: str) -> str:
    before = {entry.name for entry in existing(conn, name, column)}
    conn.execute(f"CREATE INDEX {'CONCURRENTLY' if online else ''} ON {name} USING {body}".encode())
    (made,) = [entry.name for entry in existing(conn, name, column) if entry.name not in before]
    write_note(conn, made)
    return made


@contextmanager
def _more_memory(conn: Connection, needed: int) -> Iterator[None]:
    """For a build. `needed`: MiB for all of it, which is bounded: past that it goes on, but slower."""
    memory = min(MOST_MEMORY, max(LEAST_MEMORY, needed))
    conn.execute(
        "SELECT set_config('maintenance_work_mem', greatest(%s, pg_size_bytes(current_setting('maintenance_work_mem')) "
        "/ 1024)::text || 'kB', false), set_config('max_parallel_maintenance_workers', "
        "greatest(%s, current_setting('max_parallel_maintenance_workers')::int)::text, false)",
        (memory * 1024, WORKERS),
    )
    try:
        yield
    finally:
        if not conn.broken:
            conn.execute("RESET maintenance_work_mem")
            conn.execute("RESET max_parallel_maintenance_workers")


def _cleared(conn: Connection, name: str, column: str) -> Iterator[Found]:
    """The indexes on a column, after those are dropped that a broken build has left."""
    for entry in existing(conn, name, column):
        if entry.valid or entry.being_built:
            yield entry
        else:
            conn.execute(f"DROP INDEX CONCURRENTLY {entry.name}".encode())


def existing(conn: Connection, name: str, column: str) -> list[Found]:
    """The vector indexes on a column, or the GIN indexes."""
    found = conn.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname), a.amname, o.opcname, c.reloptions, i.indisvalid, "
        "EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid), "
        "obj_description(c.oid, 'pg_class') FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_am a ON a.oid = c.relam JOIN pg_opclass o ON o.oid = i.indclass[0] "
        "JOIN pg_attribute t ON t.attrelid = i.indrelid AND t.attnum = i.indkey[0] "
        "WHERE i.indrelid = %s::regclass AND a.amname IN ('hnsw', 'ivfflat', 'gin') AND t.attname = %s "
        "AND i.indpred IS NULL ORDER BY c.oid",
        (name, column),
    ).fetchall()
    return [
        Found(index, method, operators, _numbers(method, options), valid, being_built, NOTE in (comment or ""))
        for index, method, operators, options, valid, being_built, comment in found
    ]


def _numbers(method: str, options: list[str] | None) -> dict[str, int]:
    given = dict(option.split("=", 1) for option in options or ())
    usual = USUAL.get(method, {})
    return {**usual, **{name: int(value) for name, value in given.items() if name in usual}}


def row_count(conn: Connection, name: str) -> int:
    """As of the last ANALYZE."""
    row = conn.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", (name,)).fetchone()
    return max(0, row[0]) if row else 0
