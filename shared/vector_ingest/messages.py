"""Airbyte protocol lines, in and out, without the CDK's message classes.

Those cost 2-3 µs a record and drop what they don't know, such as the `id` that the platform adds to a state and
wants back. Here a line is parsed once, and a state is echoed as the JSON that came.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, BinaryIO, Literal, NoReturn

import orjson

from vector_ingest.errors import DataError, FailureType

# orjson reads integers beyond 64 bits as floats; the standard library keeps them exact.
# Looked for by translate and find: a tenth of the time of a regular expression.
DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
LONG_INTEGER = b"0" * 19
LEVELS = {"CRITICAL": "FATAL", "ERROR": "ERROR", "WARNING": "WARN", "INFO": "INFO", "DEBUG": "DEBUG"}
StreamKey = tuple[str | None, str]  # namespace, name: what tells it from the other streams of a catalog
StreamStatus = Literal["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"]


@dataclass(frozen=True, slots=True)
class Record:
    """The namespace of this and of the other messages is None where it is empty, as some clients send it."""

    stream: str
    namespace: str | None
    data: dict[str, Any]
    emitted_at: int  # ms since 1970
    size: int  # bytes of the line


@dataclass(frozen=True, slots=True)
class State:
    """`message` is the whole message as it came; `stream` is None for a GLOBAL or LEGACY state."""

    message: dict[str, Any]
    stream: str | None
    namespace: str | None


@dataclass(frozen=True, slots=True)
class Status:
    stream: str
    namespace: str | None
    status: StreamStatus


@dataclass(frozen=True, slots=True)
class Failure:
    """What the source says of its own failure. Only in a plain pipe does it come here: the platform keeps it."""

    message: str


def dumps(value: object) -> bytes:
    """Compact JSON. NaN and infinities become null; integers of any length are kept; lone surrogates are escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        try:
            return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
        except ValueError:
            return json.dumps(_without_nan(value), separators=(",", ":")).encode()


def loads(line: bytes) -> Any:
    """JSON with exact integers."""
    try:
        return json.loads(line) if _has_long_integer(line) else orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)  # lone surrogates, NaN: legal for the standard library


