"""One sync, as Airbyte's platform runs it: `source-s3 read | destination-… write`, and the states kept.

The bytes pass through this process, as they pass through the platform: it counts lines and keeps a copy of both
connectors' messages in the folder of the sync.
"""

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.settings import COMMANDS, Files

COUNT = re.compile(r"([\d,]+) (records|unchanged|documents written|chunks|deleted|texts embedded|vectors reused)")


class SyncFailedError(Exception):
    """A connector ended with another exit code than 0; the message holds what it said."""


@dataclass(slots=True)
class Sync:
    """What the connectors said, as it comes in: `records` and `deletions` by stream, `counts` of the destination."""

    records: Counter[str] = field(default_factory=Counter)
    deletions: Counter[str] = field(default_factory=Counter)
    states: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    summary: str = ""
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run_sync(files: Files, number: int, progress: Callable[[Sync, float], None]) -> Sync:
    """`progress` is called twice a second. SyncFailedError: one of the two commands failed."""
    sync, began = Sync(), time.monotonic()
    sent, answered = (files.folder / f"sync-{number}-{name}.jsonl" for name in ("source", "destination"))
    read, write = _commands(files)
    with _process(read) as source, _process(write) as destination, ThreadPoolExecutor(2) as pool:
        work = [pool.submit(_relay, source, destination, sent, sync)]
        work += [pool.submit(_listen, destination, answered, files.state, sync)]
        try:
            _watch(work, lambda: progress(sync, time.monotonic() - began))
        except BaseException:  # Ctrl-C too: the threads end when both ends of their pipes are gone
            source.kill()
            destination.kill()
            raise
        codes = source.wait(), destination.wait()
    sync.seconds = time.monotonic() - began
    if any(codes):
        said = "\n".join(sync.errors) or f"No message: see {sent} and {answered}."
        raise SyncFailedError(f"The sync failed (exit codes: source {codes[0]}, destination {codes[1]}).\n{said}")
    return sync


def _commands(files: Files) -> tuple[list[str], list[str]]:
    read = [COMMANDS / "source-s3", "read", "--config", files.source, "--catalog", files.catalog]
    if files.state.exists():
        read += ["--state", files.state]
    write = [files.program, "write", "--config", files.destination, "--catalog", files.catalog]
    return [str(part) for part in read], [str(part) for part in write]


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """With pipes at both ends; gone when the block is left."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _watch(work: Sequence[Future[None]], tell: Callable[[], None]) -> None:
    """Until all is done, or one part raises."""
    open_parts = set(work)
    while open_parts:
        done, open_parts = wait(open_parts, timeout=0.5, return_when=FIRST_EXCEPTION)
        for part in done:
            part.result()
        tell()


def _relay(source: subprocess.Popen[bytes], destination: subprocess.Popen[bytes], copy_to: Path, sync: Sync) -> None:
    """Line by line from one to the other."""
    assert source.stdout
    assert destination.stdin
    # A broken pipe: the destination has ended, and its exit code says why. The source must hear of it too.
    with suppress(BrokenPipeError), source.stdout, destination.stdin, copy_to.open("wb") as copy:
        for line in source.stdout:
            copy.write(line)
            destination.stdin.write(line)
            _count(json.loads(line), sync)


def _count(message: dict[str, Any], sync: Sync) -> None:
    _keep_error(message, sync)
    if message["type"] == "RECORD":
        record = message["record"]
        kind = sync.deletions if record["data"].get("_ab_cdc_deleted_at") else sync.records
        kind[record["stream"]] += 1


def _listen(destination: subprocess.Popen[bytes], copy_to: Path, state_file: Path, sync: Sync) -> None:
    """Each state that the destination gives back is durable: it goes into the file at once."""
    assert destination.stdout
    states = {_descriptor(state): state for state in json.loads(state_file.read_text())} if state_file.exists() else {}
    with copy_to.open("wb") as copy:
        for line in destination.stdout:
            copy.write(line)
            message = json.loads(line)
            _keep_error(message, sync)
            if message["type"] == "STATE":
                sync.states += 1
                states[_descriptor(message["state"])] = message["state"]
                _replace(state_file, json.dumps(list(states.values()), indent=2) + "\n")
            elif message["type"] == "LOG" and message["log"]["message"].startswith("Loaded in "):
                sync.summary = message["log"]["message"]
                sync.counts = {name: int(count.replace(",", "")) for count, name in COUNT.findall(sync.summary)}


def _replace(file: Path, text: str) -> None:
    """At once: a kill must not leave half a state."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)


def _keep_error(message: dict[str, Any], sync: Sync) -> None:
    if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
        sync.errors.append(message["trace"]["error"]["message"])


def _descriptor(state: dict[str, Any]) -> tuple[str | None, str]:
    descriptor = state["stream"]["stream_descriptor"]
    return descriptor.get("namespace"), descriptor["name"]
