"""The command `write` as a process that is killed, and what is in the vector bucket afterwards."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from destination_s3vectors.emulator.server import Emulator
from tests.conftest import VectorBucket
from tests.destination_s3vectors.contents import index_names, vectors_of
from vector_ingest.messages import record_line, status_line

PROGRAM = Path(sys.executable).parent / "destination-s3vectors"
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
        (self.folder / "config.json").write_text(json.dumps(config))
        (self.folder / "catalog.json").write_text(json.dumps({"streams": [self.stream]}))
        files = ["--config", str(self.folder / "config.json"), "--catalog", str(self.folder / "catalog.json")]
        return [str(PROGRAM), "write", *files]

    def finish(self, lines: Sequence[bytes]) -> None:
        """To its end, undisturbed by kills."""
        done = subprocess.run(self.line(), input=b"\n".join([*lines, *END]), capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode()

    def kill(self, portions: Sequence[Sequence[bytes]], pause: float, wait: Callable[[], None]) -> int:
        """Killed when `wait` returns; the number of lines that the last acknowledged state tells, 0 if none did.

        The portions of the input come with a pause (seconds) after each. Without one the input ends after the last, so
        the sync ends too if it is not stopped.
        """
        with subprocess.Popen(self.line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            stop = threading.Event()
            feeder = threading.Thread(target=_feed, args=(process, portions, pause, stop))
            feeder.start()
            wait()
            process.kill()
            stop.set()
            feeder.join()
            assert process.stdout
            output = process.stdout.read()
            assert process.wait() == KILLED, f"It had ended: {output.decode()}"
        messages = [json.loads(line) for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
        states = [message["state"]["stream"]["stream_state"] for message in messages if message["type"] == "STATE"]
        return int(states[-1]["lines"]) if states else 0


def record(identity: str, text: str, chunks: int) -> bytes:
    paragraphs = "\n\n".join(f"{text} {number} {PARAGRAPH}" for number in range(chunks))
    return record_line("Docs", None, {"id": identity, "text": paragraphs}, 1)


def deletion(identity: str) -> bytes:
    return record_line("Docs", None, {"id": identity, "_ab_cdc_deleted_at": "2026-01-01"}, 1)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"It did not happen within {seconds:.0f} seconds"
        time.sleep(0.002)


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


def _feed(
    process: subprocess.Popen[bytes], portions: Sequence[Sequence[bytes]], pause: float, stop: threading.Event
) -> None:
    assert process.stdin
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
