"""Load of chunks with vectors of 1,536 dimensions, against a bare binary COPY of the very same rows.

Ours is the whole process `destination-pgvector write`, its start included: lines from a file, text, hashes, chunks,
vectors from the in-process fake provider, COPY, commits, a state at the end. The limit is one COPY of bytes that lie
ready in a file, into a table of the same columns on the same server: nothing is read, made or packed. Both tables have
no vector index. Ours runs once before it is measured: it makes the rows, and a new server's first gigabyte of
write-ahead log is slower than what follows. VECTORS_BENCH_ROWS changes the number of rows.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from demo.postgres_server import PASSWORD, PostgresServer
from destination_pgvector.tables.row_shape import WRITTEN
from tests.destination_commands import catalog, config, stream
from tests.destination_pgvector.commands import command_line
from tests.peak import measured
from vector_ingest.messages import record_line, state_line

ROWS = int(os.environ.get("VECTORS_BENCH_ROWS", "100000"))
DIMENSIONS = 1536
COLUMNS = ", ".join(WRITTEN)
WORDS = [f"word{number}" for number in range(500)]
FIELD = {"mode": "from_field", "field_name": "vector", "dimensions": DIMENSIONS}
Result = dict[str, float]


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as postgres:
        folder = Path(name)
        indexing = {
            "host": "127.0.0.1",
            "port": postgres.port,
            "database": "postgres",
            "username": "postgres",
            "credentials": {"password": PASSWORD},
            "index": {"type": "none"},
        }
        write_input(folder / "records.jsonl", ROWS, with_vectors=False)
        load(folder, config(indexing), folder / "records.jsonl", ROWS)
        limit = bare_copy(postgres.dsn(), folder / "rows.copy", ROWS)
        ours = load(folder, config(indexing), folder / "records.jsonl", ROWS)
        keyed = load(folder, config(indexing), folder / "records.jsonl", ROWS, mode="append_dedup")
        rows = max(1, ROWS // 10)  # 20 kB of digits each
        write_input(folder / "vectors.jsonl", rows, with_vectors=True)
        from_json = load(folder, config(indexing, embedding=FIELD), folder / "vectors.jsonl", rows)
    return {
        "rows": ROWS,
        "loaded_per_second": ours,
        "bare_copy_per_second": limit,
        "ratio": round(ours["rows_per_second"] / limit["rows_per_second"], 3),
        "ratio_to_copy_with_primary_key": round(ours["rows_per_second"] / limit["with_primary_key"], 3),
        "append_dedup_of_fresh_keys_per_second": keyed,
        "ratio_of_append_dedup": round(keyed["rows_per_second"] / limit["rows_per_second"], 3),
        "vectors_as_json_per_second": from_json,
    }


@contextmanager
def server(folder: Path) -> Iterator[PostgresServer]:
    postgres = PostgresServer(folder / "cluster", ["max_wal_size=8GB", "shared_buffers=256MB"])
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def write_input(path: Path, rows: int, with_vectors: bool) -> None:
    chance, numbers = random.Random(1), np.random.default_rng(1)
    with path.open("wb") as file:
        for number in range(rows):
            data: dict[str, Any] = {"id": number, "text": " ".join(chance.choices(WORDS, k=40))}
            if with_vectors:
                data["vector"] = numbers.standard_normal(DIMENSIONS, np.float32).tolist()
            file.write(record_line("bench", None, data, 1) + b"\n")
        file.write(state_line("bench", None, {"done": True}, rows) + b"\n")


def load(folder: Path, options: dict[str, Any], records: Path, rows: int, mode: str = "append") -> Result:
    """Rows a second and the process's peak memory."""
    password = options["indexing"]["credentials"]["password"]
    with psycopg.connect(
        port=options["indexing"]["port"], host="127.0.0.1", user="postgres", password=password, autocommit=True
    ) as conn:
        conn.execute("DROP TABLE IF EXISTS bench")
        conn.execute("CHECKPOINT")
    peak = folder / "peak"
    entry = stream("bench", mode, None if mode == "append" else "id")
    line = measured(command_line(folder, "write", options, catalog(entry)), peak)
    begun = time.perf_counter()
    with records.open("rb") as stdin, subprocess.Popen(line, stdin=stdin, stdout=subprocess.PIPE) as process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if process.returncode or b'"STATE"' not in output:
        raise RuntimeError(output.decode())
    return {
        "rows_per_second": round(rows / seconds),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(float(peak.read_text())),
    }


def bare_copy(dsn: str, file: Path, rows: int) -> Result:
    """The rows of the table `bench`, written out and loaded again."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        with (
            conn.cursor().copy(f"COPY bench ({COLUMNS}) TO STDOUT (FORMAT BINARY)".encode()) as out,
            file.open("wb") as to,
        ):
            for block in out:
                to.write(block)
        conn.execute("CREATE TABLE bare (LIKE bench INCLUDING DEFAULTS)")
        bare = _copy_in(conn, "bare", file)
        conn.execute("CREATE TABLE keyed (LIKE bench INCLUDING DEFAULTS, PRIMARY KEY (document_id, chunk_number))")
        keyed = _copy_in(conn, "keyed", file)
        conn.execute("DROP TABLE bare, keyed")
    return {"rows_per_second": round(rows / bare), "with_primary_key": round(rows / keyed)}


def _copy_in(conn: psycopg.Connection, table: str, file: Path) -> float:
    conn.execute("CHECKPOINT")
    begun = time.perf_counter()
    with (
        conn.cursor().copy(f"COPY {table} ({COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
        file.open("rb") as rows,
    ):
        while block := rows.read(1 << 18):
            copy.write(block)
    return time.perf_counter() - begun
