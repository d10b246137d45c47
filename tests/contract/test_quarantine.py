"""Refused records kept aside, by every destination that can: what is kept, what makes an entry out of date, the replay.

Another destination is one more entry in KINDS.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from destination_pgvector.connector import CONNECTOR as PGVECTOR
from destination_s3vectors.connector import CONNECTOR as S3VECTORS
from tests.conftest import Database, VectorBucket
from tests.destination_commands import COMMANDS
from tests.destination_pgvector.stores import ask
from tests.destination_s3vectors.contents import read_stream, vectors_of
from tests.refused_records import COMPLETE, bad, config, good, state, write
from vector_ingest.command.pipeline import Connector, replay
from vector_ingest.document import Stream
from vector_ingest.errors import DataError, TransientError
from vector_ingest.messages import record_line, status_line

PREFIX = "Stream_docs_Key_"


@dataclass(frozen=True, slots=True)
class Kind:
    """A destination under test. `stored`: texts of the stream by primary key; `kept`: reason and line, alike.

    `place`: what messages call it.
    """

    connector: Connector[Any]
    program: str
    indexing: Mapping[str, Any]
    place: str
    stored: Callable[[], Mapping[str, str]]
    kept: Callable[[], Mapping[str, tuple[str, str]]]

    def write(self, *lines: bytes, most: int | None = 10, mode: str = "append_dedup", **more: Any) -> list[Any]:
        """The states that left."""
        return write(self.connector, config(self.indexing, most), *lines, mode=mode, **more)

    def replay(self, text: str = "text", *, dry: bool = False, **changes: Any) -> str:
        return replay(self.connector, config(self.indexing, text=text, **changes), dry)


def in_pgvector(request: pytest.FixtureRequest) -> Kind:
    database: Database = request.getfixturevalue("database")

    def rows(table: str, columns: str) -> Sequence[Any]:
        if ask(database, "SELECT to_regclass(%s) IS NULL", table) == [True]:
            return []
        return ask(database, f"SELECT document_id, {columns} FROM {table} ORDER BY 1")

    def stored() -> Mapping[str, str]:
        return {identity.removeprefix(PREFIX): text for identity, text in rows("docs", "document_content")}

    def kept() -> Mapping[str, tuple[str, str]]:
        found = rows("_airbyte_refused", "reason, record")
        return {identity.removeprefix(PREFIX): (reason, line) for identity, reason, line in found}

    place = 'the table "public"."_airbyte_refused"'
    indexing = {**database.indexing(), "index": {"type": "none"}}
    return Kind(PGVECTOR, "destination-pgvector", indexing, place, stored, kept)


def in_s3vectors(request: pytest.FixtureRequest) -> Kind:
    bucket: VectorBucket = request.getfixturevalue("vector_bucket")

    def stored() -> Mapping[str, str]:
        rows = read_stream(bucket, Stream("docs", None, "append_dedup"))
        return {identity.removeprefix(PREFIX): "".join(text for text, _ in rows[identity]) for identity in rows}

    def kept() -> Mapping[str, tuple[str, str]]:
        account = vectors_of(bucket, "airbyte.ingest--account")
        pieces = {found["key"]: json.loads(found["metadata"]["entry"]) for found in account}
        pieces = {key: entry for key, entry in pieces.items() if key.startswith("refused#")}
        firsts = {key: entry for key, entry in pieces.items() if "pieces" in entry}
        assert sum(entry["pieces"] for entry in firsts.values()) == len(pieces)  # nothing is left of older ones
        found = {}
        for key, entry in firsts.items():
            more = [pieces[f"{key}#{entry['digest']}#{number}"]["line"] for number in range(1, entry["pieces"])]
            found[entry["id"].removeprefix(PREFIX)] = entry["reason"], "".join([entry["line"], *more])
        return found

    place = "the index `airbyte.ingest--account`"
    return Kind(S3VECTORS, "destination-s3vectors", bucket.indexing(), place, stored, kept)


KINDS: dict[str, Callable[[pytest.FixtureRequest], Kind]] = {"pgvector": in_pgvector, "s3vectors": in_s3vectors}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param](request)


def test_without_a_quarantine_a_refused_record_stops_the_sync_and_holds_its_state(kind: Kind) -> None:
    with pytest.raises(DataError, match=r"none of the text fields.*body"):
        kind.write(good(1), state(1), bad(2), state(2), COMPLETE, most=None)
    assert kind.stored() == {"1": "text: good"}
    assert kind.kept() == {}


def test_a_refused_record_is_kept_whole_with_its_reason_and_the_others_are_stored(kind: Kind) -> None:
    odd = bad(2, odd='\\ " é 🙂 \0 %s' * 20_000)
    assert kind.write(good(1), odd, good(3), state(1), COMPLETE) == [1]
    assert set(kind.stored()) == {"1", "3"}
    ((identity, (reason, line)),) = kind.kept().items()
    assert identity == "2"
    assert "none of the text fields" in reason
    assert line.encode() == odd


def test_a_refused_record_is_kept_though_its_line_is_no_whole_utf_8(kind: Kind) -> None:
    surrogate = "\ud800".encode(errors="surrogatepass")
    assert kind.write(bad(0).replace(b'"id":0', b'"id":"b' + surrogate + b'"'), COMPLETE, state(1)) == [1]
    ((identity, (_, line)),) = kind.kept().items()
    assert json.loads(line)["record"]["data"]["id"] == "b\ud800"
    assert kind.replay("body") == "1 records replayed: 1 loaded."
    assert (len(kind.stored()), kind.kept()) == (1, {}), identity


def test_more_than_the_allowed_number_stops_the_sync(kind: Kind) -> None:
    with pytest.raises(DataError, match=r"4 records.*at most 3") as caught:
        kind.write(*(bad(number) for number in range(4)), state(1), COMPLETE, most=3)
    assert kind.place in str(caught.value)
    assert len(kind.kept()) == 4


def test_a_replay_loads_what_is_mended_and_keeps_the_rest(kind: Kind) -> None:
    kind.write(bad(1, long="é" * 20_000), record_line("docs", None, {"id": 2, "other": 1}, 1), COMPLETE)
    told = kind.replay(dry=True)
    assert "docs: Stream_docs_Key_2: a record of stream" in told
    assert told.endswith(f"2 refused records are kept in {kind.place}.")
    assert (kind.stored(), set(kind.kept())) == ({}, {"1", "2"})
    told = kind.replay("body")
    assert told == f"2 records replayed: 1 loaded, 1 refused again and kept in {kind.place}."
    assert (kind.stored(), set(kind.kept())) == ({"1": "body: body 1"}, {"2"})
    assert kind.replay("other") == "1 records replayed: 1 loaded."
    assert (set(kind.stored()), kind.kept()) == ({"1", "2"}, {})
    assert kind.replay().startswith("0 records replayed")


@pytest.mark.parametrize("refused", [{"type": "stop"}, {"type": "skip", "most": 9}], ids=["stop", "skip"])
def test_a_replay_loses_none_that_is_refused_again_whatever_the_form_says_of_such(kind: Kind, refused: Any) -> None:
    kind.write(bad(1), record_line("docs", None, {"id": 2, "other": 1}, 1), COMPLETE)
    with pytest.raises(DataError, match="none of the text fields"):
        kind.replay("body", refused_records=refused)
    assert (kind.stored(), set(kind.kept())) == ({"1": "body: body 1"}, {"2"})


@pytest.mark.parametrize("newer", [good(1, "newer"), good(1, _ab_cdc_deleted_at="2026-01-01")], ids=["stored", "gone"])
def test_a_later_version_makes_the_refused_one_out_of_date(kind: Kind, newer: bytes) -> None:
    kind.write(good(1, "older"), bad(1), COMPLETE)
    assert (kind.stored(), set(kind.kept())) == ({"1": "text: older"}, {"1"})
    kind.write(newer, COMPLETE, most=None)
    expected = {} if b"deleted" in newer else {"1": "text: newer"}
    assert (kind.stored(), kind.kept()) == (expected, {})
    kind.replay("body")
    assert kind.stored() == expected


def test_within_one_sync_too_the_last_version_counts(kind: Kind) -> None:
    kind.write(good(1, "first"), bad(1), bad(2), good(2, "last"), COMPLETE)
    assert (kind.stored(), set(kind.kept())) == ({"1": "text: first", "2": "text: last"}, {"1"})


def test_what_was_refused_before_an_overwrite_is_not_replayed_after_it(kind: Kind) -> None:
    kind.write(bad(1), COMPLETE)
    kind.write(good(2), bad(3), COMPLETE, mode="overwrite")
    assert set(kind.kept()) == {"3"}


def test_of_clients_that_always_send_the_same_generation_too(kind: Kind) -> None:
    same = {"generation_id": 1, "minimum_generation_id": 1}
    kind.write(good(1), bad(2), COMPLETE, mode="overwrite", **same)
    kind.write(good(1), bad(3), COMPLETE, mode="overwrite", **same)
    assert set(kind.kept()) == {"3"}


@pytest.mark.parametrize("mode", ["overwrite", "append_dedup"])
def test_what_was_refused_in_a_cut_sync_of_the_same_generation_stays(kind: Kind, mode: str) -> None:
    second = {"generation_id": 2, "minimum_generation_id": 2}
    with pytest.raises(TransientError):
        kind.write(bad(1), good(2), state(1), status_line("docs", None, "INCOMPLETE"), mode=mode, **second)
    assert kind.write(good(3), state(2), COMPLETE, mode=mode, **second) == [2]
    assert set(kind.kept()) == {"1"}
    kind.write(good(3), COMPLETE, mode=mode, generation_id=3, minimum_generation_id=3)
    assert kind.kept() == {}


def test_a_replay_of_an_overwritten_stream_sweeps_nothing(kind: Kind) -> None:
    kind.write(good(1), bad(2), COMPLETE, mode="overwrite")
    kind.replay("body")
    assert set(kind.stored()) == {"1", "2"}


def test_the_command_lists_and_replays_and_tells_what_became_of_it(kind: Kind, tmp_path: Path) -> None:
    kind.write(bad(1), COMPLETE, mode="append", key=None)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(kind.indexing, text="body")))
    line = [str(COMMANDS / kind.program), "replay", "--config", str(path)]
    listed, done = (
        subprocess.run([*line, *more], capture_output=True, text=True, check=True) for more in (["--dry-run"], [])
    )
    assert "docs: " in listed.stdout
    assert "none of the text fields" in listed.stdout
    assert done.stdout == "1 records replayed: 1 loaded.\n"  # what is logged is no part of it
    assert "1 documents written" in done.stderr
    assert list(kind.stored().values()) == ["body: body 1"]
    assert kind.kept() == {}
