"""The same configuration, catalog and objects: what airbyte-source-s3 4.16.1 made of them, beside what we make.

`tests/peer` has the cases and records the peer's side into `tests/files/peer_cases`. Where ours differs on purpose,
`tests/peer/differences_by_row.py` says why, `ours.json` what ours is, and docs/migration.md tells the user.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.peer.bucket import Server, serving
from tests.peer.case import Case, Outcome
from tests.peer.cases import GROUPS
from tests.peer.differences import listed, ours_recorded
from tests.peer.differences_by_row import BY_ROW
from tests.peer.ours import differing, outcome, texts
from tests.peer.properties import PAIRS
from tests.peer.record import FOLDER, recorded

CASES = {f"{group}/{case.name}": (group, case) for group, cases in GROUPS.items() for case in cases}
MIGRATION = Path(__file__).parents[2] / "docs" / "migration.md"
LIMIT = 500_000  # bytes: the recordings are read by people too
recording = cache(recorded)


@pytest.fixture(scope="module")
def peer_server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize("name", CASES)
def test_the_peers_case_gives_the_peers_outcome_or_the_difference_that_is_on_purpose(
    name: str, peer_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    group, case = CASES[name]
    peer = recording(group)[case.name]
    monkeypatch.setenv("AIRBYTE_STAGING_DIRECTORY", str(tmp_path))
    if name.endswith("endpoint_closed"):
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # nobody will ever answer
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value.replace("{endpoint}", peer_server.endpoint))
    found = differing(outcome(case, peer, peer_server), peer)
    assert texts(found) == texts(ours_recorded().get(name, {}))


def test_the_recordings_are_of_the_present_cases() -> None:
    """Otherwise: python -m tests.peer.record"""
    assert {f"{group}/{name}": outcome["digest"] for group in GROUPS for name, outcome in recording(group).items()} == {
        name: case.digest() for name, (_, case) in CASES.items()
    }
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < LIMIT


def test_each_difference_has_a_row_that_tells_the_user_why() -> None:
    """Otherwise: python -m tests.peer.differences"""
    assert {name: set(aspects) for name, aspects in ours_recorded().items()} == listed()
    told = MIGRATION.read_text()
    assert [row for row in BY_ROW if f"| {row}" not in told] == []


def test_every_property_of_the_peers_form_has_a_pair_of_cases() -> None:
    assert sorted(PAIRS) == json.loads((FOLDER / "form.json").read_text())


@pytest.mark.parametrize("path", PAIRS)
def test_the_value_of_a_property_changes_what_the_peer_does(path: str) -> None:
    pair = PAIRS[path]
    (one, made), (other, made_otherwise) = side(pair.group, pair.one), side(pair.group, pair.other)
    assert (one.objects, one.late, one.again, one.state) == (other.objects, other.late, other.again, other.state)
    assert (one.streams, one.config) != (other.streams, other.config) or one.environment != other.environment
    assert (made == made_otherwise) == (pair.same is not None)


def side(group: str, name: str) -> tuple[Case, Mapping[str, Any]]:
    made: Outcome = {key: value for key, value in recording(group)[name].items() if key != "digest"}
    return CASES[f"{group}/{name}"][1], made
