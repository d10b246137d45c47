"""What becomes of a sync when objects change while it reads. All through the command, over HTTP.

docs/faults.md names these tests.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import DELETED_AT, ROW, URL, last_states, logs, records, statuses
from tests.source_s3.sync.faults import LEAVE, ROWS, csv_of, ids, put_three, read, settings


@pytest.mark.parametrize("policy", [None, LEAVE], ids=["stop", "leave"])
def test_an_object_that_vanishes_after_the_listing_is_passed_over_and_deleted_by_the_next_sync(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, policy: Any
) -> None:
    config = settings(bucket, proxy, policy, sync_deletions=True)
    put_three(bucket)
    first = read(tmp_path, config)
    bucket.put("b.csv", "id\n4\n5\n")

    def remove() -> None:
        bucket.client.delete_object(Bucket=bucket.name, Key="b.csv")

    proxy.rules.append(Rule("delay", path="/b.csv", then=remove))
    second = read(tmp_path, config, last_states(first))
    assert (second.code, statuses(second)[-1], records(second)) == (0, "COMPLETE", [])
    assert f"s3://{bucket.name}/b.csv was removed after it was listed" in logs(second)
    third = read(tmp_path, config, last_states(second))
    deleted = [(record[URL], record[ROW]) for record in records(third) if record.get(DELETED_AT)]
    assert ("b.csv", 1) in deleted
    assert {url for url, _ in deleted} == {"b.csv"}
    assert records(read(tmp_path, config, last_states(third))) == []


def stored(*syncs: Ended) -> dict[tuple[str, int], str]:
    """What a destination that follows keys and deletes has after these syncs."""
    table: dict[tuple[str, int], str] = {}
    for record in (record for ended in syncs for record in records(ended)):
        key = record[URL], record[ROW]
        if record.get(DELETED_AT):
            table.pop(key, None)
        else:
            table[key] = record["id"]
    return table


@pytest.mark.parametrize("policy", [None, LEAVE], ids=["stop", "leave"])
def test_an_object_that_is_overwritten_in_mid_read_is_read_anew_in_the_same_sync(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path, policy: Any
) -> None:
    """Rows of the first version have left by then. The second one is shorter."""
    config = settings(bucket, proxy, policy, sync_deletions=True)
    bucket.put("a.csv", csv_of(ROWS))
    bucket.put("b.csv", "id,text\n1,x\n")
    proxy.rules.append(Rule("reset", after=2_500_000, path="/a.csv"))
    proxy.rules.append(Rule("delay", path="/a.csv", then=lambda: bucket.put("a.csv", csv_of(700, 500))))
    ended = read(tmp_path, config)
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE")
    assert len(records(ended)) > 10_000
    assert stored(ended) == {
        ("b.csv", 1): "1",
        **{("a.csv", row): str(number) for row, number in enumerate(range(500, 700), start=1)},
    }
    assert records(read(tmp_path, config, last_states(ended))) == []


def test_an_object_that_is_overwritten_at_each_read_is_never_taken_as_done(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    put_three(bucket)
    versions = iter(range(10, 99))
    again = Rule("delay", path="/b.csv", times=None, then=lambda: bucket.put("b.csv", f"id\n{next(versions)}\n"))
    proxy.rules.append(again)
    stopped = read(tmp_path, settings(bucket, proxy))
    assert (stopped.code, ids(stopped), stopped.error()["failure_type"]) == (1, ["1", "3"], "transient_error")
    assert re.search(r"b\.csv at byte 0.*changed while it was read", stopped.error()["message"])
    left = read(tmp_path, settings(bucket, proxy, LEAVE))
    assert (left.code, ids(left)) == (0, ["1", "3"])
    proxy.rules.clear()
    assert len(ids(read(tmp_path, settings(bucket, proxy, LEAVE), last_states(left)))) == 1
