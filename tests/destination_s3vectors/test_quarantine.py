"""Refused records kept aside: what is kept, when a state may leave, what makes an entry out of date, the replay."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from destination_s3vectors.config import Config
from destination_s3vectors.connector import CONNECTOR
from destination_s3vectors.emulator.faults import Rule
from destination_s3vectors.quarantine import AccountQuarantine
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import VectorBucket
from tests.destination_s3vectors.contents import read_stream, vectors_of
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.messages import record_line, state_line, status_line
from vector_ingest.pipeline import replay, write_lines
from vector_ingest.quarantine import Rejected

DOCS = Stream("docs", None, "append_dedup", (("id",),))
ACCOUNT = "airbyte.ingest--account"


def config(bucket: VectorBucket, most: int | None = 10, text: str = "text", **changes: Any) -> dict[str, Any]:
    policy = {"type": "stop"} if most is None else {"type": "quarantine", "most": most}
    return {
        "embedding": {"mode": "fake"},
        "processing": {"chunk_size": 100, "text_fields": [text], "metadata_fields": ["id"]},
        "indexing": bucket.indexing(),
        "refused_records": policy,
        **changes,
    }


def catalog(mode: str = "append_dedup", **more: Any) -> dict[str, Any]:
    stream = {"name": "docs", "json_schema": {}}
    configured = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": mode, "primary_key": [["id"]]}
    return {"streams": [configured | more]}


def good(identity: int, text: str = "good", **more: Any) -> bytes:
    return record_line("docs", None, {"id": identity, "text": text, **more}, 1)


def bad(identity: int, **more: Any) -> bytes:
    """It lacks the text field."""
    return record_line("docs", None, {"id": identity, "body": f"body {identity}", **more}, 1)


def state(number: int) -> bytes:
    return state_line("docs", None, {"n": number}, 0)


COMPLETE = status_line("docs", None, "COMPLETE")


def write(config: dict[str, Any], lines: Sequence[bytes], chosen: dict[str, Any] | None = None) -> list[Any]:
    """The states that left."""
    output: list[bytes] = []
    write_lines(
        CONNECTOR, config, chosen or catalog(), BytesIO(b"".join(line + b"\n" for line in lines)), output.append
    )
    messages = [json.loads(line) for line in output]
    return [message["state"]["stream"]["stream_state"]["n"] for message in messages if message["type"] == "STATE"]


def stored(bucket: VectorBucket) -> dict[str, list[str]]:
    rows = read_stream(bucket, DOCS)
    return {identity.removeprefix("Stream_docs_Key_"): [text for text, _ in rows[identity]] for identity in rows}


def entries(bucket: VectorBucket) -> list[dict[str, Any]]:
    found = [vector for vector in vectors_of(bucket, ACCOUNT) if vector["key"].startswith("refused#")]
    return [json.loads(vector["metadata"]["entry"]) for vector in found]


def test_without_a_quarantine_a_refused_record_stops_the_sync_and_holds_its_state(vector_bucket: VectorBucket) -> None:
    with pytest.raises(DataError, match=r"none of the text fields.*body"):
        write(config(vector_bucket, most=None), [good(1), state(1), bad(2), state(2), COMPLETE])
    assert stored(vector_bucket) == {"1": ["text: good"]}
    assert entries(vector_bucket) == []


def test_a_refused_record_is_kept_with_its_reason_and_the_others_are_stored(vector_bucket: VectorBucket) -> None:
    assert write(config(vector_bucket), [good(1), bad(2), good(3), state(1), COMPLETE]) == [1]
    assert set(stored(vector_bucket)) == {"1", "3"}
    (entry,) = entries(vector_bucket)
    assert "none of the text fields" in entry["reason"]
    assert json.loads(entry["line"])["record"]["data"] == {"id": 2, "body": "body 2"}


def test_a_record_that_brings_a_vector_without_direction_is_kept(vector_bucket: VectorBucket) -> None:
    chosen = config(vector_bucket, embedding={"mode": "from_field", "field_name": "vector", "dimensions": 2})
    assert write(chosen, [good(1, vector=[1, 2]), good(2, vector=[0, 0]), state(1), COMPLETE]) == [1]
    assert set(stored(vector_bucket)) == {"1"}
    (entry,) = entries(vector_bucket)
    assert "zero" in entry["reason"]


def test_a_record_of_any_length_is_kept_whole(vector_bucket: VectorBucket) -> None:
    long = '\\ " é 🙂 ' * 20_000
    write(config(vector_bucket), [bad(1, long=long), COMPLETE])
    assert replay(CONNECTOR, config(vector_bucket, text="long", processing=whole("body")), dry=False)
    assert stored(vector_bucket) == {"1": ["body: body 1"]}
    assert entries(vector_bucket) == []


@contextmanager
def opened_quarantine(bucket: VectorBucket) -> Iterator[AccountQuarantine]:
    store = S3VectorsStore(Config.model_validate(config(bucket)), 2, "model")
    yield AccountQuarantine(lambda: store.places.account, 10, {"docs": "0"})
    store.close()


@pytest.mark.parametrize(
    ("operation", "call", "left"),
    [("PutVectors", 1, "older"), ("PutVectors", 2, "older"), ("DeleteVectors", 1, "newer")],
)
def test_an_entry_that_is_refused_anew_is_never_lost_on_the_way(
    vector_bucket: VectorBucket, operation: str, call: int, left: str
) -> None:
    lines = {"older": bad(1, long="x" * 20_000), "newer": bad(1, long="y" * 9_000)}
    write(config(vector_bucket), [lines["older"], COMPLETE])
    broken = Rule("error", operation=operation, calls=(call,), code="AccessDeniedException", status=403)
    with opened_quarantine(vector_bucket) as quarantine:
        vector_bucket.emulator.faults.set([broken])
        with pytest.raises(ConfigError):
            quarantine.keep([Rejected(DOCS, "Stream_docs_Key_1", "again", lines["newer"])])
        vector_bucket.emulator.faults.set([])
    with opened_quarantine(vector_bucket) as quarantine:
        (kept,) = quarantine.entries()
    assert kept.line == lines[left]


def whole(text_field: str) -> dict[str, Any]:
    return {"chunk_size": 100, "text_fields": [text_field], "metadata_fields": ["id"]}


def test_more_than_the_allowed_number_stops_the_sync(vector_bucket: VectorBucket) -> None:
    lines = [bad(number) for number in range(4)]
    with pytest.raises(DataError, match=r"4 records.*at most 3.*ingest--account"):
        write(config(vector_bucket, most=3), [*lines, state(1), COMPLETE])
    assert len(entries(vector_bucket)) == 4


def test_a_replay_loads_what_is_mended_and_keeps_the_rest(vector_bucket: VectorBucket) -> None:
    write(config(vector_bucket), [bad(1), record_line("docs", None, {"id": 2, "other": 1}, 1), COMPLETE])
    assert "2 refused records" in replay(CONNECTOR, config(vector_bucket), dry=True)
    assert stored(vector_bucket) == {}
    told = replay(CONNECTOR, config(vector_bucket, text="body"), dry=False)
    assert told == "2 records replayed: 1 loaded, 1 refused again and kept in the index `airbyte.ingest--account`."
    assert stored(vector_bucket) == {"1": ["body: body 1"]}
    (entry,) = entries(vector_bucket)
    assert entry["id"] == "Stream_docs_Key_2"
    assert "0 records replayed" not in replay(CONNECTOR, config(vector_bucket, text="other"), dry=False)
    assert set(stored(vector_bucket)) == {"1", "2"}
    assert entries(vector_bucket) == []


@pytest.mark.parametrize("newer", [good(1, "newer"), good(1, _ab_cdc_deleted_at="2026-01-01")], ids=["stored", "gone"])
def test_a_later_version_makes_the_refused_one_out_of_date(vector_bucket: VectorBucket, newer: bytes) -> None:
    write(config(vector_bucket), [good(1, "older"), bad(1), COMPLETE])
    assert len(entries(vector_bucket)) == 1
    assert stored(vector_bucket) == {"1": ["text: older"]}
    write(config(vector_bucket, most=None), [newer, COMPLETE])
    assert entries(vector_bucket) == []
    expected = {} if b"deleted" in newer else {"1": ["text: newer"]}
    assert stored(vector_bucket) == expected
    replay(CONNECTOR, config(vector_bucket, text="body"), dry=False)
    assert stored(vector_bucket) == expected


def test_within_one_sync_too_the_last_version_counts(vector_bucket: VectorBucket) -> None:
    write(config(vector_bucket), [good(1, "first"), bad(1), bad(2), good(2, "last"), COMPLETE])
    assert [entry["id"] for entry in entries(vector_bucket)] == ["Stream_docs_Key_1"]
    assert stored(vector_bucket) == {"1": ["text: first"], "2": ["text: last"]}


def test_what_was_refused_before_an_overwrite_is_not_replayed_after_it(vector_bucket: VectorBucket) -> None:
    write(config(vector_bucket), [bad(1), COMPLETE])
    write(config(vector_bucket), [good(2), bad(3), COMPLETE], catalog("overwrite"))
    assert [entry["id"] for entry in entries(vector_bucket)] == ["Stream_docs_Key_3"]


@pytest.mark.parametrize("mode", ["overwrite", "append_dedup"])
def test_what_was_refused_in_a_cut_sync_of_the_same_generation_stays(vector_bucket: VectorBucket, mode: str) -> None:
    chosen = catalog(mode, generation_id=2, minimum_generation_id=2)
    cut = [bad(1), good(2), state(1), status_line("docs", None, "INCOMPLETE")]
    with pytest.raises(TransientError):
        write(config(vector_bucket), cut, chosen)
    assert write(config(vector_bucket), [good(3), state(2), COMPLETE], chosen) == [2]
    assert [entry["id"] for entry in entries(vector_bucket)] == ["Stream_docs_Key_1"]
    write(config(vector_bucket), [good(3), COMPLETE], catalog(mode, generation_id=3, minimum_generation_id=3))
    assert entries(vector_bucket) == []


def test_a_replay_of_an_overwritten_stream_sweeps_nothing(vector_bucket: VectorBucket) -> None:
    write(config(vector_bucket), [good(1), bad(2), COMPLETE], catalog("overwrite"))
    replay(CONNECTOR, config(vector_bucket, text="body"), dry=False)
    assert set(stored(vector_bucket)) == {"1", "2"}


def test_the_command_replays_and_tells_what_became_of_it(vector_bucket: VectorBucket, tmp_path: Path) -> None:
    write(config(vector_bucket), [bad(1), COMPLETE])
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(vector_bucket, text="body")))
    program = Path(sys.executable).parent / "destination-s3vectors"
    listed, done = (
        subprocess.run([program, "replay", "--config", path, *more], capture_output=True, text=True, check=True)
        for more in (["--dry-run"], [])
    )
    assert "docs: Stream_docs_Key_1: " in listed.stdout
    assert "1 records replayed: 1 loaded." in done.stdout
    assert set(stored(vector_bucket)) == {"1"}
