"""Parquet to RECORD lines by polars' own sink_ndjson, on one thread. Run by the Python of an environment that has it.

`by_polars.py FILE OUTPUT` prints the seconds that it takes, without the import.
"""

import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "1"
import polars as pl  # type: ignore[import-not-found]

FACTS = {"_ab_source_file_last_modified": "2024-01-01T00:00:00.000000Z", "_ab_source_file_url": "rows.parquet"}

begun = time.perf_counter()
iso = pl.col("updated_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
facts = [pl.lit(value).alias(name) for name, value in FACTS.items()]
data = pl.scan_parquet(sys.argv[1]).with_columns(iso).select(pl.struct(pl.all(), *facts).alias("data"))
record = pl.struct(pl.lit("rows").alias("stream"), pl.col("data"), pl.lit(1_700_000_000_000).alias("emitted_at"))
data.select(pl.lit("RECORD").alias("type"), record.alias("record")).sink_ndjson(sys.argv[2])
sys.stdout.write(f"{time.perf_counter() - begun}\n")
