"""Connectors' commands without the wait for their imports: forks of a server that has them loaded (`fork_server`).

A fork is a process like any other: it runs the installed program's file with its own arguments, environment, folder
and pipes, has its own exit code, and can be killed. Most tests ask what a command does with its input, and start it
so. These start the real program, since a fork would not show it:
- what is imported, and when: tests/source_s3/test_start.py, the tests of `spec`, `--help` and wrong arguments;
- signals and broken pipes: tests/source_s3/sync/test_leaving.py, `test_run.py` of each connector;
- memory (a fork begins with its server's): tests/source_s3/content/test_contents.py, tests/end_to_end/test_demo.py;
- whole ways: the first of each kind of `check`, `discover`, `read`, `write`, `search` and `replay` in `test_run.py` of
  each connector (`run_program`), tests/end_to_end/test_pyairbyte.py, the demo, the acceptance tests, the benchmarks.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Self

from tests import fork_server
from tests.fork_server import BEFORE_IMPORTS, NUMBER, encoded

# What Python and the libraries read when they start: too late for a fork. tests/test_forks.py finds what is missing.
READ_AT_START = (
    *("PYTHON", "_PYTHON", "LC_", "LANG"),
    *("ARROW_", "CRAMJAM_", "NPY_", "NUMPY_", "OPENBLAS_", "PSYCOPG_", "PYDANTIC_", "DEFER_PYDANTIC_"),
    *("OPENAI_LOG", "OPENAI_API_TYPE", "OPENAI_API_VERSION", "AZURE_OPENAI_"),
)
STARTED_WITH = dict(os.environ)
IDLE: list["Server"] = []


class Server:
    """It runs one command at a time."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            # -P: beside the server lie tests that are called as what they test
            line = [sys.executable, "-P", fork_server.__file__, str(theirs.fileno())]
            environment = {**os.environ, **BEFORE_IMPORTS}
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(
                line, stdin=quiet, stdout=quiet, env=environment, pass_fds=[theirs.fileno()]
            )

    def start(self, ends: Sequence[int], line: Sequence[str | Path], **request: object) -> int:
        """The id of the command's process, whose stdin, stdout and stderr are `ends`."""
        socket.send_fds(self.control, [b"."], ends)
        self.control.sendall(encoded(line=[str(part) for part in line], **request))
        return self.answer()

    def answer(self) -> int:
        answer = self.control.recv(NUMBER.size, socket.MSG_WAITALL)
        if not answer:
            raise RuntimeError(f"The server of forks has ended with exit code {self._process.wait()}.")
        number: int = NUMBER.unpack(answer)[0]
        return number

    def close(self) -> None:
        self.control.close()
        self._process.wait()


@atexit.register
def close_servers() -> None:
    while IDLE:
        IDLE.pop().close()


class Command:
    """What the tests use of `subprocess.Popen`. `errors`: where stderr goes, by default to that of the tests."""

    def __init__(
        self,
        line: Sequence[str | Path],
        errors: int = 2,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        environment = os.environ if environment is None else environment
        early = [name for name in environment if name.startswith(READ_AT_START)]
        changed = [name for name in early if environment[name] != STARTED_WITH.get(name)]
        if changed:
            raise ValueError(f"{changed} are read when Python or a library starts: start the real program instead.")
        self.returncode: int | None = None
        self._lock = Lock()
        self._server = IDLE.pop() if IDLE else Server()
        stdin, given = os.pipe()
        taken, stdout = os.pipe()
        self.stdin: BinaryIO = os.fdopen(given, "wb")
        self.stdout: BinaryIO = os.fdopen(taken, "rb")
        here = str(folder or Path.cwd())
        self.pid = self._server.start([stdin, stdout, errors], line, environment=dict(environment), folder=here)
        os.close(stdin)
        os.close(stdout)

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                if not select.select([self._server.control], [], [], seconds)[0]:
                    raise subprocess.TimeoutExpired("the fork", seconds or 0)
                self.returncode = self._server.answer()
                IDLE.append(self._server)
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended this moment, which its server has not told yet
                os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stdout.close()
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.wait()


def run(
    line: Sequence[str | Path], stdin: bytes, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """As `subprocess.run` with both outputs captured. It is killed after so many seconds."""
    taken, errors = os.pipe()
    with os.fdopen(taken, "rb") as stderr, ThreadPoolExecutor(3) as pool:
        try:
            command = Command(line, errors, environment)
        finally:
            os.close(errors)
        with command:
            pool.submit(give, command.stdin, stdin)
            outputs = [pool.submit(stream.read) for stream in (command.stdout, stderr)]
            try:
                code = command.wait(seconds)
            except subprocess.TimeoutExpired:
                command.kill()
                raise
            return subprocess.CompletedProcess(line, code, *(output.result() for output in outputs))


def give(stdin: BinaryIO, content: bytes) -> None:
    with suppress(BrokenPipeError), stdin:
        stdin.write(content)
