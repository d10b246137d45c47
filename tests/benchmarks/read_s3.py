"""Rows a second of whole reads from S3 over loopback HTTP, ours against airbyte-source-s3 4.16.1, format by format.

Both run as processes, in turns, on the same objects of 1,000,000 rows and ten columns; ours three times, of which the
median counts. READ_BENCH_ROWS changes the rows, READ_BENCH_FORMATS the formats (`parquet,csv`).
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.connectors import OURS, peer, reading, run, serving
from tests.benchmarks.read_parquet import ROWS, write_rows

FORMATS = {"parquet": "parquet", "csv": "csv", "jsonl": "jsonl", "csv.gz": "csv"}
GOALS = {"parquet": 40, "csv": 15, "jsonl": 15, "csv.gz": 15}  # times the peer's rows a second
TURNS = 3


def main() -> dict[str, Any]:
    their, formats = peer(), os.environ.get("READ_BENCH_FORMATS", ",".join(FORMATS)).split(",")
    with tempfile.TemporaryDirectory() as name:
        data, folder = Path(name) / "data", Path(name)
        data.mkdir()
        write_all(data, formats)
        with serving(data) as endpoint:
            return {"rows": ROWS, **{kind: compared(their, folder, endpoint, kind) for kind in formats}}


def compared(their: Path, folder: Path, endpoint: str, kind: str) -> dict[str, Any]:
    arguments = reading(folder, endpoint, f"rows.{kind}", FORMATS[kind])
    turns = [run([OURS, *arguments], folder) for _ in range(TURNS - 1)]
    theirs = run([their, *arguments], folder)
    turns.append(run([OURS, *arguments], folder))
    ours = sorted(turns, key=lambda turn: turn.seconds)[TURNS // 2]
    if not ours.records == theirs.records == ROWS:
        raise RuntimeError(f"expected {ROWS} records of {kind}, found {ours.records} of ours and {theirs.records}")
    ratio = theirs.seconds / ours.seconds
    return {**ours.figures("our"), **theirs.figures("peer"), "ratio": round(ratio, 1), "goal": GOALS[kind]}


def write_all(folder: Path, formats: list[str]) -> None:
    """The same rows in each format."""
    source = folder / "rows.parquet"
    write_rows(source, ROWS)
    options = {"csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json", "csv.gz": "FORMAT csv, HEADER, COMPRESSION gzip"}
    iso = "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS updated_at"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind in formats:
            if kind in options:
                rows = f"SELECT * REPLACE ({iso}) FROM read_parquet('{source}')"
                connection.execute(f"COPY ({rows}) TO '{folder / f'rows.{kind}'}' ({options[kind]})")
