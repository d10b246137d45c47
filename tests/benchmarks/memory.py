"""Peak memory of both connectors while one large CSV goes through them, with the fake embedder.

MEMORY_BENCH_MB changes the size of the CSV. It is an error if a process takes more than the limit.
"""

import io
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.s3_server import connect, sign_in
from demo.servers import Servers, running_servers
from demo.settings import COMMANDS, configured, destination_config, discover
from tests.peak import measured

MEGABYTES = int(os.environ.get("MEMORY_BENCH_MB", "1000"))
LIMIT = 400  # MiB, of each process
BUCKET = "large"
TEXT = "The keeper writes down what was taken, by whom, and how much of it is left in the jar. " * 92  # 8 kB


@dataclass(frozen=True, slots=True)
class Figures:
    rows: int
    size: int  # bytes of the object
    source: float  # MiB
    destination: float  # MiB
    seconds: float


def measure(megabytes: int) -> Figures:
    with running_servers("pgvector") as servers, tempfile.TemporaryDirectory() as folder:
        rows, size = upload(servers, megabytes * 1_000_000)
        source, destination, catalog = (Path(folder) / f"{name}.json" for name in ("source", "destination", "catalog"))
        source.write_text(json.dumps(source_config(servers)))
        settings = destination_config(servers.store.indexing()) | {
            "embedding": {"mode": "fake"},
            "processing": {"chunk_size": 100, "text_fields": ["title"], "metadata_fields": []},
        }
        destination.write_text(json.dumps(settings | {"indexing": settings["indexing"] | {"index": {"type": "none"}}}))
        catalog.write_text(json.dumps(configured(discover(source))))
        began = time.monotonic()
        peaks = pipe(source, destination, catalog)
        return Figures(rows, size, *peaks, time.monotonic() - began)


def upload(servers: Servers, size: int) -> tuple[int, int]:
    """Rows and bytes of one CSV object of about `size`."""
    client = connect(servers.s3.endpoint)
    client.create_bucket(Bucket=BUCKET)
    part_size, number = 64_000_000, 0
    parts: list[Any] = []
    upload_id = client.create_multipart_upload(Bucket=BUCKET, Key="large.csv")["UploadId"]
    total = 0
    while total < size:
        part = io.StringIO()
        part.write("" if number else "number,title,text\n")
        while part.tell() < part_size:
            part.write(f'{number},Jar {number},"{TEXT}"\n')
            number += 1
        body = part.getvalue().encode()
        total += len(body)
        place = {"Bucket": BUCKET, "Key": "large.csv", "UploadId": upload_id, "PartNumber": len(parts) + 1}
        parts.append({"ETag": client.upload_part(**place, Body=body)["ETag"], "PartNumber": len(parts) + 1})
    client.complete_multipart_upload(
        Bucket=BUCKET, Key="large.csv", UploadId=upload_id, MultipartUpload={"Parts": parts}
    )
    return number, total


def source_config(servers: Servers) -> dict[str, object]:
    return {
        **sign_in(servers.s3.endpoint, BUCKET),
        "streams": [{"name": "jars", "globs": ["*.csv"], "primary_key": "number", "format": {"filetype": "csv"}}],
    }


def pipe(source: Path, destination: Path, catalog: Path) -> tuple[float, float]:
    """MiB of each process at its peak."""
    read: list[str | Path] = [COMMANDS / "source-s3", "read", "--config", source, "--catalog", catalog]
    write: list[str | Path] = [
        COMMANDS / "destination-pgvector",
        "write",
        "--config",
        destination,
        "--catalog",
        catalog,
    ]
    peaks = source.with_suffix(".peak"), destination.with_suffix(".peak")
    first = subprocess.Popen(measured(read, peaks[0]), stdout=subprocess.PIPE)
    second = subprocess.Popen(measured(write, peaks[1]), stdin=first.stdout)  # its messages say what went wrong
    assert first.stdout
    first.stdout.close()  # so that the source hears of a destination that ends
    codes = first.wait(), second.wait()
    if any(codes):
        raise RuntimeError(f"the sync failed (exit codes: source {codes[0]}, destination {codes[1]}): see above")
    return float(peaks[0].read_text()), float(peaks[1].read_text())


def main() -> dict[str, Any]:
    figures = measure(MEGABYTES)
    if max(figures.source, figures.destination) > LIMIT:
        raise RuntimeError(f"expected at most {LIMIT} MiB for each process, found {figures}")
    return {
        "rows": figures.rows,
        "csv_mb": figures.size // 1_000_000,
        "seconds": round(figures.seconds),
        "source_peak_mib": round(figures.source),
        "destination_peak_mib": round(figures.destination),
    }
