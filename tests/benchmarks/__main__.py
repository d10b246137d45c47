"""`python -m tests.benchmarks [NAME…]`: run the benchmarks and print what each found."""

import importlib
import json
import sys

BENCHMARKS = [
    "read_parquet",
    "read_s3",
    "large_s3",
    "many_files",
    "load_pgvector",
    "pgvector_peer",
    "index_pgvector",
    "put_s3vectors",
    "load_s3vectors",
    "sql_bridge",
    "embed_client",
    "embed_flow",
    "local_model",
    "memory",
    "chunk",
    "documents",
]

if unknown := set(sys.argv[1:]) - set(BENCHMARKS):
    raise SystemExit(f"There is no benchmark {', '.join(sorted(unknown))}; expected any of {', '.join(BENCHMARKS)}")
for name in sys.argv[1:] or BENCHMARKS:
    print(f"{name}: {json.dumps(importlib.import_module(f'tests.benchmarks.{name}').main(), indent=2)}", flush=True)
