"""The command `destination-s3vectors`: its input, its output, what it stored."""

from functools import partial
from typing import Any

from tests.conftest import VectorBucket
from tests.destination_commands import COMMANDS, Ended, arguments
from tests.destination_s3vectors.contents import read_stream
from tests.destination_s3vectors.stores import DOCS
from vector_ingest.messages import record_line, state_line, status_line

PROGRAM = COMMANDS / "destination-s3vectors"
command_line = partial(arguments, PROGRAM)
INDEX = "airbyte.docs"
ACCOUNT = "airbyte.ingest--account"
COMPLETE = status_line("docs", None, "COMPLETE")


def record(identity: Any, text: str, name: str = "docs", namespace: str | None = None, **data: Any) -> bytes:
    return record_line(name, namespace, {"id": identity, "text": text, **data}, 1)


def state(number: int) -> bytes:
    return state_line("docs", None, {"n": number}, 0)


def states(ended: Ended) -> list[Any]:
    return [state["stream"]["stream_state"]["n"] for state in ended.of("STATE")]


def stored(bucket: VectorBucket) -> dict[str, list[str]]:
    """The texts of the chunks, by primary key."""
    rows = read_stream(bucket, DOCS)
    return {identity.rpartition("_")[2]: [text for text, _ in rows[identity]] for identity in rows}


def logged(ended: Ended, expected: str) -> bool:
    return any(expected in log["message"] for log in ended.of("LOG"))
