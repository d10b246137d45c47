"""Documents read in processes of their own: what breaks, hangs or swells there is one document's error."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore, Lock
from time import monotonic

import msgspec

from source_s3.documents import Limits, Read
from source_s3.documents.worker import SIZE, Answer, Request
from vector_ingest.errors import TransientError

MOST = 4  # processes
PIECE = 1024 * 1024  # bytes of an answer taken at once
# Each thread of a library would reserve address space, which is what is limited: with many cores, all of it.
FEW_THREADS = {"MALLOC_ARENA_MAX": "2", "TOKIO_WORKER_THREADS": "2", "RAYON_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
ATTEMPTS = 2  # a process that is killed from outside may have been killed for another's memory


class Parsers:
    """A few processes, each started when it is needed, for many threads. Close it after use."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = BoundedSemaphore(min(MOST, os.cpu_count() or 1))
        self._lock = Lock()
        self._idle: list[_Process] = []
        self._closed = False

    def read(
        self, name: str, content: bytes | memoryview, content_type: str | None = None, as_text: Sequence[str] = ()
    ) -> list[Read]:
        """The document, or why it can't be read; then what is attached to it. TransientError: no process starts."""
        request = msgspec.msgpack.encode(Request(name, content_type, list(as_text), self._limits))
        with self._room:
            for attempt in range(1, ATTEMPTS + 1):
                process = self._process()
                answer = process.ask(request, content, self._limits.seconds)
                if isinstance(answer, Answer):
                    self._give_back(process, ends=answer.is_last)
                    return answer.reads
                process.end()
                if attempt == ATTEMPTS or not process.was_killed:
                    return [Read(None, answer)]
        raise AssertionError

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _process(self) -> "_Process":
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Process(self._limits.memory)

    def _give_back(self, process: "_Process", *, ends: bool) -> None:
        with self._lock:
            if not ends and not self._closed:
                self._idle.append(process)
                return
        process.end()


class _Process:
    """One reading process. `was_killed`: by a signal that is none of ours, after a failed `ask`."""

    def __init__(self, memory: int) -> None:
        line = [sys.executable, "-P", "-m", "source_s3.documents.worker", str(memory)]
        try:
            self._place = TemporaryDirectory(prefix="documents-")  # so that nothing is left of one that is killed
            self._process = subprocess.Popen(  # noqa: S603  our own module
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env={**os.environ, **FEW_THREADS, "TMPDIR": self._place.name},
            )
        except OSError as error:
            raise TransientError(f"No process to read documents can be started: {error}. Try again later.") from error
        self._memory = memory
        self.was_killed = False

    def ask(self, request: bytes, content: bytes | memoryview, seconds: int) -> Answer | str:
        """The answer, or what ended the process instead."""
        deadline = monotonic() + seconds
        try:
            self._send(request)
            self._send(content)
            body = self._receive(deadline)
        except (BrokenPipeError, ConnectionResetError):
            body = None
        except TimeoutError:
            self._process.kill()
            return f"not read within {seconds} seconds: raise `seconds` of the format's `limits`, or exclude it"
        return msgspec.msgpack.decode(body, type=Answer) if body is not None else self._end_of()

    def end(self) -> None:
        """It has nothing to lose."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._place.cleanup()

    def _send(self, message: bytes | memoryview) -> None:
        assert self._process.stdin is not None
        for part in (SIZE.pack(len(message)), message):
            left = memoryview(part).cast("B")
            while left:
                left = left[self._process.stdin.write(left) or 0 :]

    def _receive(self, deadline: float) -> bytes | None:
        """None: the process has ended."""
        head = self._exactly(SIZE.size, deadline)
        return self._exactly(SIZE.unpack(head)[0], deadline) if head is not None else None

    def _exactly(self, size: int, deadline: float) -> bytes | None:
        assert self._process.stdout is not None
        answers = select.poll()
        answers.register(self._process.stdout, select.POLLIN | select.POLLHUP)
        found = bytearray()
        while len(found) < size:
            if not answers.poll(max(0.0, deadline - monotonic()) * 1000):
                raise TimeoutError
            part = os.read(self._process.stdout.fileno(), min(PIECE, size - len(found)))
            if not part:
                return None
            found += part
        return bytes(found)

    def _end_of(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return "not read in the `seconds` that the format's `limits` allow: raise them, or exclude the object"
        self.was_killed = code == -signal.SIGKILL
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        most = self._memory // (1024 * 1024)
        return (
            f"its reader's process was ended {how}, as by damage in it or by more than {most} MB of memory (`limits` "
            "of the format): save it anew, or exclude the object"
        )
