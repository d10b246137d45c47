"""Records with texts of 200 words into PostgreSQL: Airbyte's destination-pgvector and ours, each as a whole process.

Both read the same lines, cut (each text is one chunk), make random or hashed vectors of 1,536 dimensions in the process
and store rows of the same columns, without a vector index; the peer has none. It ends with an error at its own STATE
message, after its rows are in: they are counted. PEER_RECORDS changes the number of records.
"""

import gzip
import hashlib
import json
import os
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from demo.postgres_server import PASSWORD
from tests.benchmarks.connectors import ENVIRONMENT, installed
from tests.benchmarks.load_pgvector import server
from tests.destination_commands import COMMANDS, arguments
from tests.peak import measured
from vector_ingest.messages import record_line, state_line
from vector_ingest.tokens import gpt2

RECORDS = int(os.environ.get("PEER_RECORDS", "20000"))
WORDS = [f"word{number}" for number in range(14)]
STREAM = "documents"
PEER = "airbyte-destination-pgvector==0.1.13"
# Its metadata ask for an extra that its CDK does not have; and pandas 2.2 wants another SQLAlchemy than the peer does.
OVERRIDES = "airbyte-cdk[vector-db-based]>=7,<8\npandas>=2.1,<2.2\nnumpy<2\n"
# https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py: where it looks, and for what
ENCODINGS = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main"


@dataclass(frozen=True, slots=True)
class Loaded:
    seconds: float
    rows: int
    peak: float  # MiB

    def figures(self) -> dict[str, float]:
        return {"records_per_second": round(self.rows / self.seconds, 1), "peak_mib": round(self.peak)}


def main() -> dict[str, Any]:
    theirs = installed(PEER, OVERRIDES) / "destination-pgvector"
    ours = COMMANDS / "destination-pgvector"
    found: dict[str, Any] = {"records": RECORDS}
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as postgres:
        folder = Path(name)
        vocabulary = _vocabulary(folder)
        _write_records(folder / "records.jsonl")
        for mode in ("append", "append_dedup"):
            # Ours twice, the second time measured: a new server's first gigabyte is slower than what follows.
            _load(ours, folder, postgres.port, mode, {})
            mine = _load(ours, folder, postgres.port, mode, {})
            peer = _load(theirs, folder, postgres.port, mode, vocabulary)
            found[mode] = {
                "ours": mine.figures(),
                "airbyte": peer.figures(),
                "ratio": round(peer.seconds / mine.seconds, 1),
            }
    return found


def _load(program: Path, folder: Path, port: int, mode: str, environment: dict[str, str]) -> Loaded:
    dsn = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
        conn.execute(f"DROP TABLE IF EXISTS {STREAM}".encode())
        conn.execute("CHECKPOINT")  # else it writes what the load before has left in memory
    options = _configuration(port)
    if program.parent == COMMANDS:
        options["indexing"]["index"] = {"type": "none"}
    line = measured(arguments(program, folder, "write", options, _catalog(mode)), folder / "peak")
    begun = time.perf_counter()
    with (folder / "records.jsonl").open("rb") as stdin:
        done = subprocess.run(
            line, stdin=stdin, capture_output=True, env={**os.environ, **ENVIRONMENT, **environment}, check=False
        )
    seconds = time.perf_counter() - begun
    with psycopg.connect(dsn) as conn:
        row = conn.execute(f"SELECT count(*) FROM {STREAM}".encode()).fetchone()
    rows = int(row[0]) if row else 0
    if rows != RECORDS:
        raise RuntimeError(f"{program} stored {rows} rows of {RECORDS}: {done.stdout[-2000:]!r} {done.stderr[-500:]!r}")
    return Loaded(seconds, rows, float((folder / "peak").read_text()))


def _configuration(port: int) -> dict[str, Any]:
    return {
        "indexing": {
            "host": "127.0.0.1",
            "port": port,
            "database": "postgres",
            "default_schema": "public",
            "username": "postgres",
            "credentials": {"password": PASSWORD},
        },
        "processing": {
            "chunk_size": 1000,
            "chunk_overlap": 0,
            "text_fields": ["body"],
            "metadata_fields": ["id", "title"],
        },
        "embedding": {"mode": "fake"},
        "omit_raw_text": False,
    }


def _catalog(mode: str) -> dict[str, Any]:
    types = {"id": "integer", "title": "string", "body": "string"}
    stream = {
        "name": STREAM,
        "json_schema": {"type": "object", "properties": {name: {"type": kind} for name, kind in types.items()}},
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_primary_key": [["id"]],
    }
    facts = {"sync_mode": "incremental", "destination_sync_mode": mode, "primary_key": [["id"]], "cursor_field": ["id"]}
    generation = {"generation_id": 1, "minimum_generation_id": 0, "sync_id": 1}
    return {"streams": [{"stream": stream, **facts, **generation}]}


def _write_records(path: Path) -> None:
    chance = random.Random(1)
    with path.open("wb") as file:
        for number in range(RECORDS):
            data = {"id": number, "title": f"Document {number}", "body": " ".join(chance.choices(WORDS, k=200))}
            file.write(record_line(STREAM, None, data, 1) + b"\n")
        file.write(state_line(STREAM, None, {"id": RECORDS - 1}, RECORDS) + b"\n")


def _vocabulary(folder: Path) -> dict[str, str]:
    """tiktoken's cache with the two files of GPT-2 that the peer would fetch; tiktoken checks them by their hashes."""
    merges = gzip.decompress(gpt2.MERGES.read_bytes())
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [*map(chr, printable), *(chr(256 + place) for place in range(256 - len(printable)))]
    tokens = [*letters, *(line.replace(" ", "") for line in merges.decode().splitlines()[1:]), "<|endoftext|>"]
    ids = json.dumps({token: number for number, token in enumerate(tokens)}).encode()
    cache = folder / "tiktoken"
    cache.mkdir()
    for name, content in {"vocab.bpe": merges, "encoder.json": ids}.items():
        place = hashlib.sha1(f"{ENCODINGS}/{name}".encode(), usedforsecurity=False).hexdigest()
        (cache / place).write_bytes(content)
    return {"TIKTOKEN_CACHE_DIR": str(cache)}
