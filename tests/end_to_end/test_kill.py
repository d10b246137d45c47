"""kill -9 of either process anywhere in a sync, then a rerun with the last acknowledged states: nothing is lost.

The bucket goes on changing while syncs die. At the end the tables must equal those of one undisturbed sync.
`PIPELINE_KILLS` sets how many processes are killed for each seed; `make soak` kills many.
"""

import os
import random
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Bucket, Database
from tests.end_to_end.pipeline import Kill, Victim, discover, sync

KILLS = int(os.environ.get("PIPELINE_KILLS", "6"))  # of each seed, in turn of the source and of the destination
VICTIMS: tuple[Victim, Victim] = ("source", "destination")
ROWS = 300
COMPARED = "chunk_number, document_content, metadata::text, embedding::text"
# How each stream is synced: source mode, destination mode.
MODES = {
    "papers": ("incremental", "append_dedup"),
    "jars": ("incremental", "append_dedup"),
    "prices": ("full_refresh", "overwrite"),
    "visits": ("incremental", "append"),
}


def source_config(bucket: Bucket, deletions: bool) -> dict[str, Any]:
    """With deletions, rows are told apart by object and number; without, jars have a key of the user's."""
    tables = [
        {"name": name, "globs": [f"{name}/*.csv"], "format": {"filetype": "csv"}}
        for name in ("jars", "prices", "visits")
    ]
    if not deletions:
        tables[0]["primary_key"] = "number"
    papers = {"name": "papers", "globs": ["papers/*.md"], "format": {"filetype": "unstructured"}}
    return bucket.sign_in() | {"sync_deletions": deletions, "streams": [papers, *tables]}


def destination_config(database: Database) -> dict[str, Any]:
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 60, "text_fields": ["content", "name"], "metadata_fields": []},
        "indexing": {**database.indexing(), "index": {"type": "none"}},
    }


def catalog_of(streams: list[dict[str, Any]]) -> dict[str, Any]:
    """Visits and prices are synced without a key."""
    return {
        "streams": [
            {
                "stream": stream if destination == "append_dedup" else {**stream, "source_defined_primary_key": []},
                "sync_mode": source,
                "destination_sync_mode": destination,
                "primary_key": stream["source_defined_primary_key"] if destination == "append_dedup" else [],
            }
            for stream in streams
            for source, destination in [MODES[stream["name"]]]
        ]
    }


class Shop:
    """What lies in the bucket. Visits are only added: their table must hold each of them at least once."""

    def __init__(self, bucket: Bucket, chance: random.Random, deletions: bool) -> None:
        self._bucket = bucket
        self._chance = chance
        self._deletions = deletions
        self._number = 0
        self._papers: list[str] = []
        self.visits: set[str] = set()
        for _ in range(30):
            self._add_paper()
        for number in range(3):
            self._write_rows("jars", number, ROWS)
        self._write_rows("prices", 0, ROWS)
        self._add_visits()

    def change(self) -> None:
        """Papers added, edited and removed; a table changed in place, and made shorter; a new file of visits."""
        if self._deletions:
            for key in self._chance.sample(self._papers, 4):
                self._bucket.client.delete_object(Bucket=self._bucket.name, Key=key)
                self._papers.remove(key)
        for key in self._chance.sample(self._papers, 4):
            self._write_paper(key)
        for _ in range(4):
            self._add_paper()
        self._write_rows("jars", self._chance.randrange(4), self._chance.randint(1, ROWS) if self._deletions else ROWS)
        self._write_rows("prices", 0, self._chance.randint(1, ROWS))
        self._add_visits()

    def _fresh(self) -> int:
        self._number += 1
        return self._number

    def _add_paper(self) -> None:
        key = f"papers/{self._fresh()}.md"
        self._papers.append(key)
        self._write_paper(key)

    def _write_paper(self, key: str) -> None:
        sentences = (f"Sentence {self._chance.random()} of {key} says so." for _ in range(self._chance.randint(1, 40)))
        self._bucket.put(key, "\n\n".join(sentences))

    def _write_rows(self, name: str, number: int, count: int) -> None:
        """A file that has always the same keys, with other values each time."""
        rows = (f"{number}-{row},{name} {self._chance.random()}" for row in range(count))
        self._bucket.put(f"{name}/{number}.csv", "number,name\n" + "\n".join(rows))

    def _add_visits(self) -> None:
        number = self._fresh()
        names = [f"visit {number}-{row}" for row in range(ROWS)]
        self.visits.update(names)
        self._bucket.put(f"visits/{number}.csv", "number,name\n" + "\n".join(f"{number},{name}" for name in names))


def random_kill(chance: random.Random, victim: Victim, most: int) -> Kill:
    """In the middle of the records, at a state, and after the end of the input. `most`: lines, at most."""
    if victim == "source" or chance.random() < 0.4:
        return Kill(victim, "line", chance.randint(0, most))
    return Kill(victim, "state", chance.randint(1, 5)) if chance.random() < 0.5 else Kill(victim, "eof")


def tables(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.connect() as connection:
        return {
            "papers": rows(connection, "papers", f"document_id, {COMPARED}"),
            "jars": rows(connection, "jars", f"document_id, {COMPARED}"),
            "prices": rows(connection, "prices", COMPARED),  # without a key, ids are of the run
            "visits": rows(connection, "visits", "DISTINCT metadata->>'name'"),  # at least once
        }


def rows(connection: psycopg.Connection, table: str, columns: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()


@pytest.mark.timeout(300 + 30 * KILLS)
@pytest.mark.parametrize(("seed", "deletions"), [(1, True), (2, True), (3, False)])
def test_after_any_kill_a_rerun_ends_with_the_tables_of_an_undisturbed_run(
    seed: int, deletions: bool, tmp_path: Path, bucket: Bucket, database: Database, other_database: Database
) -> None:
    chance = random.Random(seed)
    shop = Shop(bucket, chance, deletions)
    source = source_config(bucket, deletions)
    catalog = catalog_of(discover(tmp_path, source))
    states: dict[str, dict[str, Any]] = {}
    history: list[str] = []
    hits, most = 0, 4 * ROWS
    while hits < KILLS:
        kill = random_kill(chance, VICTIMS[hits % 2], most)
        run = sync(tmp_path, source, destination_config(database), catalog, list(states.values()), kill)
        history.append(run.describe())
        states |= run.states
        assert run.was_hit or run.is_clean, history
        hits += run.was_hit
        most = 4 * ROWS if run.was_hit else most // 2  # a sync with little to do ends before many lines
        if chance.random() < 0.6:
            shop.change()
    last = sync(tmp_path, source, destination_config(database), catalog, list(states.values()))
    assert last.is_clean, last.describe()

    undisturbed = sync(tmp_path, source, destination_config(other_database), catalog)
    assert undisturbed.is_clean, undisturbed.describe()
    found, expected = tables(database), tables(other_database)
    assert sorted(expected["visits"]) == sorted((name,) for name in shop.visits)
    for name, table in expected.items():
        wrong = [row[:3] for row in set(found[name]) ^ set(table)]
        assert sorted(found[name]) == sorted(table), f"{name}: {wrong[:6]} after {history}"
