"""kill -9 in the middle of a sync, several times, each followed by a rerun from the last acknowledged state."""

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.conftest import Database
from tests.destination_commands import catalog, config, run, stream
from tests.destination_pgvector.commands import command_line
from tests.forks import Command
from vector_ingest.messages import record_line, state_line, status_line

DOCUMENTS, CHANGES, EVERY, KILLS = 4000, 9000, 100, 5
REFRESH: dict[str, Any] = {"generation_id": 5, "minimum_generation_id": 5}
STREAMS = {
    "append_dedup": stream("Docs", "append_dedup"),
    "append with a key": stream("Docs", "append"),
    "overwrite": stream("Docs", "overwrite"),
    "truncating refresh": stream("Docs", "append_dedup", **REFRESH),
}


def changes() -> list[bytes]:
    """Records, a tenth of them deletions, with a state after every hundred that says how many went before."""
    chance, lines = random.Random(3), []
    for number in range(CHANGES):
        data: dict[str, Any] = {
            "id": chance.randrange(DOCUMENTS),
            "text": f"change {number} " + "word " * chance.randrange(9),
        }
        if chance.random() < 0.1:
            data["_ab_cdc_deleted_at"] = "2026-01-01"
        lines.append(record_line("Docs", None, data, 1))
        if number % EVERY == EVERY - 1:
            lines.append(state_line("Docs", None, {"lines": len(lines) + 1}, EVERY))
    return lines


def rows(database: Database, schema: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT document_id, chunk_number, chunk_id, document_content, metadata, chunk_hash, document_hash, "
        f"generation, md5(vector_send(embedding)) FROM {schema}.docs ORDER BY document_id, chunk_number"
    )
    with database.connect() as conn:
        return conn.execute(query.encode()).fetchall()


def kill_somewhere(
    line: Sequence[str], lines: Sequence[bytes], chance: random.Random, *, holds_states: bool
) -> list[Mapping[str, Any]]:
    """Run until a few states came back, and a moment longer. Returns the states. stdin stays open: the kill hits.

    `holds_states`: none comes before the end, so the kill has its moment by the clock, as long as the load lasts.
    """
    wanted = 0 if holds_states else chance.choice([0, 1, 1, 2, 30])
    states = []
    with Command(line) as process:
        feeder = threading.Thread(target=_feed, args=(process.stdin, b"\n".join(lines) + b"\n"))
        feeder.start()
        timer = threading.Timer(chance.uniform(0.3, 1.5) if wanted == 0 else 2.0, process.kill)
        timer.start()
        for message in map(json.loads, process.stdout):
            if message["type"] == "STATE":
                states.append(message["state"]["stream"]["stream_state"])
                if len(states) == wanted:
                    time.sleep(chance.uniform(0, 0.1))
                    process.kill()
        timer.cancel()
        assert process.wait() == -9
        feeder.join()
    return states


def _feed(stdin: BinaryIO, data: bytes) -> None:
    try:
        stdin.write(data)
        stdin.flush()
    except BrokenPipeError:
        pass


@pytest.mark.parametrize("name", STREAMS)
def test_reruns_after_kills_end_with_the_rows_of_an_undisturbed_sync(
    database: Database, tmp_path: Path, name: str
) -> None:
    chance, lines = random.Random(name), changes()
    end = [status_line("Docs", None, "COMPLETE"), b""]
    before = b"\n".join([record_line("Docs", None, {"id": -1, "text": "from before"}, 1), *end])
    for schema in ("calm", "killed"):
        indexing = {**database.indexing(), "default_schema": schema, "index": {"type": "none"}}
        folder = tmp_path / schema
        folder.mkdir()
        old = catalog(stream("Docs", STREAMS[name]["destination_sync_mode"]))
        assert run(command_line(folder, "write", config(indexing), old), before).code == 0
        line = command_line(folder, "write", config(indexing), catalog(STREAMS[name]))
        done = 0
        for _ in range(KILLS if schema == "killed" else 0):
            for state in kill_somewhere(line, lines[done:], chance, holds_states=name == "overwrite"):
                done = state["lines"]
        assert run(line, b"\n".join([*lines[done:], *end])).code == 0
    calm = rows(database, "calm")
    assert len(calm) > DOCUMENTS / 2
    assert rows(database, "killed") == calm
