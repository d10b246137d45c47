"""Run as a program by `forks`: a process that has imported what the connectors import; each fork becomes a command.

To import takes four fifths of a short command's time. Nothing is used before a fork, and nothing has a thread then:
what is loaded is as new as in a process of its own. The names below are what the commands import inside functions.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

PRELOADED = (
    "source_s3.check",
    "source_s3.discover",
    "source_s3.sync.read_all",
    "source_s3.sync.leaving",
    "source_s3.state.checkpoint",
    "destination_pgvector.connector",
    "destination_s3vectors.connector",
    "openai",  # by which most models are asked: a second of each command that has one
    "vector_ingest.command.command_line",
    "vector_ingest.command.destination_run",
    "vector_ingest.command.pipeline",
    "vector_ingest.command.search",
)
NUMBER = struct.Struct("=q")  # an answer: the id of the command's process, later its exit code
# Arrow's jemalloc has a thread of its own otherwise. It only gives memory back earlier.
BEFORE_IMPORTS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def preload() -> None:
    from source_s3.run import _prepare_arrow

    _prepare_arrow()  # before the first value, as the command does it
    for name in PRELOADED:
        importlib.import_module(name)


def threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests: their end is the server's
    preload()
    if threads() > 1:
        raise RuntimeError("An import has started a thread, which no fork would have. Take it out of PRELOADED.")
    gc.freeze()  # what is loaded stays: a fork needs no copy of it
    program = fork_on_request(control)
    # The interpreter ends the fork as it ends any process: after SystemExit, after an exception, after main's return.
    runpy.run_path(program, run_name="__main__")


def fork_on_request(control: socket.socket) -> str:
    """Returns in the forks only, with the program that each is."""
    with control, control.makefile("rb") as requests:
        while True:
            _, ends, _, _ = socket.recv_fds(control, 1, 3)
            if not ends:  # the tests have ended
                os._exit(0)
            request = json.loads(requests.readline())
            child = os.fork()
            if child == 0:
                break
            for end in ends:
                os.close(end)
            control.sendall(NUMBER.pack(child))
            _, status = os.waitpid(child, 0)
            control.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    return become(ends, **request)


def become(ends: list[int], line: list[str], environment: dict[str, str], folder: str) -> str:
    """This process as if it had been started so. The program, which is still to be run."""
    for number, end in enumerate(ends):
        os.dup2(end, number)
        os.close(end)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv[:] = line
    sys.path.insert(0, str(Path(line[0]).parent))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return line[0]


def encoded(**request: Any) -> bytes:
    return json.dumps(request).encode() + b"\n"


if __name__ == "__main__":
    main()
