"""The command `write` as a process that is killed, and what is in the vector bucket afterwards."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from destination_s3vectors.emulator.server import Emulator
from tests.conftest import VectorBucket
from tests.destination_commands import catalog, run
from tests.destination_s3vectors.commands import command_line
from tests.destination_s3vectors.contents import index_names, vectors_of
from tests.forks import Command
from vector_ingest.messages import record_line, status_line

KILLED = -9
END = [status_line("Docs", None, "COMPLETE"), b""]
PARAGRAPH = "word " * 20  # with a few words more, one chunk


@dataclass(frozen=True, slots=True)
class Sync:
    """One connection. Each of its syncs is a process of its own."""

    folder: Path
    bucket: VectorBucket
    stream: Mapping[str, Any]

    def line(self) -> list[str]:
        config = {
            "embedding": {"mode": "fake"},
            "processing": {"chunk_size": 50, "text_fields": ["text"], "metadata_fields": ["id"]},
            "indexing": self.bucket.indexing(),
        }
        self.folder.mkdir(exist_ok=True)
        return command_line(self.folder, "write", config, catalog(self.stream))

    def finish(self, lines: Sequence[bytes]) -> None:
        """To its end, undisturbed by kills."""
        done = run(self.line(), b"\n".join([*lines, *END]))
        assert done.code == 0, done.messages

    def kill(
        self, portions: Sequence[Sequence[bytes]], pause: float, wait: Callable[[Sequence[int]], None]
    ) -> Sequence[int]:
        """Killed when `wait` returns. The acknowledged states, as the numbers of lines that they tell.

        `wait` gets the states, which grow meanwhile. The portions of the input come with a pause (seconds) after each.
        Without one the input ends after the last, so the sync ends too if it is not stopped.
        """
        states: list[int] = []
        with Command(self.line()) as process:
            stop = threading.Event()
            threads = [
                threading.Thread(target=_feed, args=(process, portions, pause, stop)),
                threading.Thread(target=_listen, args=(process, states)),
            ]
            for thread in threads:
                thread.start()
            try:
                wait(states)
            finally:
                process.kill()
                stop.set()
                for thread in threads:
                    thread.join()
            assert process.wait() == KILLED, "It had ended before it was killed"
        return states


def record(identity: str, text: str, chunks: int) -> bytes:
    paragraphs = "\n\n".join(f"{text} {number} {PARAGRAPH}" for number in range(chunks))
    return record_line("Docs", None, {"id": identity, "text": paragraphs}, 1)


def deletion(identity: str) -> bytes:
    return record_line("Docs", None, {"id": identity, "_ab_cdc_deleted_at": "2026-01-01"}, 1)


def calls_of(emulator: Emulator, operation: str) -> int:
    return int(emulator.service.log.state().get(operation, {}).get("calls", 0))


def contents(bucket: VectorBucket) -> dict[str, Any]:
    """Every vector of every index, by index and key. Left out is what differs by its nature: tokens, times, bounds."""
    found = {name: {each["key"]: _facts(each) for each in vectors_of(bucket, name)} for name in index_names(bucket)}
    assert not [key for key in found.get("airbyte.ingest--account", {}) if key.startswith("lease#")]
    return found


def chunk_counts(index: Mapping[str, Any]) -> list[int]:
    digests = [key.split("#")[1] for key in index]
    return sorted({digests.count(digest) for digest in digests})


def _facts(vector: Mapping[str, Any]) -> tuple[Any, Any]:
    metadata = dict(vector["metadata"])
    if "_account" in metadata:
        account = json.loads(metadata["_account"])
        account.pop("token", None)
        for name in ("token", "at", "bound"):
            account.get("document", {}).pop(name, None)
        metadata["_account"] = account
    if "entry" in metadata:
        metadata["entry"] = json.loads(metadata["entry"])
    return vector["data"], metadata


def _feed(process: Command, portions: Sequence[Sequence[bytes]], pause: float, stop: threading.Event) -> None:
    try:
        for portion in portions:
            process.stdin.write(b"\n".join(portion) + b"\n")
            process.stdin.flush()
            if pause and stop.wait(pause):
                return
        if not pause:
            process.stdin.close()
    except BrokenPipeError:
        pass


def _listen(process: Command, states: list[int]) -> None:
    for line in process.stdout:
        if line.endswith(b"\n") and (message := json.loads(line))["type"] == "STATE":
            states.append(message["state"]["stream"]["stream_state"]["lines"])  # noqa: PERF401 -- it is read meanwhile
