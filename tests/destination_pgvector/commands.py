"""The command `destination-pgvector`: its input, its output, what it stored."""

from functools import partial
from typing import Any

from tests.conftest import Database
from tests.destination_commands import COMMANDS, arguments
from vector_ingest.messages import record_line, state_line, status_line

PROGRAM = COMMANDS / "destination-pgvector"
command_line = partial(arguments, PROGRAM)


def record(identity: Any, text: str, name: str = "Docs", **data: Any) -> bytes:
    return record_line(name, None, {"id": identity, "text": text, **data}, 1)


def state(number: int) -> bytes:
    return state_line("Docs", None, {"n": number}, 0)


def complete(name: str = "Docs") -> bytes:
    return status_line(name, None, "COMPLETE")


def contents(database: Database, table: str = "docs") -> list[str]:
    with database.connect() as conn:
        query = f"SELECT document_content FROM {table} ORDER BY document_id, chunk_number"
        return [row[0] for row in conn.execute(query.encode()).fetchall()]
