"""A case: a bucket, a configuration in the peer's names, and the syncs. An outcome: what a connector made of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.peer.objects import Object

Outcome = dict[str, Any]
"""`check`: SUCCEEDED or FAILED, `check_says`; `streams`: schema and key by stream, or None, `discover_says`;
`reads`: for each sync `failed`, `says`, `records` by stream, `files`: times by URL, `statuses` by stream."""


@dataclass(frozen=True, slots=True)
class Case:
    """`streams` or, for other shapes, `config` as it is. Objects come before `check` and `discover`, `late` ones after.

    `again`: what is put before a second sync, which goes on from the first one's state; None: there is none.
    `state`: of the only stream, before the first sync. `environment`: of the process.
    """

    name: str
    objects: Mapping[str, Object]
    streams: Sequence[Mapping[str, Any]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    late: Mapping[str, Object] = field(default_factory=dict)
    again: Mapping[str, Object] | None = None
    state: Mapping[str, Any] | None = None
    mode: Literal["full_refresh", "incremental"] = "full_refresh"
    environment: Mapping[str, str] = field(default_factory=dict)
    signs_in: bool = True

    def digest(self) -> str:
        """Changes with all that may change the peer's outcome."""
        facts = (self.objects, self.streams, self.config, self.late, self.again, self.state, self.mode)
        told = repr((*facts, self.environment, self.signs_in))
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def configuration(self, endpoint: str, bucket: str) -> dict[str, Any]:
        """With `{endpoint}` and `{bucket}` filled in, and the way to the server added unless the case has its own."""
        text = json.dumps({**self.config, **({"streams": list(self.streams)} if self.streams else {})})
        own: dict[str, Any] = json.loads(text.replace("{endpoint}", endpoint).replace("{bucket}", bucket))
        return {**(way(endpoint, bucket) if self.signs_in else {}), **own}


def way(endpoint: str, bucket: str) -> dict[str, Any]:
    keys = {"auth_type": "iam_user", "aws_access_key_id": "AKIALOOPBACKONLY0000", "aws_secret_access_key": "loopback"}
    return {"bucket": bucket, "endpoint": endpoint, "region_name": "us-east-1", "credentials": keys}


def stream(filetype: str = "csv", name: str = "s", **more: Any) -> dict[str, Any]:
    """Options of the format are given as `format={...}`."""
    reading = {"filetype": filetype, **more.pop("format", {})}
    return {"name": name, "globs": ["**"], **more, "format": reading}


def configured(streams: Mapping[str, Any] | None, names: Sequence[str], mode: str) -> dict[str, Any]:
    """The catalog of a sync: of what discover found, or, if it found none, of streams without columns."""
    found = streams or {name: {"schema": {}, "key": []} for name in names}
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {"type": "object", "properties": stream["schema"]},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                    "source_defined_cursor": True,
                    "default_cursor_field": ["_ab_source_file_last_modified"],
                    "source_defined_primary_key": stream["key"],
                },
                "sync_mode": mode,
                "destination_sync_mode": "append",
            }
            for name, stream in found.items()
        ]
    }


def names_of(config: Mapping[str, Any]) -> list[str]:
    """Of the streams; a case of a stream without a name, or of none, is read as the stream `s`."""
    return [stream.get("name", "s") for stream in config.get("streams", [])] or [config.get("dataset", "s")]


TIME, URL = "_ab_source_file_last_modified", "_ab_source_file_url"


def outcome_of_read(messages: Sequence[Mapping[str, Any]], failed: bool) -> Outcome:
    """Of the protocol messages of one `read`."""
    records: dict[str, list[dict[str, Any]]] = {}
    files: dict[str, str] = {}
    for message in messages:
        if message["type"] == "RECORD":
            record = message["record"]
            data = {name: value for name, value in record["data"].items() if value is not None}
            if TIME in data:
                files[data.get(URL, "")] = data.pop(TIME)
            if reference := record.get("file_reference"):
                data["(file)"] = {name: value for name, value in reference.items() if name != "staging_file_url"}
            records.setdefault(record["stream"], []).append(data)
    return {
        "failed": failed,
        "says": error_of(messages),
        "records": {name: in_order(found) for name, found in sorted(records.items())},
        "files": dict(sorted(files.items())),
        "statuses": statuses(messages),
    }


def initial_states(case: Case, name: str) -> list[Any]:
    if case.state is None:
        return []
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": dict(case.state)}}]


def hidden(outcome: Outcome, endpoint: str, bucket: str) -> Outcome:
    """Without what changes from run to run, or from one machine to another."""
    text = json.dumps(outcome).replace(endpoint, "{endpoint}").replace(bucket, "{bucket}")
    text = text.replace(f"{Path.home()}/", "~/")
    found: Outcome = json.loads(text)
    return found


def in_order(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By file: among files of the same time the peer's order is open. Inside a file the order stays."""
    return sorted(records, key=lambda record: str(record.get(URL, json.dumps(record, sort_keys=True))))


def statuses(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The last one of each stream."""
    told = [message["trace"]["stream_status"] for message in messages if is_trace(message, "STREAM_STATUS")]
    return {status["stream_descriptor"]["name"]: status["status"] for status in told}


def error_of(messages: Sequence[Mapping[str, Any]]) -> str | None:
    errors = [message["trace"]["error"]["message"] for message in messages if is_trace(message, "ERROR")]
    return errors[0][:200] if errors else None


def is_trace(message: Mapping[str, Any], kind: str) -> bool:
    return message["type"] == "TRACE" and bool(message["trace"]["type"] == kind)


def last_states(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    states = [message["state"] for message in messages if message["type"] == "STATE"]
    return list({state["stream"]["stream_descriptor"]["name"]: state for state in states}.values())


def streams_of(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Of the messages of `discover`."""
    catalogs = [message["catalog"] for message in messages if message["type"] == "CATALOG"]
    if not catalogs:
        return None
    return {
        stream["name"]: {
            "schema": stream["json_schema"].get("properties", {}),
            "key": stream.get("source_defined_primary_key") or [],
            **({"is_file_based": True} if stream.get("is_file_based") else {}),
        }
        for stream in catalogs[0]["streams"]
    }
