"""The files that a user of the connectors writes: two configurations and a catalog, here under `.demo/`."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo import bucket
from demo.s3_server import sign_in
from demo.servers import Servers

COMMANDS = Path(sys.executable).parent  # where the connectors' commands are installed
TEXT_FIELDS = ["content", "object", "kind", "note", "observer", "taken_on", "remark", "measured_at", "wind_from"]


@dataclass(frozen=True, slots=True)
class Files:
    """What the commands read and write. `state` need not exist; `program` is the destination's command."""

    program: Path
    folder: Path
    source: Path
    destination: Path
    catalog: Path
    state: Path


def write_files(folder: Path, servers: Servers) -> Files:
    """Anew, without a state; the catalog is what `source-s3 discover` finds, with a choice of modes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("source", "destination", "catalog", "state")
    files = Files(COMMANDS / servers.store.program, folder, *(folder / f"{name}.json" for name in names))
    files.state.unlink(missing_ok=True)
    _write(files.source, source_config(servers.s3.endpoint))
    _write(files.destination, destination_config(servers.store.indexing()))
    _write(files.catalog, configured(discover(files.source)))
    return files


def source_config(endpoint: str) -> dict[str, Any]:
    return {
        **sign_in(endpoint, bucket.NAME),
        "sync_deletions": True,
        "streams": [
            {
                "name": "documents",
                "globs": ["**/*.md", "**/*.txt", "**/*.html", "**/*.pdf", "**/*.docx"],
                "format": {"filetype": "unstructured"},
            },
            {"name": "plates", "globs": ["archive/*.csv"], "format": {"filetype": "csv"}},
            {"name": "readings", "globs": ["weather/*.parquet"], "format": {"filetype": "parquet"}},
        ],
    }


def destination_config(indexing: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "embedding": {"mode": "local"},
        "processing": {"chunk_size": 120, "text_fields": TEXT_FIELDS, "metadata_fields": []},
        "indexing": indexing,
    }


def discover(source_config: Path) -> list[dict[str, Any]]:
    """The streams that the source finds."""
    command = [str(COMMANDS / "source-s3"), "discover", "--config", str(source_config)]
    done = subprocess.run(command, capture_output=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    found = next((message["catalog"]["streams"] for message in messages if message["type"] == "CATALOG"), None)
    if found is None:
        raise ValueError(f"source-s3 discover found no catalog:\n{done.stdout.decode(errors='replace')}")
    return list(found)


def configured(streams: list[dict[str, Any]]) -> dict[str, Any]:
    """Each stream incremental, its records told apart by the source's own key."""
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
                "primary_key": stream["source_defined_primary_key"],
                "cursor_field": stream.get("default_cursor_field") or [],
            }
            for stream in streams
        ]
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
