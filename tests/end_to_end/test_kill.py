"""kill -9 of either process anywhere in a sync, then a rerun with the last acknowledged states: nothing is lost.

The bucket goes on changing while syncs die. At the end the tables must equal those of one undisturbed sync.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Bucket, Database
from tests.end_to_end.pipeline import Kill, discover, sync

KILLS = 8  # of each seed
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


def random_kill(chance: random.Random) -> Kill:
    """In the middle of the records, near the beginning, at a state, and after the end of the input."""
    match chance.randrange(6):
        case 0 | 1:
            return Kill("source", "line", chance.randint(0, 4 * ROWS))
        case 2 | 3:
            return Kill("destination", "line", chance.randint(0, 4 * ROWS))
        case 4:
            return Kill("destination", "state", chance.randint(1, 5))
        case _:
            return Kill("destination", "eof")


def tables(database: Database) -> Mapping[str, list[Any]]:
    with database.connect() as connection:
        return {
            "papers": rows(connection, "papers", f"document_id, {COMPARED}"),
            "jars": rows(connection, "jars", f"document_id, {COMPARED}"),
            "prices": rows(connection, "prices", COMPARED),  # without a key, ids are of the run
            "visits": sorted({row[0] for row in rows(connection, "visits", "metadata->>'name'")}),
        }


def rows(connection: psycopg.Connection, table: str, columns: str) -> list[Any]:
    return connection.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}".encode()).fetchall()


@pytest.mark.parametrize(("seed", "deletions"), [(1, True), (2, True), (3, False)])
def test_after_any_kill_a_rerun_ends_with_the_tables_of_an_undisturbed_run(
    seed: int, deletions: bool, tmp_path: Path, bucket: Bucket, database: Database, other_database: Database
) -> None:
    chance = random.Random(seed)
    shop = Shop(bucket, chance, deletions)
    source = source_config(bucket, deletions)
    catalog = catalog_of(discover(tmp_path, source))
    states: dict[str, dict[str, Any]] = {}
    hits: list[Kill] = []
    while len(hits) < KILLS:
        run = sync(tmp_path, source, destination_config(database), catalog, list(states.values()), random_kill(chance))
        states |= run.states
        assert run.was_hit or run.is_clean, run.describe()
        if run.was_hit and run.kill:
            hits.append(run.kill)
        if chance.random() < 0.6:
            shop.change()
    last = sync(tmp_path, source, destination_config(database), catalog, list(states.values()))
    assert last.is_clean, last.describe()

    undisturbed = sync(tmp_path, source, destination_config(other_database), catalog)
    assert undisturbed.is_clean, undisturbed.describe()
    assert {kill.victim for kill in hits} == {"source", "destination"}
    found, expected = tables(database), tables(other_database)
    assert expected["visits"] == sorted(shop.visits)
    for name, table in expected.items():
        assert found[name] == table, name
