"""Parquet to RECORD lines, against DuckDB's COPY … TO … (FORMAT json) and polars' sink_ndjson of the same records.

All run on one thread, from a local file to /dev/null, in turns; the figures are medians. polars is in a process of its
own, without its start. CPU seconds are beside the seconds, because others' work on the machine changes them less.
Before that, all write a file, and every record must be the same. READ_BENCH_ROWS changes the number of rows.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from source_s3.read import Reading, table_reader
from source_s3.read.options import ParquetFormat
from source_s3.render.lines import Template, render
from tests.benchmarks.connectors import installed

ROWS = int(os.environ.get("READ_BENCH_ROWS", "1000000"))
TURNS = 5
POLARS = "polars==2.1.0"
ROW_GROUP = 122_880  # DuckDB's own, and so the best for it
STREAM, EMITTED_AT = "rows", 1_700_000_000_000
FACTS = {"_ab_source_file_last_modified": "2024-01-01T00:00:00.000000Z", "_ab_source_file_url": "rows.parquet"}
WHOLE_SECOND = b".000000+00:00", b"+00:00"
WORDS = 'river "north" élan copper, lantern Zürich harbour signal winter señor "late" bridge; cloud'.split()  # noqa: SIM905  reads better than a list


def main() -> dict[str, Any]:
    ways: dict[str, Callable[[Path, Path], None]] = {"ours": ours, "duckdb": by_duckdb}
    polars = installed(POLARS) / "python"
    with tempfile.TemporaryDirectory() as name:
        file, outputs = Path(name) / "rows.parquet", {way: Path(name) / f"{way}.jsonl" for way in ways}
        write_rows(file, ROWS)
        for way, run in ways.items():  # this warms up as well: imports, the file in the page cache
            run(file, outputs[way])
        by_polars(polars, file, Path(name) / "polars.jsonl")
        assert_same_records(*outputs.values())
        assert_same_records(outputs["ours"], Path(name) / "polars.jsonl")
        sizes = {way: output.stat().st_size for way, output in outputs.items()}
        turns, polars_turns = [], []
        for _ in range(TURNS):
            turns.append({way: timed(run, file) for way, run in ways.items()})
            polars_turns.append(by_polars(polars, file, Path(os.devnull)))
    seconds = {way: statistics.median(turn[way][0] for turn in turns) for way in ways}
    polars_seconds = statistics.median(polars_turns)
    cpu = {way: statistics.median(turn[way][1] for turn in turns) for way in ways}
    return {
        "rows": ROWS,
        "columns": len(SCHEMA),
        "line_bytes": round(sizes["ours"] / ROWS),
        **{f"{way}_seconds": round(seconds[way], 3) for way in ways},
        **{f"{way}_cpu_seconds": round(cpu[way], 3) for way in ways},
        **{f"{way}_mb_per_second": round(sizes[way] / seconds[way] / 1e6) for way in ways},
        "polars_seconds": round(polars_seconds, 3),
        "ratio": round(seconds["duckdb"] / seconds["ours"], 2),  # rows a second, ours to DuckDB's
        "ratio_to_polars": round(polars_seconds / seconds["ours"], 2),
        "cpu_ratio": round(cpu["duckdb"] / cpu["ours"], 2),
    }


def timed(run: Callable[[Path, Path], None], file: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds."""
    begun, cpu = time.perf_counter(), time.process_time()
    run(file, Path(os.devnull))
    return time.perf_counter() - begun, time.process_time() - cpu


def ours(file: Path, output: Path) -> None:
    """As the source does it between S3 and stdout."""
    pa.set_cpu_count(1)
    options = ParquetFormat()
    template = Template(STREAM, None, EMITTED_AT, {name: json.dumps(value) for name, value in FACTS.items()})
    with file.open("rb") as rows, output.open("wb", buffering=0) as lines:
        for batch in table_reader(options).read(rows, options, Reading()):
            rest = render(batch.rows, batch.first_row, template)
            while rest:  # an unbuffered write may take less than all
                rest = rest[lines.write(rest) :]


def by_polars(python: Path, file: Path, output: Path) -> float:
    """Seconds."""
    command = [python, Path(__file__).with_name("by_polars.py"), file, output]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def by_duckdb(file: Path, output: Path) -> None:
    iso = "replace(strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%f+00:00'), '.000000', '')"
    columns = [f"{name} := {iso if name == 'updated_at' else name}" for name in SCHEMA.names]
    data = ", ".join([*columns, *(f"{name} := '{value}'" for name, value in FACTS.items())])
    record = f"struct_pack(stream := '{STREAM}', data := struct_pack({data}), emitted_at := {EMITTED_AT}::BIGINT)"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT 'RECORD' AS type, {record} AS record FROM read_parquet('{file}')) "
            f"TO '{output}' (FORMAT json, USE_TMP_FILE false)"
        )


def assert_same_records(one: Path, other: Path) -> None:
    with one.open("rb") as ours_lines, other.open("rb") as their_lines:
        for number, (left, right) in enumerate(zip_longest(ours_lines, their_lines), start=1):
            # polars writes the zeros of a whole second, which would take it one more step to leave out.
            if left != right and (
                not left or not right or json.loads(left) != json.loads(right.replace(*WHOLE_SECOND))
            ):
                raise RuntimeError(f"record {number} differs:\n{left!r}\n{right!r}")


SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "quantity": pa.int32(),
        "code": pa.int64(),
        "price": pa.float64(),
        "ratio": pa.float64(),
        "label": pa.string(),
        "note": pa.string(),
        "active": pa.bool_(),
        "updated_at": pa.timestamp("us", tz="UTC"),
        "day": pa.date32(),
    }
)


def write_rows(path: Path, rows: int) -> None:
    """Numbers, a label, a note of about a hundred characters with quotes and accents, times; some nulls."""
    with pq.ParquetWriter(path, SCHEMA, compression="snappy") as writer:
        for first in range(0, rows, ROW_GROUP):
            writer.write_table(table(first, min(ROW_GROUP, rows - first)), row_group_size=ROW_GROUP)


def table(first: int, rows: int) -> pa.Table:
    chance = np.random.default_rng([1, first])
    phrases = pa.array([" ".join(chance.choice(WORDS, 5)) for _ in range(2_000)])
    notes = [phrases.take(pa.array(chance.integers(0, len(phrases), rows))) for _ in range(3)]
    updated = 1_700_000_000_000_000 + chance.integers(0, 9 * 10**13, rows)
    columns = [
        np.arange(first, first + rows),
        pa.array(chance.integers(0, 1_000, rows, dtype=np.int32), mask=chance.random(rows) < 0.05),
        chance.integers(-(2**53), 2**53, rows),
        np.round(chance.lognormal(3, 1, rows), 2),
        chance.random(rows),
        pc.binary_join_element_wise("item", pa.array(chance.integers(0, 10**7, rows)).cast(pa.string()), "-"),
        pc.binary_join_element_wise(*notes, "; "),
        chance.random(rows) < 0.5,
        pa.array(updated).cast(SCHEMA.field("updated_at").type),
        pa.array((updated // 86_400_000_000).astype(np.int32)).cast(pa.date32()),
    ]
    return pa.table(columns, schema=SCHEMA)
