"""A destination as the platform runs it: a process, its input, its output."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import forks

COMMANDS = Path(sys.executable).parent
SECONDS = 120  # the most that a command may take


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended. Every line of its stdout is a message."""

    code: int
    messages: Sequence[Mapping[str, Any]]
    errors: str  # stderr

    def of(self, kind: str) -> list[Any]:
        """The bodies of the messages of one type: `LOG`, `STATE`, `TRACE`, `CONNECTION_STATUS`."""
        name = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[name] for message in self.messages if message["type"] == kind]

    def error(self) -> Any:
        """The one TRACE ERROR."""
        (error,) = [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]
        return error


def config(indexing: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 200, "text_fields": ["text"], "metadata_fields": ["id", "_ab_source_file_url"]},
        "indexing": dict(indexing),
        **changes,
    }


def catalog(*streams: Mapping[str, Any]) -> dict[str, Any]:
    return {"streams": list(streams)}


def stream(name: str, mode: str, key: str | None = "id", **more: Any) -> dict[str, Any]:
    return {
        "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
        "sync_mode": "full_refresh",
        "destination_sync_mode": mode,
        "primary_key": [[key]] if key else None,
        **more,
    }


def lines(*lines: bytes) -> bytes:
    return b"\n".join(lines) + b"\n"


def assert_that(message: str, expected: str) -> None:
    assert re.search(expected, message), message


def arguments(program: Path, folder: Path, command: str, config: object, catalog: object = None) -> list[str]:
    """The command line, its files written into `folder`."""
    (folder / "config.json").write_text(json.dumps(config))
    line = [str(program), command, "--config", str(folder / "config.json")]
    if catalog is not None:
        (folder / "catalog.json").write_text(json.dumps(catalog))
        line += ["--catalog", str(folder / "catalog.json")]
    return line


def run(line: Sequence[str], stdin: bytes = b"", **environment: str) -> Ended:
    """In a fork that need not import anything (`forks`). `environment`: variables beside those of the tests."""
    return _ended(forks.run(line, stdin, {**os.environ, **environment}, SECONDS))


def run_program(line: Sequence[str], stdin: bytes = b"") -> Ended:
    """In a process from its very start."""
    return _ended(subprocess.run(line, input=stdin, capture_output=True, check=False, timeout=SECONDS))


@contextmanager
def acknowledging(line: Sequence[str], *messages: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A command that has given back the state at the end of these messages, and waits for more of them."""
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(lines(*messages))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["type"] != "STATE":
            pass
        yield process


def _ended(done: subprocess.CompletedProcess[bytes]) -> Ended:
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return Ended(done.returncode, messages, done.stderr.decode())
