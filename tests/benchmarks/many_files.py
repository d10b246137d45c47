"""Very many small objects: what a sync without changes costs, how large the state is, and tiny files a second.

All by `source-s3 read` as a process, on a server that stores nothing (tests/servers/many_objects.py). It is an error if
a listing of 100,000 or 1,000,000 objects takes more time or memory than promised. Tiny files are stated beside
Airbyte's source-s3 4.16.1 and the bare GETs of as many threads; so is a second sync, which finds nothing new, and
reading with answers that take as long as those of S3. MANY_FILES changes the number of tiny files.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from source_s3.client import FETCHERS
from source_s3.config import Config
from source_s3.plan import plans
from source_s3.state.ledger import Entry, Ledger, fingerprints
from tests.benchmarks.connectors import ENVIRONMENT, OURS, RECORD, peer, reading, run
from tests.peak import measured
from tests.servers.many_objects import PREFIX, Made
from vector_ingest.command.spec import parse_config

TINY = int(os.environ.get("MANY_FILES", "20000"))
LIMITS = {100_000: (15.0, 300.0), 1_000_000: (150.0, 1024.0)}  # seconds and MiB, by objects
BYTES_A_FILE = 16
BARE = 5000  # GETs
FAR, ON_ITS_WAY = 5000, 0.03  # files, and seconds that each answer takes: what S3 takes for a small object


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {f"{count}_unchanged": unchanged(folder, count) for count in LIMITS}
        return {**found, "tiny_files": tiny(folder), "tiny_files_far_away": far(folder)}


@contextmanager
def serving(count: int, delay: float = 0.0) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.servers.many_objects", str(count), str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def unchanged(folder: Path, count: int) -> dict[str, Any]:
    """A sync with deletions that finds all as the state has it."""
    with serving(count) as endpoint:
        arguments = incremental(folder, endpoint, count)
        began = time.perf_counter()
        with (folder / "out").open("wb") as out:
            subprocess.run(measured([OURS, *arguments], folder / "peak"), stdout=out, check=True)
        seconds = time.perf_counter() - began
    lines = (folder / "out").read_bytes().splitlines()
    peak, size = float((folder / "peak").read_text()), max(map(len, lines)) / count
    most_seconds, most_mib = LIMITS[count]
    if any(b'"RECORD"' in line for line in lines):
        raise RuntimeError("expected no record of a sync that finds nothing new, found some")
    if seconds > most_seconds or peak > most_mib or size > BYTES_A_FILE:
        raise RuntimeError(
            f"{count} objects: expected at most {most_seconds} s, {most_mib} MiB and {BYTES_A_FILE} bytes of state an "
            f"object, found {seconds:.1f} s, {peak:.0f} MiB and {size:.1f} bytes"
        )
    return {"seconds": round(seconds, 1), "peak_mib": round(peak), "state_bytes_per_file": round(size, 1)}


def incremental(folder: Path, endpoint: str, count: int) -> list[str]:
    """The arguments of such a sync, with a state of all objects."""
    arguments = reading(folder, endpoint, f"{PREFIX}*", "csv")
    config, catalog = folder / "config.json", folder / "catalog.json"
    settings = {**json.loads(config.read_text()), "sync_deletions": True}
    config.write_text(json.dumps(settings))
    catalog.write_text(catalog.read_text().replace("full_refresh", "incremental"))
    (plan,) = plans(parse_config(Config, settings))
    mark, done = fingerprints(plan.reading), Ledger()
    for each in map(Made, range(count)):
        done.put(each.key, Entry(mark(each.etag.strip('"'), len(each.body), each.modified), 5))
    stream = {"stream_descriptor": {"name": "rows"}, "stream_state": {"done": done.to_state()}}
    (folder / "state.json").write_text(json.dumps([{"type": "STREAM", "stream": stream}]))
    return [*arguments, "--state", str(folder / "state.json")]


def tiny(folder: Path) -> dict[str, Any]:
    with serving(TINY) as endpoint:
        bare = bare_rate(endpoint)
        ours = run([OURS, *reading(folder, endpoint, f"{PREFIX}*", "csv")], folder)
        first = synced(peer(), folder, endpoint)  # slower the more there are
        second = synced(peer(), folder, endpoint, first.state)
        mine = synced(OURS, folder, endpoint, synced(OURS, folder, endpoint).state)
    if not ours.records == first.records:
        raise RuntimeError(f"expected as many records of both, found {ours.records} of ours and {first.records}")
    ours_rate, their_rate = TINY / ours.seconds, TINY / first.seconds
    return {
        "files": TINY,
        "our_files_per_second": round(ours_rate),
        "our_peak_mib": round(ours.peak),
        "peer_files_per_second": round(their_rate),
        "ratio": round(ours_rate / their_rate, 1),
        "goal": 8,
        "bare_gets_per_second": round(bare),
        "share_of_bare": round(ours_rate / bare, 2),
        "our_second_sync_seconds": round(mine.seconds, 1),
        "peer_second_sync_seconds": round(second.seconds, 1),
        "peer_second_sync_records": second.records,
    }


def far(folder: Path) -> dict[str, Any]:
    with serving(FAR, ON_ITS_WAY) as endpoint:
        arguments = reading(folder, endpoint, f"{PREFIX}*", "csv")
        ours, theirs = run([OURS, *arguments], folder), run([peer(), *arguments], folder)
    return {
        "files": FAR,
        "seconds_each_answer": ON_ITS_WAY,
        "our_files_per_second": round(FAR / ours.seconds),
        "peer_files_per_second": round(FAR / theirs.seconds),
        "ratio": round(theirs.seconds / ours.seconds, 1),
    }


@dataclass(frozen=True, slots=True)
class Synced:
    """`state`: the last one of an incremental sync."""

    seconds: float
    records: int
    state: dict[str, Any]


def synced(program: Path, folder: Path, endpoint: str, state: dict[str, Any] | None = None) -> Synced:
    arguments = reading(folder, endpoint, f"{PREFIX}*", "csv")
    catalog = folder / "catalog.json"
    catalog.write_text(catalog.read_text().replace("full_refresh", "incremental"))
    if state is not None:
        (folder / "state.json").write_text(json.dumps([state]))
        arguments += ["--state", str(folder / "state.json")]
    began = time.perf_counter()
    with (folder / "out").open("wb+") as out:
        subprocess.run([program, *arguments], stdout=out, check=True, env={**os.environ, **ENVIRONMENT})
        seconds = time.perf_counter() - began
        out.seek(0)
        records, last = 0, b""
        for line in out:
            records += RECORD in line
            last = line if b'"type":"STATE"' in line else last
    return Synced(seconds, records, json.loads(last)["state"])


def bare_rate(endpoint: str) -> float:
    """GETs a second by http.client, in as many threads as the connector has."""

    def get(first: int) -> None:
        connection = HTTPConnection(urlsplit(endpoint).netloc)
        for number in range(first, BARE, FETCHERS):
            connection.request("GET", f"/bench/{Made(number % TINY).key}")
            connection.getresponse().read()
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(FETCHERS) as pool:
        list(pool.map(get, range(FETCHERS)))
    return BARE / (time.perf_counter() - began)
