"""The vector index, built after loading: inserting into an HNSW index is a hundred times slower than COPY."""

import logging

import psycopg
from psycopg import Connection

from destination_pgvector.config import Hnsw
from destination_pgvector.names import parts
from destination_pgvector.vector_type import VectorType

logger = logging.getLogger("airbyte.pgvector")
LEAST_MEMORY, MOST_MEMORY = 64, 2048  # MiB of maintenance_work_mem
LINK_BYTES = 600  # of one vector's place in the graph, beside the vector itself


def build(conn: Connection, name: str, hnsw: Hnsw, vector: VectorType, online: bool) -> None:
    """Build the index of the table `name` if it is missing. `online`: readers and writers go on meanwhile.

    `conn` is in autocommit.
    """
    searched, dimensions = vector.searched, vector.dimensions
    if dimensions > searched.most_dimensions:
        logger.warning(
            "No vector index for %s: HNSW takes %s dimensions at most, the model gives %s. Search is exact and reads "
            "every row; a model with fewer dimensions would allow an index.",
            name, searched.most_dimensions, dimensions,
        )  # fmt: skip
        return
    for index, valid in _indexes(conn, name, searched.column):
        if valid:
            return
        conn.execute(f"DROP INDEX CONCURRENTLY {index}".encode())  # left by a build that was broken off
    memory = _memory(conn, name, dimensions)
    logger.info("Building the HNSW index of %s.", name)
    conn.execute(f"SET maintenance_work_mem = '{memory}MB'".encode())
    conn.execute("SET max_parallel_maintenance_workers = 4")  # the server's max_parallel_workers bounds it
    statement = (
        f"CREATE INDEX {'CONCURRENTLY' if online else ''} ON {name} "
        f"USING hnsw ({searched.column} {searched.operators}) "
        f"WITH (m = {hnsw.m}, ef_construction = {hnsw.ef_construction})"
    )
    try:
        conn.execute(statement.encode())
    except psycopg.errors.DiskFull:
        # A parallel build keeps the graph in /dev/shm, which has 64 MB in a container by default.
        conn.execute("SET max_parallel_maintenance_workers = 0")
        for index, valid in _indexes(conn, name, searched.column):
            if not valid:
                conn.execute(f"DROP INDEX CONCURRENTLY {index}".encode())
        conn.execute(statement.encode())


def _indexes(conn: Connection, name: str, column: str) -> list[tuple[str, bool]]:
    """The HNSW indexes of a column by quoted name, and whether each is whole."""
    return conn.execute(
        "SELECT format('%%I.%%I', n.nspname, c.relname), i.indisvalid FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_am m ON m.oid = c.relam JOIN pg_attribute a ON a.attrelid = i.indexrelid "
        "WHERE i.indrelid = %s::regclass AND m.amname = 'hnsw' AND a.attname = %s",
        (name, column),
    ).fetchall()


def _memory(conn: Connection, name: str, dimensions: int) -> int:
    """MiB for the whole graph, within bounds: past that the build goes on, but slower."""
    conn.execute(f"ANALYZE {name}".encode())
    schema, table = parts(name)
    row = conn.execute(
        "SELECT reltuples FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND relname = %s",
        (schema, table),
    ).fetchone()
    rows = row[0] if row else 0
    return int(min(MOST_MEMORY, max(LEAST_MEMORY, rows * (4 * dimensions + LINK_BYTES) * 1.2 / 2**20)))
