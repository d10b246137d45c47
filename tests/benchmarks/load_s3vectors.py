"""Loads into S3 Vectors by the whole connector: its pace, and its memory.

Both are the process `destination-s3vectors write`: lines from a file, text, hashes, chunks, vectors of 1,536 dimensions
from the in-process fake provider, lookups of what is stored, PutVectors, a state at the end. Each record becomes one
vector, so the most documents are looked up and rendered for each vector. The emulator is a process of its own.

    pace     the emulator refuses what is above the documented 2,500 vectors a second. Two loads: the longer one as a
             whole, its start included, and `steady`, the vectors that it had more over the seconds that it took more
    memory   the emulator takes all. It is an error if the process takes more than the limit

Vectors are counted in the emulator by a listing, refused requests by its log. VECTORS_BENCH_ROWS and
MEMORY_BENCH_VECTORS change the numbers of vectors. The emulator needs 10 GB for each million.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from destination_s3vectors.service import limits
from destination_s3vectors.service.transport import Transport, client_for
from tests.benchmarks.put_s3vectors import started, writes
from tests.destination_commands import catalog, stream
from tests.peak import measured
from tests.sessions import signed_in
from vector_ingest.messages import record_line, state_line

ROWS = int(os.environ.get("VECTORS_BENCH_ROWS", "50000"))
MANY = int(os.environ.get("MEMORY_BENCH_VECTORS", "1000000"))
LIMIT = 400  # MiB
BUCKET = "bench-bucket"
PROGRAM = Path(sys.executable).parent / "destination-s3vectors"
WORDS = [f"word{number}" for number in range(500)]


@dataclass(frozen=True, slots=True)
class Loaded:
    """`writes` and `refused` are requests, as the emulator counted them."""

    vectors: int
    seconds: float
    cpu_seconds: float
    peak: float  # MiB
    writes: int
    refused: int


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = load(folder, max(1, ROWS // 5), words=150), load(folder, ROWS, words=150)
        many = load(folder, MANY, "--no-throttle", words=10)
    if many.peak > LIMIT:
        raise RuntimeError(f"expected at most {LIMIT} MiB, found {many}")
    steady = (long.vectors - short.vectors) / (long.seconds - short.seconds)
    return {
        "pace": {
            "vectors": long.vectors,
            "share_of_the_limit": share(long.vectors / long.seconds),
            "steady_share_of_the_limit": share(steady),
            "writes": short.writes + long.writes,
            "refused_share_of_writes": round((short.refused + long.refused) / (short.writes + long.writes), 4),
            "share_of_a_core": round(long.cpu_seconds / long.seconds, 2),
        },
        "memory": {
            "vectors": many.vectors,
            "peak_mib": round(many.peak),
            "seconds": round(many.seconds),
            "vectors_per_cpu_second": round(many.vectors / many.cpu_seconds),
            "refused": many.refused,
        },
    }


def share(vectors_per_second: float) -> float:
    return round(vectors_per_second / limits.VECTORS_PER_SECOND, 3)


def load(folder: Path, rows: int, *options: str, words: int) -> Loaded:
    """Into a new emulator. RuntimeError: the load failed, or not all is there."""
    write_input(folder / "records.jsonl", rows, words)
    with started("destination_s3vectors.emulator", *options) as endpoint:
        begun = time.perf_counter()
        cpu, peak = write(folder, endpoint)
        seconds = time.perf_counter() - begun
        asked, refused = writes(endpoint)
        if (there := count(endpoint)) != rows:
            raise RuntimeError(f"expected {rows} vectors in the index, found {there}")
    return Loaded(rows, seconds, cpu, peak, asked, refused)


def write_input(path: Path, rows: int, words: int) -> None:
    chance = random.Random(1)
    with path.open("wb") as file:
        for number in range(rows):
            text = f"{number} {' '.join(chance.choices(WORDS, k=words))}"
            file.write(record_line("bench", None, {"id": number, "text": text}, 1) + b"\n")
        file.write(state_line("bench", None, {"done": True}, rows) + b"\n")


def write(folder: Path, endpoint: str) -> tuple[float, float]:
    """Runs the command: its CPU seconds, and MiB at its peak."""
    config, streams, peak = folder / "config.json", folder / "catalog.json", folder / "peak"
    config.write_text(json.dumps(configuration(endpoint)))
    streams.write_text(json.dumps(catalog(stream("bench", "append_dedup"))))
    line = measured([PROGRAM, "write", "--config", config, "--catalog", streams], peak)
    with (
        (folder / "records.jsonl").open("rb") as records,
        subprocess.Popen(line, stdin=records, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or b'"STATE"' not in output:
        raise RuntimeError(output.decode())
    return usage.ru_utime + usage.ru_stime, float(peak.read_text())


def configuration(endpoint: str) -> dict[str, Any]:
    keys = {"auth_type": "iam_user", "aws_access_key_id": "a-key", "aws_secret_access_key": "a-secret"}
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 1000, "text_fields": ["text"], "metadata_fields": ["id"]},
        "indexing": {
            "credentials": keys,
            "region_name": "us-east-1",
            "endpoint": endpoint,
            "vector_bucket": BUCKET,
        },
    }


def count(endpoint: str) -> int:
    client = client_for(signed_in("a-key", "a-secret"), "us-east-1", endpoint)
    (index,) = [
        index["indexArn"]
        for index in client.list_indexes(vectorBucketName=BUCKET)["indexes"]
        if index["indexName"] == "airbyte.bench"
    ]
    transport = Transport(client)
    try:
        return sum(1 for _ in transport.list_all(index, metadata=False))
    finally:
        transport.close()
        client.close()
