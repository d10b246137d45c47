"""What our connector makes of a case, and in which aspects that is not what the peer made of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from source_s3.check import check
from source_s3.config import Config
from source_s3.discover import discover
from source_s3.sync.configured import configured_streams
from source_s3.sync.read_all import read_all
from tests.peer.bucket import Server
from tests.peer.case import (
    Case,
    Outcome,
    configured,
    hidden,
    initial_states,
    last_states,
    names_of,
    outcome_of_read,
    streams_of,
)
from vector_ingest.command.spec import parse_config
from vector_ingest.errors import EXPLAINED

ASPECTS = ("check", "discover", "read", "records")


def outcome(case: Case, peer: Outcome, server: Server) -> Outcome:
    """With the peer's catalog. In this process: the errors that a command would tell are told here as well."""
    bucket = server.make_bucket()
    server.put(bucket, case.objects)
    config = case.configuration(server.endpoint, bucket)
    found: Outcome = {**_check(config), **_discover(config)}
    names = names_of(config)
    catalog = configured(peer["streams"], names, case.mode)
    server.put(bucket, case.late)
    states, reads = initial_states(case, names[0]), []
    for more in ({}, case.again):
        if more is None:
            continue
        server.put(bucket, more)
        messages, says = _read(config, catalog, states)
        states = last_states(messages)
        reads.append({**outcome_of_read(messages, says is not None), "says": says})
    return hidden({**found, "reads": reads}, server.endpoint, bucket)


def _check(config: Mapping[str, Any]) -> Outcome:
    try:
        check(parse_config(Config, config))
    except EXPLAINED as error:
        return {"check": "FAILED", "check_says": str(error)}
    return {"check": "SUCCEEDED", "check_says": None}


def _discover(config: Mapping[str, Any]) -> Outcome:
    try:
        streams = discover(parse_config(Config, config))
    except EXPLAINED as error:
        return {"streams": None, "discover_says": str(error)}
    return {"streams": streams_of([{"type": "CATALOG", "catalog": {"streams": streams}}])}


def _read(config: Mapping[str, Any], catalog: Mapping[str, Any], states: Any) -> tuple[list[Any], str | None]:
    """The messages, and the error that ended them."""
    lines = bytearray()
    says = None
    try:
        for piece in read_all(parse_config(Config, config), configured_streams(catalog, states)):
            lines += piece
            lines += b"" if lines.endswith(b"\n") else b"\n"
    except EXPLAINED as error:
        says = str(error)
    return [json.loads(line) for line in lines.splitlines()], says


def aspects(outcome: Outcome) -> dict[str, Any]:
    """What is compared, each in a form that is equal where the meaning is."""
    reads = outcome["reads"]
    return {
        "check": outcome["check"],
        "discover": _types(outcome["streams"]),
        "read": ["failed" if read["failed"] else "complete" for read in reads],
        "records": [None if read["failed"] else plain([read["records"], read["files"]]) for read in reads],
    }


def _types(streams: Mapping[str, Any] | None) -> Any:
    """Types by column, without null: here every column may be null, for the next file may lack it."""
    if streams is None:
        return None
    return {
        name: {**stream, "schema": {column: _kinds(value.get("type")) for column, value in stream["schema"].items()}}
        for name, stream in streams.items()
    }


def _kinds(kind: str | Sequence[str] | None) -> list[str]:
    return sorted({kind} if isinstance(kind, str) else {*(kind or [])} - {"null"})


def plain(value: Any) -> Any:
    """1.0 is 1 in JSON; true is not."""
    match value:
        case bool():
            return value
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


def differing(ours: Outcome, peer: Outcome) -> dict[str, Any]:
    """Ours, in the aspects that differ. Records are compared where both have read to the end."""
    mine, theirs = aspects(ours), aspects(peer)
    return {name: mine[name] for name in ASPECTS if not _same(name, mine[name], theirs[name])}


def _same(name: str, mine: Any, theirs: Any) -> bool:
    if name == "records":
        return all(None in (one, other) or texts(one) == texts(other) for one, other in zip(mine, theirs, strict=True))
    return texts(mine) == texts(theirs)


def texts(value: Any) -> str:
    """Python takes True for 1; JSON does not."""
    return json.dumps(value, sort_keys=True)
