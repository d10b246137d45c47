"""Bad rows that are kept aside: in a bucket over HTTP, and in a folder."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from source_s3.policy.quarantine import Kept, Place, Quarantine
from source_s3.policy.quarantine_places import FolderPlace, place_at, prove_writable
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from vector_ingest.errors import ConfigError

ROW = Kept("in/a.csv", "e1", "2026-01-02T00:00:00.000000Z", "line 7", "expected 2 values, found 3", b"1,2,3\n")
OTHERS = [
    replace(ROW, where="line 9", raw=b"\xff\x00"),
    replace(ROW, where="row group 2", raw=None),
    replace(ROW, object="in/b#c é.csv", raw='"é\n'.encode()),
]


@pytest.fixture(params=["bucket", "folder"])
def place(request: pytest.FixtureRequest, client: Any, bucket: Bucket, tmp_path: Path) -> Place:
    address = f"s3://{bucket.name}/bad/rows" if request.param == "bucket" else str(tmp_path / "bad" / "rows")
    return place_at(address, client)


def keep(quarantine: Quarantine, *rows: Kept) -> None:
    for row in rows:
        quarantine.keep([row])


def test_what_was_kept_is_found_again_as_it_was(place: Place) -> None:
    keep(Quarantine(place, "a/b c"), ROW, *OTHERS)
    found = list(Quarantine(place, "a/b c").rows())
    assert sorted(found, key=repr) == sorted([ROW, *OTHERS], key=repr)


def test_streams_do_not_see_each_other(place: Place) -> None:
    keep(Quarantine(place, "a"), ROW)
    assert list(Quarantine(place, "a/b").rows()) == []
    assert list(Quarantine(place, "..").rows()) == []


def test_a_row_that_was_kept_twice_is_found_once(place: Place) -> None:
    quarantine = Quarantine(place, "files")
    keep(quarantine, ROW, ROW)
    assert list(quarantine.rows()) == [ROW]


def test_an_object_is_forgotten_and_the_others_stay(place: Place) -> None:
    keep(Quarantine(place, "files"), ROW, *OTHERS)
    quarantine = Quarantine(place, "files")
    quarantine.forget("in/a.csv")
    quarantine.forget("never seen")
    assert list(quarantine.rows()) == [OTHERS[2]]


def test_other_versions_of_an_object_are_forgotten(place: Place) -> None:
    quarantine = Quarantine(place, "files")
    newer = replace(ROW, etag="e2")
    keep(quarantine, ROW, newer)
    quarantine.forget("in/a.csv", but="e2")
    assert list(quarantine.rows()) == [newer]
    quarantine.forget("in/a.csv", but="e3")
    assert list(quarantine.rows()) == []


def test_a_check_leaves_nothing_behind(place: Place) -> None:
    prove_writable(place)
    assert list(place.names("")) == []


def test_an_entry_that_was_spoiled_by_hand_is_named(place: Place) -> None:
    quarantine = Quarantine(place, "files")
    keep(quarantine, ROW)
    (file,) = place.names("")
    place.put(file, place.get(file) + b'{"object": "x"}\n')
    with pytest.raises(ConfigError, match=r"stream=files/.*\.jsonl in the quarantine, line 2.*[Mm]end"):
        list(quarantine.rows())


ENTRY = json.dumps({"object": "x", "etag": "e", "last_modified": "t", "where": "w", "reason": "r", "raw": 1}).encode()


@pytest.mark.parametrize(
    "line",
    [b"[]", b"1", b"null", ENTRY, ENTRY.replace(b'"x"', b"null"), b"[" * 100_000],
    ids=["list", "number", "null", "raw is a number", "object is null", "deep"],
)
def test_a_line_of_another_shape_is_named(place: Place, line: bytes) -> None:
    place.put("stream=files/a/b.jsonl", line)
    with pytest.raises(ConfigError, match=r"stream=files/a/b\.jsonl in the quarantine, line 1.*[Mm]end"):
        list(Quarantine(place, "files").rows())


def test_a_reason_that_quotes_half_a_character_is_kept(place: Place) -> None:
    quarantine, row = Quarantine(place, "files"), replace(ROW, reason="no column \ud800")
    keep(quarantine, row)
    assert list(quarantine.rows()) == [row]


def test_text_is_kept_readable_for_a_hand_that_mends_it(place: Place) -> None:
    keep(Quarantine(place, "files"), ROW)
    (file,) = place.names("")
    assert json.loads(place.get(file))["raw"] == "1,2,3\n"


def test_an_object_without_entries_costs_one_listing_in_all(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    quarantine = Quarantine(place_at(f"s3://{bucket.name}/bad", client), "files")
    for number in range(5):
        quarantine.forget(f"{number}.csv")
    assert len(proxy.seen("GET", "list-type=2")) == 1
    assert not proxy.seen("POST", "delete")


def test_more_than_a_thousand_files_are_listed_and_deleted(client: Any, bucket: Bucket) -> None:
    place = place_at(f"s3://{bucket.name}/many", client)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bucket.put(f"many/files/{number:04}.jsonl", b""), range(1_005)))
    names = list(place.names("files/"))
    assert len(names) == 1_005
    place.delete(names)
    assert list(place.names("")) == []


def test_a_bucket_that_may_not_be_written_is_a_clear_error(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    proxy.rules.append(Rule("answer", method="PUT", path="bad/", status=403, code="AccessDenied"))
    with pytest.raises(ConfigError, match=f"quarantine at s3://{bucket.name}/bad/"):
        prove_writable(place_at(f"s3://{bucket.name}/bad/", client))


def test_a_folder_that_can_not_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"quarantine at .*file/.*[Mm]end the folder"):
        prove_writable(FolderPlace(tmp_path / "file"))


def test_a_folder_that_can_not_be_used_is_a_clear_error_whatever_is_done(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    (tmp_path / "stream=files" / "a" / "folder.jsonl").mkdir(parents=True)
    with pytest.raises(
        ConfigError, match=r"Could not read stream=files/a/folder\.jsonl from the quarantine at /.*[Mm]end"
    ):
        list(Quarantine(place, "files").rows())
    with pytest.raises(ConfigError, match=r"Could not delete from the quarantine at /.*[Mm]end"):
        place.delete(["stream=files/a/folder.jsonl"])
    with pytest.raises(ConfigError, match=r"Could not list the quarantine at /.*[Mm]end"):
        list(FolderPlace(tmp_path / ("long" * 100)).names(""))
    with pytest.raises(ConfigError, match=r"Could not write into the quarantine at /.*[Mm]end"):
        prove_writable(FolderPlace(tmp_path / "\0"))


@pytest.mark.parametrize("address", ["relative/folder", "", "https://host/x"])
def test_another_address_is_refused(client: Any, address: str) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/folder/ or an absolute path"):
        place_at(address, client)
