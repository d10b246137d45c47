"""What a large object takes: memory of a 5 GB CSV and of a Parquet file with one row group of 1 GB; seconds to the
first record of 1 GB, and of `spec`. It is an error if a limit is passed. LARGE_BENCH_MB changes the size of the CSV.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from tests.benchmarks.connectors import OURS, reading, run, serving
from tests.benchmarks.read_parquet import table

CSV_BYTES = int(os.environ.get("LARGE_BENCH_MB", "5000")) * 1_000_000
FIRST_BYTES = 1_000_000_000
PEAK, SECONDS = 350, 1.5  # MiB, and seconds to the first record or to the answer of `spec`
PART, BYTES_OF_ROW = 1_000_000, 71  # rows made at once; what a row takes in a Parquet file

ONE_GROUP = """
import sys
from pathlib import Path
from tests.benchmarks.large_s3 import write_one_group
write_one_group(Path(sys.argv[1]), int(sys.argv[2]))
"""


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        data, folder = Path(name) / "data", Path(name)
        data.mkdir()
        block = table(0, 200_000)
        for key, size in (("large.csv", CSV_BYTES), ("first.csv", FIRST_BYTES)):
            csv.write_csv(block, data / f"{key}.{size}.repeat")
        # In a process of its own, since the writer holds the whole group.
        subprocess.run([sys.executable, "-c", ONE_GROUP, data / "group.parquet", str(FIRST_BYTES)], check=True)
        with serving(data) as endpoint:
            figures = {
                "first_record_csv_seconds": first(folder, endpoint, "first.csv", "csv"),
                "first_record_parquet_seconds": first(folder, endpoint, "group.parquet", "parquet"),
                "spec_seconds": spec_seconds(),
                "csv_5_gb_peak_mib": peak(folder, endpoint, "large.csv", "csv"),
                "parquet_one_group_peak_mib": peak(folder, endpoint, "group.parquet", "parquet"),
            }
    passed = {name: found for name, found in figures.items() if found > (PEAK if "mib" in name else SECONDS)}
    if passed:
        raise RuntimeError(f"expected at most {PEAK} MiB and {SECONDS} s, found {passed} of {figures}")
    return figures


def first(folder: Path, endpoint: str, key: str, file_type: str) -> float:
    found = run([OURS, *reading(folder, endpoint, key, file_type)], folder, stop_at_first=True)
    return round(found.first, 2)


def peak(folder: Path, endpoint: str, key: str, file_type: str) -> float:
    return round(run([OURS, *reading(folder, endpoint, key, file_type)], folder).peak)


def spec_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([OURS, "spec"], check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - began, 2)


def write_one_group(path: Path, size: int) -> None:
    """A file of about `size` bytes with one row group."""
    parts = [table(first, PART) for first in range(0, size // BYTES_OF_ROW, PART)]
    rows = pa.concat_tables(parts)
    parquet.write_table(rows, path, row_group_size=len(rows), compression="snappy")
    if (found := parquet.ParquetFile(path).num_row_groups) != 1:
        raise RuntimeError(f"expected one row group, found {found}")
