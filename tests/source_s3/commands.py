"""source-s3 as the platform runs it, and what its lines say."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import Bucket
from tests.destination_commands import Ended, run

PROGRAM = Path(sys.executable).parent / "source-s3"
URL, ROW, DELETED_AT = "_ab_source_file_url", "_ab_source_file_row", "_ab_cdc_deleted_at"


def config(bucket: Bucket, path: str = "**", file_type: str = "csv", **more: Any) -> dict[str, Any]:
    """One stream called `files`."""
    return {**bucket.sign_in(), "path": path, "file_type": file_type, "stream_name": "files", **more}


def catalog(*names: str, sync_mode: str = "incremental", **more: Any) -> dict[str, Any]:
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": sync_mode,
                "destination_sync_mode": "append",
                **more,
            }
            for name in names or ["files"]
        ]
    }


def arguments(folder: Path, command: str, config: object, catalog: object = None, states: object = None) -> list[str]:
    """The command line, its files written into `folder`."""
    line = [str(PROGRAM), command]
    for name, value in (("config", config), ("catalog", catalog), ("state", states)):
        if value is not None:
            file = folder / f"{name}.json"
            file.write_text(value if isinstance(value, str) else json.dumps(value))
            line += [f"--{name}", str(file)]
    return line


def read(
    folder: Path, config: Mapping[str, Any], catalog: Mapping[str, Any], states: Sequence[Any] | None = None
) -> Ended:
    return run(arguments(folder, "read", config, catalog, states))


def records(ended: Ended, stream: str = "files") -> list[dict[str, Any]]:
    """The data of one stream's records, without the file's time."""
    return [
        {name: value for name, value in record["data"].items() if name != "_ab_source_file_last_modified"}
        for record in ended.of("RECORD")
        if record["stream"] == stream
    ]


def read_keys(ended: Ended) -> list[str]:
    """The objects whose records came, without delete records."""
    return sorted({record[URL] for record in records(ended) if not record.get(DELETED_AT)})


def deleted_keys(ended: Ended) -> list[str]:
    """The objects whose delete records came."""
    return sorted({record[URL] for record in records(ended) if record.get(DELETED_AT)})


def deletes(ended: Ended) -> list[dict[str, Any]]:
    """The keys of the delete records, in order."""
    return [
        {name: record[name] for name in (URL, ROW) if name in record}
        for record in records(ended)
        if record.get(DELETED_AT)
    ]


def last_states(ended: Ended) -> list[Any]:
    """Each stream's last state, as the platform hands them over to the next sync."""
    found = {state["stream"]["stream_descriptor"]["name"]: state for state in ended.of("STATE")}
    return list(found.values())


def statuses(ended: Ended, stream: str = "files") -> list[str]:
    return [
        trace["stream_status"]["status"]
        for trace in ended.of("TRACE")
        if trace["type"] == "STREAM_STATUS" and trace["stream_status"]["stream_descriptor"]["name"] == stream
    ]


def logs(ended: Ended) -> str:
    return "\n".join(log["message"] for log in ended.of("LOG"))


def counts(ended: Ended) -> Iterator[tuple[int, float]]:
    """For each state, the records since the one before it, counted here and told by the state."""
    since = 0
    for message in ended.messages:
        since += message["type"] == "RECORD"
        if message["type"] == "STATE":
            yield since, message["state"]["sourceStats"]["recordCount"]
            since = 0
