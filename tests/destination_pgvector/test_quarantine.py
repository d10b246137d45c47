"""Refused records kept aside: what is kept, when a state may leave, what makes an entry out of date, the replay."""

import json
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from destination_pgvector.connector import CONNECTOR
from tests.conftest import Database
from tests.destination_commands import catalog, stream
from tests.destination_pgvector.commands import PROGRAM
from tests.destination_pgvector.stores import ask, change
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.messages import record_line, state_line, status_line
from vector_ingest.pipeline import replay, write_lines

COMPLETE = status_line("docs", None, "COMPLETE")


def config(database: Database, most: int | None = 10, text: str = "text", **indexing: Any) -> dict[str, Any]:
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 100, "text_fields": [text], "metadata_fields": ["id"]},
        "indexing": {**database.indexing(), "index": {"type": "none"}, **indexing},
        "refused_records": {"type": "stop"} if most is None else {"type": "quarantine", "most": most},
    }


def good(identity: int, text: str = "good", **more: Any) -> bytes:
    return record_line("docs", None, {"id": identity, "text": text, **more}, 1)


def bad(identity: int, **more: Any) -> bytes:
    """It lacks the text field."""
    return record_line("docs", None, {"id": identity, "body": f"body {identity}", **more}, 1)


def state(number: int) -> bytes:
    return state_line("docs", None, {"n": number}, 0)


def write(config: dict[str, Any], lines: Sequence[bytes], mode: str = "append_dedup", **more: Any) -> list[Any]:
    """The states that left."""
    output: list[bytes] = []
    stdin = BytesIO(b"".join(line + b"\n" for line in lines))
    write_lines(CONNECTOR, config, catalog(stream("docs", mode, **more)), stdin, output.append)
    messages = [json.loads(line) for line in output]
    return [message["state"]["stream"]["stream_state"]["n"] for message in messages if message["type"] == "STATE"]


def stored(database: Database) -> dict[str, str]:
    rows = ask(database, "SELECT document_id, document_content FROM docs ORDER BY 1")
    return {identity.removeprefix("Stream_docs_Key_"): text for identity, text in rows}


def kept(database: Database) -> list[str]:
    if ask(database, "SELECT to_regclass('_airbyte_refused') IS NULL") == [True]:
        return []
    ids = ask(database, "SELECT document_id FROM _airbyte_refused ORDER BY 1")
    return [identity.removeprefix("Stream_docs_Key_") for identity in ids]


def test_a_refused_record_is_kept_with_its_reason_and_the_others_are_stored(database: Database) -> None:
    odd = bad(2, odd='\\ " é 🙂 \0 %s' * 20_000)
    assert write(config(database), [good(1), odd, good(3), state(1), COMPLETE]) == [1]
    assert set(stored(database)) == {"1", "3"}
    ((name, reason, record),) = ask(database, "SELECT stream, reason, record FROM _airbyte_refused")
    assert name == "docs"
    assert "none of the text fields" in reason
    assert record.encode() == odd


def test_without_a_quarantine_there_is_no_table_for_it(database: Database) -> None:
    with pytest.raises(DataError, match="none of the text fields"):
        write(config(database, most=None), [good(1), state(1), bad(2), state(2), COMPLETE])
    assert ask(database, "SELECT to_regclass('_airbyte_refused') IS NULL") == [True]


def test_a_state_waits_for_the_keeping(database: Database) -> None:
    change(database, "CREATE VIEW _airbyte_refused AS SELECT 1")  # so that nothing can be kept
    output: list[bytes] = []
    lines = BytesIO(b"\n".join([good(1), state(1), good(2), bad(3), state(2), COMPLETE, b""]))
    with pytest.raises(ConfigError, match="something else has that name"):
        write_lines(CONNECTOR, config(database), catalog(stream("docs", "append_dedup")), lines, output.append)
    assert b'"n":2' not in b"".join(output)
    assert write(config(database, most=None), [good(1), state(3), COMPLETE]) == [3]  # who keeps none is not troubled


def test_more_than_the_allowed_number_stops_the_sync(database: Database) -> None:
    with pytest.raises(DataError, match=r"4 records.*at most 3.*the table \"public\".\"_airbyte_refused\""):
        write(config(database, most=3), [*(bad(number) for number in range(4)), state(1), COMPLETE])
    assert len(kept(database)) == 4


