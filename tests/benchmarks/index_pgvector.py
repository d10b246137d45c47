"""The HNSW index of 20,000 chunks with vectors of 1,536 dimensions: built as a sync does, and by a bare CREATE INDEX.

Both on the same table and server, in turns, with the same parameters; the bare one with the server's own settings.
INDEX_BENCH_ROWS changes the number of rows.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from destination_pgvector.index_options import Hnsw
from destination_pgvector.tables import index
from destination_pgvector.tables.vector_type import VectorType
from tests.benchmarks.load_pgvector import DIMENSIONS, server

ROWS = int(os.environ.get("INDEX_BENCH_ROWS", "20000"))
TURNS = 2


def main() -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as name,
        server(Path(name)) as postgres,
        psycopg.connect(postgres.dsn(), autocommit=True) as conn,
    ):
        _fill(conn)
        plan = index.Plan(Hnsw(), "cosine", VectorType("vector", DIMENSIONS, "public"))
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: conn.execute("CREATE INDEX ON chunks USING hnsw (embedding vector_cosine_ops)"),
            "ours": lambda: index.build(conn, '"public"."chunks"', plan, online=False),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(TURNS):
            for way, build in ways.items():
                begun = time.perf_counter()
                build()
                taken[way].append(time.perf_counter() - begun)
                for entry in index.existing(conn, '"public"."chunks"', "embedding"):
                    conn.execute(f"DROP INDEX {entry.name}".encode())
    seconds = {way: statistics.median(each) for way, each in taken.items()}
    return {
        "rows": ROWS,
        "seconds": {way: round(each, 1) for way, each in seconds.items()},
        "ratio": round(seconds["bare"] / seconds["ours"], 2),
    }


def _fill(conn: psycopg.Connection) -> None:
    """Vectors around 200 centres, as those of texts lie around their subjects."""
    generator = np.random.default_rng(1)
    centres = generator.standard_normal((200, DIMENSIONS), np.float32)
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn.execute(f"CREATE TABLE chunks (id int, embedding vector({DIMENSIONS}))".encode())
    with conn.cursor().copy("COPY chunks FROM STDIN") as copy:
        for number in range(ROWS):
            vector = centres[number % 200] + generator.standard_normal(DIMENSIONS, np.float32)
            copy.write_row((number, "[" + ",".join(map(str, vector.tolist())) + "]"))
    conn.execute("ANALYZE chunks (id)")
