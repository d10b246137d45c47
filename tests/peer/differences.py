"""Where our outcome of a case differs from the peer's on purpose: by the row of docs/migration.md that says why.

`python -m tests.peer.differences [group ...]` writes what ours is into `ours.json`, for the cases and aspects that
are listed here, and prints those that differ and are not listed, or are listed and do not differ.
"""

import json
import os
import sys
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

from tests.peer.bucket import Server, serving
from tests.peer.case import Case
from tests.peer.cases import GROUPS
from tests.peer.differences_by_row import BY_ROW
from tests.peer.ours import differing, outcome
from tests.peer.record import FOLDER, recorded

OURS = FOLDER / "ours.json"


def listed() -> dict[str, set[str]]:
    """Aspects by case."""
    found: dict[str, set[str]] = {}
    for cases in BY_ROW.values():
        for name, aspects in cases.items():
            found.setdefault(name, set()).update(aspects.split())
    return found


@cache
def ours_recorded() -> dict[str, dict[str, Any]]:
    """Ours by case and aspect."""
    found: dict[str, dict[str, Any]] = json.loads(OURS.read_text())
    return found


def main(groups: list[str]) -> None:
    kept = ours_recorded() if OURS.exists() else {}
    expected = listed()
    with serving() as server, TemporaryDirectory() as folder:
        for group in groups or GROUPS:
            for case in GROUPS[group]:
                name = f"{group}/{case.name}"
                found = _found(group, case, server, folder)
                wanted = expected.get(name, set())
                kept[name] = {aspect: value for aspect, value in found.items() if aspect in wanted}
                _report(name, set(found) - wanted, "differs and is not listed")
                _report(name, wanted - set(found), "is listed and does not differ")
    lines = [
        f" {json.dumps(name)}: {json.dumps(kept[name], ensure_ascii=False)}" for name in sorted(kept) if kept[name]
    ]
    OURS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _found(group: str, case: Case, server: Server, folder: str) -> dict[str, Any]:
    peer = recorded(group)[case.name]
    before = {**os.environ}
    told = {name: value.replace("{endpoint}", server.endpoint) for name, value in case.environment.items()}
    os.environ.update({**told, "AIRBYTE_STAGING_DIRECTORY": folder})
    try:
        return differing(outcome(case, peer, server), peer)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _report(name: str, aspects: set[str], what: str) -> None:
    if aspects:
        print(f"{name}: {', '.join(sorted(aspects))} {what}")


if __name__ == "__main__":
    main(sys.argv[1:])