def test_a_replay_loads_what_is_mended_and_keeps_the_rest(database: Database) -> None:
    write(config(database), [bad(1), record_line("docs", None, {"id": 2, "other": 1}, 1), COMPLETE])
    told = replay(CONNECTOR, config(database), dry=True)
    assert "docs: Stream_docs_Key_2: a record of stream" in told
    assert "2 refused records are kept in the table" in told
    told = replay(CONNECTOR, config(database, text="body"), dry=False)
    assert told.startswith("2 records replayed: 1 loaded, 1 refused again and kept in the table")
    assert (stored(database), kept(database)) == ({"1": "body: body 1"}, ["2"])
    assert "1 records replayed: 1 loaded." in replay(CONNECTOR, config(database, text="other"), dry=False)
    assert (set(stored(database)), kept(database)) == ({"1", "2"}, [])
    assert "0 records replayed" in replay(CONNECTOR, config(database), dry=False)


@pytest.mark.parametrize("newer", [good(1, "newer"), good(1, _ab_cdc_deleted_at="2026-01-01")], ids=["stored", "gone"])
def test_a_later_version_makes_the_refused_one_out_of_date(database: Database, newer: bytes) -> None:
    write(config(database), [good(1, "older"), bad(1), COMPLETE])
    assert (stored(database), kept(database)) == ({"1": "text: older"}, ["1"])
    write(config(database, most=None), [newer, COMPLETE])
    assert (stored(database), kept(database)) == ({} if b"deleted" in newer else {"1": "text: newer"}, [])


def test_within_one_sync_too_the_last_version_counts(database: Database) -> None:
    write(config(database), [good(1, "first"), bad(1), bad(2), good(2, "last"), COMPLETE])
    assert (stored(database), kept(database)) == ({"1": "text: first", "2": "text: last"}, ["1"])


def test_what_was_refused_before_an_overwrite_is_not_replayed_after_it(database: Database) -> None:
    write(config(database), [bad(1), COMPLETE])
    write(config(database), [good(2), bad(3), COMPLETE], "overwrite")
    assert kept(database) == ["3"]


def test_of_clients_that_always_send_the_same_generation_too(database: Database) -> None:
    same = {"generation_id": 1, "minimum_generation_id": 1}
    write(config(database), [good(1), bad(2), COMPLETE], "overwrite", **same)
    write(config(database), [good(1), bad(3), COMPLETE], "overwrite", **same)
    assert kept(database) == ["3"]


@pytest.mark.parametrize("mode", ["overwrite", "append_dedup"])
def test_what_was_refused_in_a_cut_sync_of_the_same_generation_stays(database: Database, mode: str) -> None:
    second = {"generation_id": 2, "minimum_generation_id": 2}
    with pytest.raises(TransientError):
        cut = [bad(1), good(2), state(1), status_line("docs", None, "INCOMPLETE")]
        write(config(database), cut, mode, **second)
    assert write(config(database), [good(3), state(2), COMPLETE], mode, **second) == [2]
    assert kept(database) == ["1"]
    write(config(database), [good(3), COMPLETE], mode, generation_id=3, minimum_generation_id=3)
    assert kept(database) == []


def test_a_replay_of_an_overwritten_stream_sweeps_nothing(database: Database) -> None:
    write(config(database), [good(1), bad(2), COMPLETE], "overwrite")
    replay(CONNECTOR, config(database, text="body"), dry=False)
    assert set(stored(database)) == {"1", "2"}


def test_the_command_replays_and_tells_what_became_of_it(database: Database, tmp_path: Path) -> None:
    write(config(database, default_schema="kept"), [bad(1), COMPLETE], "append", key=None)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(database, text="body", default_schema="kept")))
    done = subprocess.run([PROGRAM, "replay", "--config", path], capture_output=True, text=True, check=True)
    assert "1 records replayed: 1 loaded." in done.stdout
    assert ask(database, "SELECT document_content FROM kept.docs") == ["body: body 1"]
    assert ask(database, "SELECT count(*) FROM kept._airbyte_refused") == [0]
