"""Fingerprints of objects."""

from datetime import timedelta, timezone

import pytest

from source_s3.state.encoding import TOMBSTONE
from source_s3.state.ledger import Entry, mtime_fingerprint
from tests.source_s3.state.ledgers import NOON, fingerprint


@pytest.mark.parametrize("mark", [-1, TOMBSTONE])
def test_an_entry_has_a_fingerprint_of_40_bits(mark: int) -> None:
    with pytest.raises(ValueError, match="not an entry"):
        Entry(mark)


def test_a_fingerprint_changes_with_each_of_its_parts() -> None:
    marks = {
        fingerprint("e", 1, NOON, "csv"),
        fingerprint("f", 1, NOON, "csv"),
        fingerprint("e", 2, NOON, "csv"),
        fingerprint("e", 1, NOON + timedelta(seconds=1), "csv"),
        fingerprint("e", 1, NOON, "jsonl"),
        fingerprint("e1", 1, NOON, "csv"),
        fingerprint("", 1, NOON, "ecsv"),
        mtime_fingerprint(NOON),
        mtime_fingerprint(NOON + timedelta(seconds=1)),
    }
    assert len(marks) == 9
    assert all(0 < mark < TOMBSTONE for mark in marks)


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    """A change here makes every user read every object anew: raise the ledger's version instead."""
    assert fingerprint('"9b2cf535f27731c9"', 1024, NOON, "{}") == 913612462509


def test_only_whole_seconds_count_in_any_zone() -> None:
    late = NOON.replace(microsecond=999_999).astimezone(timezone(timedelta(hours=5)))

    assert fingerprint("e", 1, late, "") == fingerprint("e", 1, NOON, "")
    assert mtime_fingerprint(late) == mtime_fingerprint(NOON)
    with pytest.raises(ValueError, match="without a zone"):
        mtime_fingerprint(NOON.replace(tzinfo=None))
