"""Airbyte's source-s3 and ours as processes on the same S3: what each prints, how fast, and in how much memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peak import measured

OURS = Path(sys.executable).with_name("source-s3")
PEER = "airbyte-source-s3==4.16.1"
OVERRIDES = "smart-open[s3]>=5.1.0,<6"  # its metadata asks for smart-open 4.16.1, which does not exist
RECORD = b'"type":"RECORD"'
PIPE_BYTES = 1024 * 1024  # read at once
# A peer that phones home must not: a proxy where nothing listens refuses at once.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
ENVIRONMENT = {**OFFLINE, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1", "DO_NOT_TRACK": "1"}
ENVIRONMENT |= {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": ""}  # else the peer may import our package


@dataclass(frozen=True, slots=True)
class Run:
    """One read, from the start of the process to its end. `first`: seconds to the first record. `peak`: MiB."""

    records: int
    seconds: float
    first: float
    peak: float

    def figures(self, who: str) -> dict[str, Any]:
        return {
            f"{who}_records_per_second": round(self.records / self.seconds),
            f"{who}_first_record_seconds": round(self.first, 2),
            f"{who}_peak_mib": round(self.peak),
        }


def peer() -> Path:
    return installed(PEER, OVERRIDES) / "source-s3"


def installed(requirement: str, overrides: str = "", others: Sequence[str] = (), with_pip: str = "") -> Path:
    """The `bin` of an environment that has it, and `others`, in the user's cache. An error if it can't be had.

    `with_pip`: what it asks for that pip is to install first, because its settings may name a place that has less.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "connector-peers" / requirement.replace("==", "-")
    environment, done = folder / "environment", folder / "installed"
    if not done.exists():
        sys.stderr.write(f"installing {requirement} in {folder}\n")
        folder.mkdir(parents=True, exist_ok=True)
        replaced = folder / "overrides.txt"
        replaced.write_text(overrides)
        uv = Path(sys.executable).with_name("uv")
        python = str(environment / "bin" / "python")
        commands = [
            [sys.executable, "-m", "venv", "--clear", str(environment)],
            *([[python, "-m", "pip", "install", "-q", with_pip]] if with_pip else []),
            [str(uv), "pip", "install", "-q", "--python", python, "--overrides", str(replaced), requirement, *others],
        ]
        for command in commands:
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
                raise SystemExit(f"{requirement} CAN'T BE INSTALLED, so nothing is compared with it: see above.")
        done.touch()
    return environment / "bin"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The endpoint of an S3 over the files of a folder, in a process of its own."""
    command = [sys.executable, "-m", "tests.servers.local_s3", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def reading(folder: Path, endpoint: str, glob: str, file_type: str) -> list[str]:
    """The arguments after the command's name; their files are written into `folder`."""
    stream = {"name": "rows", "globs": [glob], "format": {"filetype": file_type}, "validation_policy": "Emit Record"}
    keys = {"aws_access_key_id": "benchmark", "aws_secret_access_key": "benchmark", "region_name": "us-east-1"}
    config = {"bucket": "bench", "endpoint": endpoint, "streams": [stream], **keys}
    found = {"name": "rows", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    entry = {"stream": found, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "catalog.json").write_text(json.dumps({"streams": [entry]}))
    return ["read", "--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]


def run(command: Sequence[str | Path], folder: Path, stop_at_first: bool = False) -> Run:
    """RuntimeError: it failed. `folder` is for the file of the peak."""
    peak = folder / "peak"
    began = time.perf_counter()
    log = (folder / "stderr").open("wb+")
    with (
        log,
        subprocess.Popen(
            measured(command, peak), stdout=subprocess.PIPE, stderr=log, env={**os.environ, **ENVIRONMENT}
        ) as process,
    ):
        assert process.stdout
        records, first, kept, last = 0, 0.0, 0, b""
        buffer = bytearray(len(RECORD) + PIPE_BYTES)
        # What is counted may begin in what was read before, whose end is kept.
        while count := os.readv(process.stdout.fileno(), [memoryview(buffer)[kept:]]):
            end = kept + count
            records += buffer.count(RECORD, 0, end)
            first = first or (time.perf_counter() - began if records else 0.0)
            last = bytes(buffer[max(0, end - 2_000) : end])
            kept = min(end, len(RECORD) - 1)
            buffer[:kept] = buffer[end - kept : end]
            if stop_at_first and records:
                process.stdout.close()
                break
        code = process.wait()
        seconds = time.perf_counter() - began
        if code and not stop_at_first:
            log.seek(0)
            raise RuntimeError(f"{command[0]} failed with {code}: {last!r} {log.read()[-2_000:]!r}")
    return Run(records, seconds, first, float(peak.read_text()))
