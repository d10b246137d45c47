"""Airbyte's published source-s3, installed once in an environment of its own, answering one command after another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

PEER = "airbyte-source-s3==4.16.1"
OVERRIDE = "smart-open[s3]>=5.1.0,<6"  # the published requirement names a version that does not exist
# It must not phone home or download: a proxy where nothing listens refuses at once.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
LOCAL = dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")
SETTINGS = {**OFFLINE, **LOCAL, "DO_NOT_TRACK": "1", "AWS_EC2_METADATA_DISABLED": "true"}


class Ended(NamedTuple):
    code: int
    messages: Sequence[Mapping[str, Any]]


def installed() -> Path:
    """The peer's Python; made at the first call, then kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "connector-peers" / PEER.replace("==", "-")
    python, uv = folder / "environment" / "bin" / "python", folder / "uv"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "overrides.txt").write_text(OVERRIDE)
        run(sys.executable, "-m", "venv", "--clear", folder / "environment")
        run(python, "-m", "pip", "install", "-q", "--upgrade", "--target", uv, "uv")
        overrides = ("--overrides", folder / "overrides.txt")
        run(uv / "bin" / "uv", "pip", "install", "-q", "--python", python, *overrides, PEER)
        (folder / "installed").touch()
    return python


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


@dataclass(frozen=True, slots=True)
class Program:
    process: "subprocess.Popen[str]"
    folder: Path

    def run(self, command: str, environment: Mapping[str, str], **files: Any) -> Ended:
        """`files`: what goes into the files after `--config`, `--catalog`, `--state`."""
        out, arguments = self.folder / "out.jsonl", [command]
        for name, value in files.items():
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps(value))
            arguments += [f"--{name}", str(path)]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(
            json.dumps({"arguments": arguments, "out": str(out), "environment": {**environment}}) + "\n"
        )
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return Ended(code, [json.loads(line) for line in out.read_bytes().splitlines() if line.startswith(b"{")])


@contextmanager
def running() -> Iterator[Program]:
    """Its start takes five seconds, so it is started once, and each command is a fork of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [installed(), Path(__file__).with_name("fork_server.py")]
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**clean, **SETTINGS, "AIRBYTE_STAGING_DIRECTORY": folder},
            text=True,
        )
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{PEER} does not start: run {' '.join(map(str, command))}")
            yield Program(process, Path(folder))
        finally:
            process.communicate()
