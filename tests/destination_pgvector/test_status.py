"""The command `status`: what it tells of each stream."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from destination_pgvector.status import status
from tests.conftest import Database
from tests.destination_commands import catalog, config, lines, run, stream
from tests.destination_pgvector.commands import command_line, complete, record
from tests.destination_pgvector.stores import DOCS, change, opened, sync
from tests.embedded_documents import document


def found_in(database: Database) -> list[Any]:
    found: list[Any] = json.loads(status(config(database.indexing()), as_json=True))
    return found


def test_it_tells_of_every_stream_what_is_stored_and_how(database: Database) -> None:
    sync(database, replace(DOCS, generation=1), document("a", "one", "two"), document("b", "three"))
    sync(database, replace(DOCS, generation=2), document("c", "four"))
    sync(database, replace(DOCS, name="empty", namespace="Other"))
    with opened(database) as store:
        refresh = replace(DOCS, generation=3, minimum_generation=3)
        store.replace(store.prepare(refresh), [document("a", "one")])
        first = replace(DOCS, name="new", mode="overwrite")
        store.replace(store.prepare(first), [document("a", "one", "two")])
    found: dict[str, Any] = {each["stream"]: each for each in found_in(database)}
    assert list(found) == ["docs", "new", "empty"]
    docs = found["docs"]
    assert (docs["rows"]["documents"], docs["rows"]["chunks"], docs["filling"]) == (3, 4, 1)
    assert docs["rows"]["generations"] == {"1": 3, "2": 1}
    assert docs["rows"]["loaded_at"].endswith(" UTC")
    assert (docs["table"]["model"], docs["table"]["vectors"]) == ("model/1", "vector(3)")
    assert docs["table"]["size"] > 16_000
    (index,) = docs["table"]["indexes"]
    assert index.startswith("hnsw (embedding vector_cosine_ops)")
    assert (found["new"]["table"], found["new"]["filling"]) == (None, 2)
    assert (found["empty"]["namespace"], found["empty"]["rows"]["chunks"]) == ("Other", 0)
    text = status(config(database.indexing()), as_json=False)
    assert "documents    3 in 4 chunks, loaded 20" in text
    assert "generations  1: 3, 2: 1 (chunks of each)" in text
    assert "Other.empty\n" in text


def test_streams_of_one_table_are_told_apart(database: Database) -> None:
    for name, ids in {"one": "ab", "two": "c"}.items():
        documents = [document(identity, "text") for identity in ids]
        sync(database, replace(DOCS, name=name), *documents, table_for={"type": "all"})
    found = found_in(database)
    assert [(each["stream"], each["rows"]["documents"], each["table"]["of_all"]) for each in found] == [
        ("one", 2, True),
        ("two", 1, True),
    ]


def test_it_counts_what_is_kept_aside_and_says_when_an_index_is_not_whole(database: Database, tmp_path: Path) -> None:
    indexing = {**database.indexing(), "tables": {"text_search": "simple"}}
    options = config(indexing, refused_records={"type": "quarantine"})
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append_dedup")))
    assert run(write, lines(record(1, "one"), record(None, "two"), complete())).code == 0
    change(database, "UPDATE pg_index SET indisvalid = false WHERE indrelid = 'docs'::regclass AND NOT indisprimary")
    text = status(config(database.indexing()), as_json=False)
    assert "refused      1 records are kept aside" in text
    assert "gin (text_search), " in text
    assert text.count(", not whole") == 2


def test_an_empty_database_is_told(database: Database) -> None:
    assert status(config(database.indexing()), as_json=False) == "No stream has been loaded into this database."


def test_the_command_tells_it(database: Database, tmp_path: Path) -> None:
    sync(database, DOCS, document("a", "one"))
    line = [*command_line(tmp_path, "status", config(database.indexing())), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0]["rows"]["documents"] == 1


def test_a_database_that_is_away_is_told_on_stderr(database: Database, tmp_path: Path) -> None:
    line = command_line(tmp_path, "status", config({**database.indexing(), "database": "nowhere"}))
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Check indexing.database" in done.stderr
