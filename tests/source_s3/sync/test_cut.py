"""What becomes of a sync that was cut: the next one makes good what it left, and goes on where it was."""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.commands import DELETED_AT, ROW, URL, config, deletes, last_states, records
from tests.source_s3.files import parquet
from tests.source_s3.in_process import pieces, sync
from tests.source_s3.sync.listings import list_as


@pytest.mark.parametrize(("file_type", "content"), [("documents", "# A"), ("csv", "id\n1\n2\n"), ("jsonl", '{"id":1}')])
def test_an_object_that_left_without_a_state_and_is_removed_then_is_deleted(
    bucket: Bucket, file_type: str, content: str
) -> None:
    """Of the cut sync only the first state arrived, which says what was under way."""
    settings = config(bucket, file_type=file_type, sync_deletions=True)
    bucket.put("a.md", content)
    cut = sync(settings)
    assert cut.messages.index(next(m for m in cut.messages if m["type"] == "STATE")) < cut.messages.index(
        next(m for m in cut.messages if m["type"] == "RECORD")
    )
    states = [cut.of("STATE")[0]]
    bucket.client.delete_object(Bucket=bucket.name, Key="a.md")
    second = sync(settings, states)
    gone = deletes(second)
    assert {key[URL] for key in gone} == {"a.md"}
    if file_type != "documents":
        assert {key[ROW] for key in gone} >= {record[ROW] for record in records(cut)}
    assert records(sync(settings, last_states(second))) == []


def test_an_object_that_was_under_way_and_is_still_there_is_read_again(bucket: Bucket) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("a.csv", "id\n1\n2\n")
    cut = sync(settings)
    second = sync(settings, [cut.of("STATE")[0]])
    assert (records(second), deletes(second)) == (records(cut), [])


def test_rows_of_an_object_that_was_cut_and_then_shortened_are_deleted(bucket: Bucket) -> None:
    settings = config(bucket, sync_deletions=True)
    bucket.put("a.csv", "id\n1\n2\n3\n")
    cut = sync(settings)
    bucket.put("a.csv", "id\n9\n")
    second = sync(settings, [cut.of("STATE")[0]])
    assert [record["id"] for record in records(second) if not record.get(DELETED_AT)] == ["9"]
    assert {key[ROW] for key in deletes(second)} >= {2, 3}


def test_a_jsonl_file_that_was_cut_goes_on_after_the_last_state(bucket: Bucket, proxy: FaultyS3) -> None:
    lines = [json.dumps({"id": number, "text": "x" * 1000}) for number in range(12_000)]
    bucket.put("long.jsonl", "\n".join(lines))
    settings = config(bucket, file_type="jsonl", endpoint=proxy.endpoint)
    assert_goes_on(settings, 12_000)
    assert proxy.seen("GET", "long.jsonl")[-1].range not in {None, "bytes=0-"}


def test_a_parquet_file_that_was_cut_goes_on_with_its_next_row_group(bucket: Bucket) -> None:
    bucket.put("long.parquet", parquet({"id": range(300_000)}, row_group_size=100_000))
    assert_goes_on(config(bucket, file_type="parquet"), 300_000)


def assert_goes_on(settings: Mapping[str, Any], count: int) -> None:
    """Cut at the first state in mid-file: what came until then and what comes afterwards is all, once."""
    before: list[int] = []
    states: list[Any] = []
    for messages in pieces(settings):
        before += [message["record"]["data"]["id"] for message in messages if message["type"] == "RECORD"]
        states = [message["state"] for message in messages if message["type"] == "STATE"]
        if states:
            break
    assert "resume" in states[0]["stream"]["stream_state"]
    assert states[0]["sourceStats"]["recordCount"] == len(before)
    after = sync(settings, states)
    assert 0 < len(before) < count
    assert before + [record["id"] for record in records(after)] == list(range(count))
    assert "resume" not in last_states(after)[0]["stream"]["stream_state"]


def cut_in(settings: Mapping[str, Any]) -> list[Any]:
    """The first state that has a place to go on from."""
    with closing(pieces(settings)) as read:  # type: ignore[type-var]  # a generator
        for messages in read:
            for message in messages:
                if message["type"] == "STATE" and "resume" in message["state"]["stream"]["stream_state"]:
                    return [message["state"]]
    raise AssertionError("no state in mid-file")


def test_an_object_that_was_cut_and_then_emptied_has_its_rows_deleted(bucket: Bucket) -> None:
    settings = config(bucket, file_type="jsonl", sync_deletions=True)
    bucket.put("long.jsonl", "\n".join(json.dumps({"text": "x" * 1000}) for _ in range(9_000)))
    states = cut_in(settings)
    delivered = states[0]["stream"]["stream_state"]["resume"]["rows"]
    bucket.put("long.jsonl", "")
    numbers = [key[ROW] for key in deletes(sync(settings, states))]
    assert numbers[:delivered] == list(range(1, delivered + 1))


def test_an_earlier_object_that_arrives_late_does_not_lose_the_place_to_go_on_from(
    bucket: Bucket, proxy: FaultyS3
) -> None:
    settings = config(bucket, file_type="jsonl", endpoint=proxy.endpoint)
    bucket.put("long.jsonl", "\n".join(json.dumps({"id": n, "text": "x" * 1000}) for n in range(9_000)))
    list_as(bucket, proxy, {"long.jsonl": "2026-01-02T00:00:00"})
    states = cut_in(settings)
    delivered = states[0]["stream"]["stream_state"]["resume"]["rows"]
    bucket.put("late.jsonl", '{"id": -1}')
    list_as(bucket, proxy, {"late.jsonl": "2026-01-01T00:00:00", "long.jsonl": "2026-01-02T00:00:00"})
    assert [record["id"] for record in records(sync(settings, states))] == [-1, *range(delivered, 9_000)]
