"""Peak memory of both connectors while one large CSV goes through them: `python -m tests.benchmarks.memory [MB]`.

The embedder is the fake one. Beyond the limit the exit code is 1.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.bucket import connect
from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from demo.servers import Servers, running_servers
from demo.settings import COMMANDS, configured, destination_config, discover

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
    with running_servers() as servers, tempfile.TemporaryDirectory() as folder:
        rows, size = upload(servers, megabytes * 1_000_000)
        source, destination, catalog = (Path(folder) / f"{name}.json" for name in ("source", "destination", "catalog"))
        source.write_text(json.dumps(source_config(servers)))
        settings = destination_config(servers.postgres.port) | {
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
        "credentials": {
            "auth_type": "iam_user",
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
        },
        "region_name": REGION,
        "endpoint": servers.s3.endpoint,
        "bucket": BUCKET,
        "streams": [{"name": "jars", "globs": ["*.csv"], "primary_key": "number", "format": {"filetype": "csv"}}],
    }


def pipe(source: Path, destination: Path, catalog: Path) -> tuple[float, float]:
    """MiB of each process at its peak."""
    read = [COMMANDS / "source-s3", "read", "--config", source, "--catalog", catalog]
    write = [COMMANDS / "destination-pgvector", "write", "--config", destination, "--catalog", catalog]
    first = subprocess.Popen([str(part) for part in read], stdout=subprocess.PIPE)
    second = subprocess.Popen([str(part) for part in write], stdin=first.stdout, stdout=subprocess.DEVNULL)
    assert first.stdout
    first.stdout.close()  # so that the source hears of a destination that ends
    return _peak(first), _peak(second)


def _peak(process: subprocess.Popen[bytes]) -> float:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return usage.ru_maxrss / 1024  # Linux counts in KiB


def main() -> None:
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    print(f"{figures.rows:,} rows, {figures.size / 1e6:,.0f} MB of CSV in {figures.seconds:.0f} s")
    print(f"peak RSS: source {figures.source:.0f} MiB, destination {figures.destination:.0f} MiB (limit {LIMIT} MiB)")
    sys.exit(max(figures.source, figures.destination) > LIMIT)


if __name__ == "__main__":
    main()
