"""Syncs of several versions of the same documents, disturbed or not."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from demo.postgres_server import PostgresServer
from tests.conftest import Database
from tests.destination_commands import catalog, config, run, stream
from tests.destination_pgvector.commands import command_line
from tests.destination_pgvector.reader import Reader
from tests.forks import Command
from vector_ingest.messages import record_line, state_line, status_line

ALWAYS, DOCUMENTS, EVERY = 150, 200, 20
PROCESSING = {"chunk_size": 20, "text_fields": ["text"], "metadata_fields": ["id", "version"]}
END = [status_line("Docs", None, "COMPLETE"), b""]
ROWS = (
    "SELECT document_id, chunk_number, chunk_id, document_content, metadata, chunk_hash, document_hash, generation, "
    "md5(vector_send(embedding)) FROM {schema}.docs ORDER BY document_id, chunk_number"
)


def lines_of(version: int) -> list[bytes]:
    """A change of each document, some deletions among them, and states that say how many lines went before."""
    chance, lines = random.Random(version), []
    for place, number in enumerate(chance.sample(range(DOCUMENTS), DOCUMENTS), 1):
        words = "word " * chance.randrange(60)
        data: dict[str, Any] = {"id": number, "version": version, "text": f"begin {version} {words}end {version}"}
        if number >= ALWAYS and chance.random() < 0.3:
            data["_ab_cdc_deleted_at"] = "2026-01-01"
        lines.append(record_line("Docs", None, data, 1))
        if place % EVERY == 0:
            lines.append(state_line("Docs", None, {"lines": len(lines) + 1}, EVERY))
    return lines


def form(database: Database, schema: str, **changes: Any) -> dict[str, Any]:
    index = {"type": "ivfflat", "lists": 3}
    indexing = {**database.indexing(), "default_schema": schema, "index": index, "recall_questions": 2, **changes}
    return config(indexing, processing=PROCESSING)


def configured(mode: str, version: int) -> dict[str, Any]:
    """The catalog of the sync that brings `version`."""
    if mode == "truncating refresh":
        return catalog(stream("Docs", "append_dedup", generation_id=version, minimum_generation_id=version))
    return catalog(stream("Docs", mode))


def rows(database: Database, schema: str) -> list[tuple[Any, ...]]:
    with database.connect() as conn:
        return conn.execute(ROWS.format(schema=schema).encode()).fetchall()


def line_of(database: Database, schema: str, mode: str, version: int, folder: Path, **changes: Any) -> list[str]:
    place = folder / f"{schema}-{version}"
    place.mkdir(exist_ok=True)
    return command_line(place, "write", form(database, schema, **changes), configured(mode, version))


def sync(line: Sequence[str], lines: Sequence[bytes]) -> None:
    ended = run(line, b"\n".join([*lines, *END]))
    assert ended.code == 0, ended


def looking(database: Database, schema: str) -> Reader:
    return Reader(database.dsn, f"{schema}.docs", {f"Stream_Docs_Key_{number}" for number in range(ALWAYS)})


class Killer:
    """Kills processes, and starts the server again. `done`: of which kind they were."""

    def __init__(self, server: PostgresServer, database: Database, chance: random.Random) -> None:
        self._server, self._database, self.chance = server, database, chance
        self.done: list[str] = []

    def kill(self, kind: str, process: Command) -> None:
        match kind:
            case "connector":
                process.kill()
            case "backend":
                with self._database.connect() as conn:
                    query = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'airbyte%' ORDER BY pid"
                    found = [row[0] for row in conn.execute(query).fetchall()]
                    if not found:
                        return
                    os.kill(self.chance.choice(found), signal.SIGKILL)
            case _:
                self._server.kill_postmaster()
                time.sleep(self.chance.uniform(0, 0.4))
                self._server.start()
        self.done.append(kind)

    def settle(self) -> None:
        """Until the server takes connections: after the kill of one backend it begins anew."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self._database.connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def disturbed(line: Sequence[str], lines: Sequence[bytes], kinds: list[str], seconds: float, killer: Killer) -> None:
    """One sync to its end, whatever it takes; `kinds` are the kills in it, which are taken out of the list."""
    chance, done = killer.chance, 0
    while True:
        with Command(line) as process:
            feeder = threading.Thread(target=_feed, args=(process, [*lines[done:], *END]))
            feeder.start()
            stop = threading.Event()
            killing = threading.Thread(target=_kill, args=(process, kinds, seconds, killer, stop))
            killing.start()
            for message in map(json.loads, process.stdout):
                if message["type"] == "STATE":
                    done = message["state"]["stream"]["stream_state"]["lines"]
            code = process.wait()
            stop.set()
            killing.join()
            feeder.join()
        if code == 0:
            killer.settle()
            return
        assert code == -signal.SIGKILL, code
        time.sleep(chance.uniform(0, 0.1))


def _feed(process: Command, lines: Sequence[bytes]) -> None:
    try:
        process.stdin.write(b"\n".join(lines))
        process.stdin.close()
    except BrokenPipeError:
        pass


def _kill(process: Command, kinds: list[str], seconds: float, killer: Killer, stop: threading.Event) -> None:
    while kinds and not stop.wait(killer.chance.uniform(0, seconds)) and process.poll() is None:
        with suppress(ProcessLookupError, psycopg.OperationalError):  # gone by itself; not up again yet
            killer.kill(kinds.pop(0), process)
