"""Ledgers of given entries, and what they find in a listing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from source_s3.state.ledger import Entry, Ledger, fingerprints

NOON = datetime(2024, 1, 2, 12, 0, 0, tzinfo=UTC)
PEER_NOON = "2024-01-02T12:00:00.000000Z"


def through_json(ledger: Ledger) -> Ledger:
    return Ledger.from_state(json.loads(json.dumps(ledger.to_state())))


def filled(contents: dict[str, Entry]) -> Ledger:
    ledger = Ledger()
    for key, entry in contents.items():
        ledger.put(key, entry)
    return ledger


Listed = tuple[str, int, datetime]


@dataclass(frozen=True)
class Diff:
    new: list[str]
    changed: list[str]
    gone: list[tuple[str, Entry]]
    unchanged: int
    ledger: Ledger


def diff(ledger: Ledger, listing: Iterable[Listed]) -> Diff:
    comparison = ledger.compare()
    fates = {key: comparison.find(key, mark, modified) for key, mark, modified in listing}
    named = {fate: [key for key in fates if fates[key] == fate] for fate in ("new", "changed", "unchanged")}
    gone = [(key, entry) for key in comparison.gone() if (entry := ledger.get(key)) is not None]
    return Diff(named["new"], named["changed"], gone, len(named["unchanged"]), comparison.ledger())


def contents(ledger: Ledger) -> dict[str, Entry]:
    return dict(diff(ledger, []).gone)


def listed(key: str, mark: int = 7, mtime: datetime = NOON) -> Listed:
    return key, mark, mtime


def fingerprint(etag: str, size: int, modified: datetime, options: str) -> int:
    return fingerprints(options)(etag, size, modified)


def peer(history: dict[str, Any]) -> dict[str, Any]:
    last = max(((str(time), key) for key, time in history.items()), default=("", ""))
    return {"history": history, "_ab_source_file_last_modified": "_".join(last)}
