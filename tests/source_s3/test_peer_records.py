"""The configuration of Airbyte's own source-s3 4.16.1 reads the records that it read.

`tests/files/peer_source_s3` holds a small bucket (`objects/`), a configuration in the peer's property names, and
`records.jsonl`: what the peer printed for them, without the objects' times. The peer leaves out top-level nulls.
"""

import base64
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from source_s3.records.document_records import DETAILS
from tests.conftest import Bucket

FILES = Path(__file__).parents[1] / "files" / "peer_source_s3"
CONNECTOR = Path(sys.executable).with_name("source-s3")
Records = dict[str, list[dict[str, Any]]]


@pytest.fixture
def config(bucket: Bucket, tmp_path: Path) -> Path:
    """The peer's configuration, led to a bucket that holds the peer's objects."""
    for file in sorted((FILES / "objects").rglob("*")):
        if file.is_file():
            bucket.put(file.relative_to(FILES / "objects").as_posix(), file.read_bytes())
    settings = json.loads((FILES / "config.json").read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**settings, **bucket.sign_in()}))
    return path


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run([CONNECTOR, *arguments], capture_output=True, check=False)
    messages: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (done.stderr.decode(), messages[-3:])
    return messages


def of_type(messages: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == name]


def by_stream(records: list[dict[str, Any]]) -> Records:
    """Data by stream, without top-level nulls and times; sorted, since equal times leave the order of files open."""
    found: Records = defaultdict(list)
    for record in records:
        kept = {
            name: value
            for name, value in record["data"].items()
            if value is not None and name != "_ab_source_file_last_modified"
        }
        found[record["stream"]].append(kept)
    return {name: sorted(data, key=lambda item: json.dumps(item, sort_keys=True)) for name, data in found.items()}


def test_the_peers_configuration_passes_check(config: Path) -> None:
    (status,) = of_type(run("check", "--config", config), "CONNECTION_STATUS")
    assert status["connectionStatus"]["status"] == "SUCCEEDED"


def peers_streams() -> list[dict[str, Any]]:
    streams: list[dict[str, Any]] = json.loads((FILES / "catalog.json").read_text())["streams"]
    return streams


def read_all(config: Path, folder: Path, mode: str) -> Records:
    """With the catalog that the peer discovered, as a connection has it that was made with the peer."""
    configured = [
        {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"} for stream in peers_streams()
    ]
    path = folder / "catalog.json"
    path.write_text(json.dumps({"streams": configured}))
    messages = run("read", "--config", config, "--catalog", path)
    return by_stream([message["record"] for message in of_type(messages, "RECORD")])


def peers_records() -> Records:
    return by_stream([json.loads(line) for line in (FILES / "records.jsonl").read_text().splitlines()])


def without(column: str, records: Records) -> Records:
    return {
        stream: [{name: value for name, value in record.items() if name != column} for record in data]
        for stream, data in records.items()
    }


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_the_peers_configuration_reads_the_peers_records(config: Path, tmp_path: Path, mode: str) -> None:
    assert without("raw", read_all(config, tmp_path, mode)) == without("raw", peers_records())


def test_binary_columns_are_base64_where_the_peer_decodes_them_as_text(config: Path, tmp_path: Path) -> None:
    """On purpose: bytes need not be text. docs/migration.md says so."""
    ours = read_all(config, tmp_path, "full_refresh")
    for stream in ("prices", "prices_float"):
        texts = [row["raw"] for row in peers_records()[stream] if "raw" in row]
        assert texts
        assert [row["raw"] for row in ours[stream] if "raw" in row] == [
            base64.b64encode(text.encode()).decode() for text in texts
        ]


def types(stream: Mapping[str, Any]) -> dict[str, set[str]]:
    """The JSON types of each column, without null: here every column may be null, for the next file may lack it."""
    kinds = {name: value["type"] for name, value in stream["json_schema"]["properties"].items()}
    return {name: {kind} if isinstance(kind, str) else {*kind} - {"null"} for name, kind in kinds.items()}


def test_discover_gives_the_peers_streams_fields_types_and_keys(config: Path) -> None:
    (found,) = of_type(run("discover", "--config", config), "CATALOG")
    ours = {stream["name"]: stream for stream in found["catalog"]["streams"]}
    peers = {stream["name"]: stream for stream in peers_streams()}

    assert list(ours) == list(peers)
    for name, stream in peers.items():
        more = set(DETAILS) if name == "documents" else set()  # on purpose: docs/migration.md says so
        assert {column: kinds for column, kinds in types(ours[name]).items() if column not in more} == types(stream)
        assert more <= types(ours[name]).keys()
        for fact in ("source_defined_primary_key", "supported_sync_modes", "default_cursor_field"):
            assert ours[name].get(fact) == stream.get(fact), (name, fact)
