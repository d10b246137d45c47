"""What the commands of all connectors share: one writer of stdout, secrets kept out of it, errors as messages.

Exit codes: 0 done, 1 failed, 130 stopped by Ctrl-C. A failed `check` is an answer, so it is a message and exit code 0.
"""

import fcntl
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from traceback import format_exception
from typing import Any, NoReturn

from vector_ingest.command.redact import redactor
from vector_ingest.errors import EXPLAINED, ConfigError, ReportedError, failure_type
from vector_ingest.messages import LogHandler, Output, StreamKey, TextHandler, dumps, error_line

INTERRUPTED = 130  # as a shell calls the end by SIGINT
PIPE_BYTES = 1024 * 1024  # the most that /proc/sys/fs/pipe-max-size allows by default
KINDS = {list: "an array", str: "a text", int: "a number", float: "a number", bool: "a truth value", type(None): "null"}
QUIET = ("httpx", "httpx2", "botocore", "urllib3")  # a line for each request they make


def execute(
    command: str,
    config_path: str,
    spec: Mapping[str, Any],
    work: Callable[[dict[str, Any], Output], None],
    tell: Callable[[str], None] | None = None,
) -> int:
    """Run `work` on the configuration; the exit code. `tell` shows errors and logs as text instead of messages."""
    signal.signal(signal.SIGTERM, _stop)
    protocol = os.dup(1)
    os.dup2(2, 1)  # what a library prints must not stand between the protocol's lines
    _widen(protocol)
    hide: Callable[[str], str] = str
    with os.fdopen(protocol, "wb") as stdout:
        output = Output(stdout)
        try:
            config = read_object(config_path, "configuration")
            hide = redactor(spec["connectionSpecification"], config)
            _start_logging(LogHandler(output, hide) if tell is None else TextHandler(tell, hide))
            work(config, output)
        except EXPLAINED as error:
            if tell is not None:
                tell(hide(str(error)))
                return 1
            return _answer(command, error, hide, output)
        except ReportedError:
            return 1
        except BrokenPipeError:
            sys.stderr.write("The program that reads the output has ended, so there is nobody to send to.\n")
            _drop_the_rest(protocol)
            return 1
        except KeyboardInterrupt:
            sys.stderr.write("\nStopped by Ctrl-C.\n")
            _drop_the_rest(protocol)
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 (the last stop: the platform wants a bug as a message too)
            return _crash(error, hide, output, tell)
    return 0


def _drop_the_rest(protocol: int) -> None:
    """What is still buffered has nowhere to go: a terminal's Ctrl-C ends the reader too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), protocol)


def _stop(number: int, frame: object) -> None:  # noqa: ARG001  the signature of a handler
    """At once, threads or not: a state is never early. A container's first process ignores the signal otherwise."""
    os._exit(128 + number)


def _widen(pipe: int) -> None:
    """A pipe of Linux takes 64 KiB unless asked for more: half of the time of writing goes into waiting for its reader.

    Where it is none, or the user's share of such memory is used up, it stays as it is.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, at once: everything it had to say is written and flushed.

    Arrow's threads may still hold a Python file that they read from. One that asks for the interpreter while it is
    being taken down ends the process by SIGABRT: 4 of 120 reads of a tiny CSV, each complete, exited with -6.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def read_object(path: str, what: str) -> dict[str, Any]:
    """A JSON object from a file. ConfigError names the file, and `what` it should be."""
    value = read_json(path, what)
    if not isinstance(value, dict):
        raise ConfigError(f"The {what} file {path} holds {KINDS[type(value)]}: expected a JSON object.")
    return value


def read_json(path: str, what: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"The {what} file {path} can't be opened: {error.strerror}. Give the path of a JSON file."
        ) from None
    except ValueError as error:
        raise ConfigError(
            f"The {what} file {path} can't be read as JSON: {error}. Mend it, or give the path of another one."
        ) from None


def connection_status(succeeded: bool, message: str | None = None) -> bytes:
    details = {"status": "SUCCEEDED" if succeeded else "FAILED", **({} if message is None else {"message": message})}
    return dumps({"type": "CONNECTION_STATUS", "connectionStatus": details})


def error_message(error: BaseException, hide: Callable[[str], str], stream: StreamKey | None = None) -> bytes:
    """The TRACE of one of our errors."""
    cause = hide(repr(error.__cause__)) if error.__cause__ else None
    return error_line(hide(str(error)), failure_type(error), cause, stream=stream)


def _answer(command: str, error: Exception, hide: Callable[[str], str], output: Output) -> int:
    """What the user can mend, or what trying again mends."""
    if command == "check":
        output.write(connection_status(False, hide(str(error))))
        return 0
    output.write(error_message(error, hide))
    return 1


def _crash(error: Exception, hide: Callable[[str], str], output: Output, tell: Callable[[str], None] | None) -> int:
    message = "The connector failed in a way that it does not know. Please report it with the log of this sync."
    stack_trace = hide("".join(format_exception(error)))
    if tell is not None:
        tell(f"{message}\n{stack_trace}")
    else:
        output.write(error_line(message, failure_type(error), hide(repr(error)), stack_trace))
    return 1


def _start_logging(handler: logging.Handler) -> None:
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
