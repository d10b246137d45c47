"""source-s3 in processes forked from one that has imported its modules, which is most of what a short sync costs.

Each runs the command's `main` as a process of its own, which can be killed. As a program, this file is what forks.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

# What a read imports in its course.
MODULES = [
    *("boto3", "obstore.store", "pyarrow.compute", "pyarrow.csv", "pyarrow.json", "pyarrow.parquet"),
    *("vector_ingest.command_line", "vector_ingest.spec"),
    *(f"source_s3.{name}" for name in ("run", "read_all", "sync", "table", "archives", "blocks", "head", "manifest")),
    *(f"source_s3.read.{name}" for name in ("csv", "jsonl", "parquet", "documents")),
]


@dataclass(slots=True)
class Forked:
    """`code`: once it has ended; as of a Popen."""

    stdout: IO[bytes]
    pid: int
    code: int | None = None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Forks:
    """One process at a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.source_s3.forked"]
        self._parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._asked, self._told = self._parent.stdin, self._parent.stdout

    @contextmanager
    def run(self, line: Sequence[str], errors: Path) -> Iterator[Forked]:
        """`line`: of the command, its program first. `errors`: where its stderr goes."""
        pipe = errors.with_suffix(".pipe")
        os.mkfifo(pipe)
        try:
            self._asked.write(json.dumps([str(pipe), str(errors), *line[1:]]).encode() + b"\n")
            self._asked.flush()
            pid = int(self._told.readline())
            with pipe.open("rb") as stdout:
                forked = Forked(stdout, pid)
                yield forked
            forked.code = os.waitstatus_to_exitcode(int(self._told.readline()))
        finally:
            pipe.unlink()

    def close(self) -> None:
        self._asked.close()
        self._told.close()
        self._parent.wait(60)


def _import_all() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for module in MODULES:
        import_module(module)
    gc.freeze()


def _fork() -> None:
    """For each line: the number of a new process, and its status when it has ended."""
    for line in sys.stdin:
        pipe, errors, *arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            os.dup2(os.open(pipe, os.O_WRONLY), 1)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.argv[1:] = arguments
            from source_s3.run import main

            sys.exit(main())
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    _import_all()
    _fork()
