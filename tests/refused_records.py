"""Records that a destination stores, and such that it refuses; and syncs of them, within the process of the test."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from tests.destination_commands import catalog, stream
from vector_ingest.command.pipeline import Connector, write_lines
from vector_ingest.messages import record_line, state_line, status_line

COMPLETE = status_line("docs", None, "COMPLETE")


def config(indexing: Mapping[str, Any], most: int | None = 10, text: str = "text", **changes: Any) -> dict[str, Any]:
    """`most` None: the first refused record ends the sync. `text`: the field with the text."""
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 100, "text_fields": [text], "metadata_fields": ["id"]},
        "indexing": indexing,
        "refused_records": {"type": "stop"} if most is None else {"type": "quarantine", "most": most},
        **changes,
    }


def good(identity: int, text: str = "good", **more: Any) -> bytes:
    return record_line("docs", None, {"id": identity, "text": text, **more}, 1)


def bad(identity: int, **more: Any) -> bytes:
    """It lacks the text field."""
    return record_line("docs", None, {"id": identity, "body": f"body {identity}", **more}, 1)


def state(number: int) -> bytes:
    return state_line("docs", None, {"n": number}, 0)


def write(
    connector: Connector[Any], form: Mapping[str, Any], *lines: bytes, mode: str = "append_dedup", **more: Any
) -> list[Any]:
    """The states that left."""
    output: list[bytes] = []
    stdin = BytesIO(b"".join(line + b"\n" for line in lines))
    write_lines(connector, form, catalog(stream("docs", mode, **more)), stdin, output.append)
    messages = [json.loads(line) for line in output]
    return [message["state"]["stream"]["stream_state"]["n"] for message in messages if message["type"] == "STATE"]
