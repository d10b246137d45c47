"""Bad rows that are kept aside, read again by the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from source_s3.policy.quarantine import Kept, Place, Quarantine
from source_s3.policy.quarantine_places import place_at
from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.source_s3.commands import arguments, catalog, logs, read, records

TEXT = 'id,text\n1,a\n2,"b\nb",too many\n3,c\n'


def settings(bucket: Bucket, filetype: str = "csv", **options: Any) -> dict[str, Any]:
    place = f"s3://{bucket.name}/bad/"
    stream = {
        "name": "files",
        "globs": ["in/*"],
        "format": {"filetype": filetype, **options},
        "bad_rows": {"type": "quarantine", "place": place},
    }
    return {**bucket.sign_in(), "streams": [stream]}


def place(bucket: Bucket) -> Place:
    return place_at(f"s3://{bucket.name}/bad/", bucket.client)


def kept(bucket: Bucket) -> list[Kept]:
    return list(Quarantine(place(bucket), "files").rows())


def replayed(folder: Path, config: dict[str, Any], *more: str, wanted: dict[str, Any] | None = None) -> Ended:
    return run([*arguments(folder, "replay", config, wanted or catalog()), *more])


def mend(bucket: Bucket, old: str, new: str) -> None:
    """By hand, in the quarantine's file."""
    (file,) = place(bucket).names("")
    entry = json.loads(place(bucket).get(file))
    entry["raw"] = entry["raw"].replace(old, new)
    place(bucket).put(file, json.dumps(entry).encode())


def test_a_row_that_was_mended_by_hand_is_printed_as_a_record_of_its_object(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.csv", TEXT)
    read(tmp_path, settings(bucket), catalog())
    mend(bucket, ",too many", "")
    ended = replayed(tmp_path, settings(bucket))
    assert ended.code == 0
    assert records(ended) == [{"id": "2", "text": "b\nb", "_ab_source_file_url": "in/a.csv"}]
    assert "1 bad rows readable, 0 as bad as before" in logs(ended)
    assert len(kept(bucket)) == 1  # nothing tells whether a destination has stored it


def test_a_line_that_was_mended_becomes_a_record_beside_those_that_were_read(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.jsonl", '{"id": 1}\nid: 2\n')
    read(tmp_path, settings(bucket, "jsonl"), catalog())
    mend(bucket, "id: 2", '{"id": 2}')
    ended = replayed(tmp_path, settings(bucket, "jsonl"))
    assert [record["id"] for record in records(ended)] == [2]


def test_a_row_as_bad_as_before_is_told_and_stays(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.csv", TEXT)
    read(tmp_path, settings(bucket), catalog())
    ended = replayed(tmp_path, settings(bucket), "--forget")
    assert (ended.code, records(ended)) == (0, [])
    assert "in/a.csv, line 3: expected" in logs(ended)
    assert len(kept(bucket)) == 1


def test_what_can_be_read_is_forgotten_on_request_and_the_rest_stays(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.csv", TEXT + "4,d,too much\n")
    read(tmp_path, settings(bucket), catalog())
    (file,) = place(bucket).names("")
    place(bucket).put(file, place(bucket).get(file).replace(b",too many", b""))
    ended = replayed(tmp_path, settings(bucket), "--forget")
    assert (ended.code, records(ended)) == (0, [])
    (left,) = kept(bucket)
    assert left.raw == b"4,d,too much"


def test_a_dry_run_tells_what_is_kept_and_prints_no_record(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("in/a.csv", TEXT)
    read(tmp_path, settings(bucket), catalog())
    mend(bucket, ",too many", "")
    ended = replayed(tmp_path, settings(bucket), "--dry-run")
    assert records(ended) == []
    assert "in/a.csv, line 3: can be read now" in logs(ended)


@pytest.mark.parametrize("change", ["overwritten", "gone"])
def test_an_entry_of_an_object_that_changed_is_left_to_the_next_sync(
    bucket: Bucket, tmp_path: Path, change: str
) -> None:
    bucket.put("in/a.csv", TEXT)
    read(tmp_path, settings(bucket), catalog())
    if change == "gone":
        bucket.client.delete_object(Bucket=bucket.name, Key="in/a.csv")
    else:
        bucket.put("in/a.csv", "id,text\n")
    ended = replayed(tmp_path, settings(bucket))
    assert (ended.code, records(ended)) == (0, [])
    assert "the next sync reads it anew" in logs(ended)


def test_a_catalog_that_overwrites_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    wanted = catalog()
    wanted["streams"][0]["destination_sync_mode"] = "overwrite"
    ended = replayed(tmp_path, settings(bucket), wanted=wanted)
    assert ended.code == 1
    assert "append_dedup" in json.dumps(ended.messages)


def test_numbered_rows_are_not_replayed(bucket: Bucket, tmp_path: Path) -> None:
    ended = replayed(tmp_path, {**settings(bucket), "sync_deletions": True})
    assert ended.code == 1
    assert "Mend the object" in json.dumps(ended.messages)