def parse(line: bytes) -> Record | State | Status | Failure | None:
    """The messages that a destination acts on; None for logs, estimates and what is no JSON object.

    Some clients send every unset key as null. DataError: the line begins as a message and can't be read as one.
    """
    if not line.startswith(b"{") and not line.lstrip().startswith(b"{"):
        return None
    try:
        message = loads(line)
        match message.get("type"):
            case "RECORD":
                record = message["record"]
                return Record(
                    record["stream"],
                    record.get("namespace") or None,
                    data if isinstance(data := record["data"], dict) else _no_object(data),
                    int(record["emitted_at"]),
                    len(line),
                )
            case "STATE":
                descriptor = (message["state"].get("stream") or {}).get("stream_descriptor") or {}
                return State(message, descriptor.get("name"), descriptor.get("namespace") or None)
            case "TRACE" if message["trace"].get("type") == "STREAM_STATUS":
                status = message["trace"]["stream_status"]
                descriptor = status["stream_descriptor"]
                return Status(descriptor["name"], descriptor.get("namespace") or None, status["status"])
            case "TRACE" if message["trace"].get("type") == "ERROR":
                return Failure(str(message["trace"]["error"]["message"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        start = line[:60].decode(errors="replace")
        raise DataError(
            f"input line beginning {start!r}",
            f"expected one Airbyte message as JSON, found {type(error).__name__}: {error}",
        ) from error
    return None


def record_line(stream: str, namespace: str | None, data: Mapping[str, Any], emitted_at: int) -> bytes:
    record = {"stream": stream, "data": data, "emitted_at": emitted_at}
    if namespace is not None:
        record["namespace"] = namespace
    return dumps({"type": "RECORD", "record": record})


def state_line(stream: str, namespace: str | None, stream_state: Mapping[str, Any], records: int) -> bytes:
    """A STREAM state; `records` are those of the stream since its last state."""
    state = {
        "type": "STREAM",
        "stream": {"stream_descriptor": _descriptor(stream, namespace), "stream_state": stream_state},
        "sourceStats": {"recordCount": float(records)},
    }
    return dumps({"type": "STATE", "state": state})


def echo_line(state: State, records: int) -> bytes:
    """The state as it came, with what the destination counts: `records` since the last state of this stream."""
    counted = {**state.message["state"], "destinationStats": {"recordCount": float(records)}}
    return dumps({**state.message, "state": counted})


def status_line(stream: str, namespace: str | None, status: StreamStatus) -> bytes:
    return _trace(
        {
            "type": "STREAM_STATUS",
            "stream_status": {"stream_descriptor": _descriptor(stream, namespace), "status": status},
        }
    )


def estimate_line(stream: str, namespace: str | None, rows: int | None, size: int | None) -> bytes:
    """What one stream will send: rows, and bytes, where known."""
    estimate: dict[str, Any] = {"type": "STREAM", **_descriptor(stream, namespace)}
    if rows is not None:
        estimate["row_estimate"] = rows
    if size is not None:
        estimate["byte_estimate"] = size
    return _trace({"type": "ESTIMATE", "estimate": estimate})


def error_line(
    message: str,
    kind: FailureType,
    internal: str | None = None,
    stack_trace: str | None = None,
    stream: StreamKey | None = None,
) -> bytes:
    """What the user sees (`message`), and what a developer wants."""
    error: dict[str, Any] = {"message": message, "failure_type": kind}
    if internal is not None:
        error["internal_message"] = internal
    if stack_trace is not None:
        error["stack_trace"] = stack_trace
    if stream is not None:
        error["stream_descriptor"] = _descriptor(stream[1], stream[0])
    return _trace({"type": "ERROR", "error": error})


def log_line(level: str, message: str) -> bytes:
    """`level` is FATAL, ERROR, WARN, INFO, DEBUG or TRACE."""
    return dumps({"type": "LOG", "log": {"level": level, "message": message}})


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _no_object(data: object) -> NoReturn:
    raise TypeError(f"`data` is a {type(data).__name__}, not an object")


def _has_long_integer(line: bytes) -> bool:
    """Whether an integer has 19 digits or more. Digits behind a point are many in vectors, and no integer."""
    zeros = line.translate(DIGITS_TO_ZERO)
    place = zeros.find(LONG_INTEGER)
    while place > 0 and zeros[place - 1 : place] == b".":
        place = zeros.find(LONG_INTEGER, place + len(LONG_INTEGER))
    return place >= 0


def _trace(trace: dict[str, Any]) -> bytes:
    return dumps({"type": "TRACE", "trace": {**trace, "emitted_at": time.time() * 1000}})


def _descriptor(stream: str, namespace: str | None) -> dict[str, str]:
    return {"name": stream} if namespace is None else {"name": stream, "namespace": namespace}


class Output:
    """The one writer of stdout: whole lines, in the order of the calls, flushed at each."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = Lock()

    def write(self, lines: bytes | memoryview) -> None:
        """One line without its newline, or many lines that end with one."""
        with self._lock:
            self._stream.write(lines)
            if bytes(lines[-1:]) != b"\n":
                self._stream.write(b"\n")
            self._stream.flush()


class LogHandler(logging.Handler):
    """Python's logging as LOG lines through the one writer. `redact` takes secrets out."""

    def __init__(self, output: Output, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._output = output
        self._redact = redact

    def emit(self, record: logging.LogRecord) -> None:
        self._output.write(log_line(LEVELS.get(record.levelname, "INFO"), self._redact(self.format(record))))


class TextHandler(logging.Handler):
    """Python's logging as text, for commands that people call. `redact` takes secrets out."""

    def __init__(self, tell: Callable[[str], None], redact: Callable[[str], str]) -> None:
        super().__init__()
        self._tell = tell
        self._redact = redact

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(self._redact(self.format(record)))
