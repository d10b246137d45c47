"""`source-s3 read | destination-… write` with a counting relay between, which can kill either of them."""

import fcntl
import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from tests.forks import Command

COMMANDS = Path(sys.executable).parent
Victim = Literal["source", "destination"]
PAGE = 4096  # the smallest pipe: what has left the relay has nearly reached the destination


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to `victim` once the relay has passed `count` lines, or has seen `count` states come back.

    `eof`: once the destination's input has ended.
    """

    victim: Victim
    after: Literal["line", "state", "eof"]
    count: int = 0


@dataclass(slots=True)
class Run:
    """How a sync went. `states` are the lines that came back whole, the last of each stream."""

    source: Command
    destination: Command
    kill: Kill | None
    lines: int = 0
    returned: int = 0
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def was_hit(self) -> bool:
        """The victim was running when it was killed, and died of it."""
        return self.kill is not None and getattr(self, self.kill.victim).returncode == -signal.SIGKILL

    @property
    def is_clean(self) -> bool:
        return self.source.returncode == self.destination.returncode == 0

    def describe(self) -> str:
        codes = f"source {self.source.returncode}, destination {self.destination.returncode}"
        return f"{self.kill}, {self.lines} lines, {self.returned} states; exit codes: {codes}; {self.errors}"

    def strike(self, after: str, count: int) -> None:
        if self.kill and (self.kill.after, self.kill.count) == (after, count):
            victim: Command = getattr(self, self.kill.victim)
            victim.kill()  # does nothing to a process that has ended: its return code tells
            victim.wait()


def sync(
    folder: Path,
    source_config: Mapping[str, Any],
    destination_config: Mapping[str, Any],
    catalog: Mapping[str, Any],
    states: Sequence[Mapping[str, Any]] = (),
    kill: Kill | None = None,
    program: str = "destination-pgvector",
) -> Run:
    """One sync from `states`, which are those of the destination's last output."""
    for name, content in (
        ("source", source_config), ("destination", destination_config), ("catalog", catalog), ("state", states),
    ):  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(content))
    read: list[str | Path] = [COMMANDS / "source-s3", "read", "--config", "source.json", "--catalog", "catalog.json"]
    read += ["--state", "state.json"] if states else []
    write: list[str | Path] = [
        COMMANDS / program,
        "write",
        "--config",
        "destination.json",
        "--catalog",
        "catalog.json",
    ]
    with (
        Command(read, folder=folder) as source,
        Command(write, folder=folder) as destination,
    ):
        run = Run(source, destination, kill)
        try:
            listener = Thread(target=_listen, args=(run,))
            listener.start()
            _relay(run)
            listener.join()
            source.wait(60)
            destination.wait(60)
        finally:
            source.kill()
            destination.kill()
    return run


def discover(folder: Path, source_config: Mapping[str, Any]) -> list[dict[str, Any]]:
    (folder / "source.json").write_text(json.dumps(source_config))
    command: list[str | Path] = [COMMANDS / "source-s3", "discover", "--config", "source.json"]
    output = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    catalogs = [json.loads(line) for line in output.splitlines() if b'"CATALOG"' in line]
    streams: list[dict[str, Any]] = catalogs[0]["catalog"]["streams"]
    return streams


def _relay(run: Run) -> None:
    fcntl.fcntl(run.destination.stdin, fcntl.F_SETPIPE_SZ, PAGE)
    run.strike("line", 0)
    with suppress(BrokenPipeError), run.destination.stdin:
        for line in run.source.stdout:
            _note_error(run, line)
            run.destination.stdin.write(line)
            run.destination.stdin.flush()
            run.lines += 1
            run.strike("line", run.lines)
    run.strike("eof", 0)
    run.source.stdout.close()  # a source whose reader has gone must end by itself


def _listen(run: Run) -> None:
    for line in run.destination.stdout:
        if not line.endswith(b"\n"):
            break  # cut off by the kill
        _note_error(run, line)
        message = json.loads(line)
        if message["type"] == "STATE":
            run.states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
            run.returned += 1
            run.strike("state", run.returned)


def _note_error(run: Run, line: bytes) -> None:
    if line.startswith(b'{"type":"TRACE"') and b'"ERROR"' in line:
        run.errors.append(line.decode())
