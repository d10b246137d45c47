"""Objects copied as they are, by the real command: the files that the destination finds, and the records about them.

tests/peer/cases/syncs.py has the same beside the peer.
"""

import gzip
import json
import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from source_s3.config import FileTransfer
from source_s3.records.raw_copy import relative_path
from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import arguments, catalog, last_states, statuses

BODY = random.Random(3).randbytes(3_000_000)
RAW = {"delivery_type": "use_file_transfer"}
FLAT = {**RAW, "preserve_directory_structure": False}


def config(bucket: Bucket, method: Mapping[str, Any] = RAW, **more: Any) -> dict[str, Any]:
    way = {**bucket.sign_in(), "delivery_method": dict(method)}
    return {**way, "path": "**", "file_type": "csv", "stream_name": "files", **more}


def copy(folder: Path, config: Mapping[str, Any], states: Any = None) -> Ended:
    """A read, its staging folder inside of `folder`."""
    staging = folder / "staging"
    staging.mkdir(exist_ok=True)
    line = arguments(folder, "read", config, catalog(), states)
    return run(line, AIRBYTE_STAGING_DIRECTORY=str(staging))


def files(ended: Ended) -> dict[str, bytes]:
    """What the records refer to, by the path for the destination."""
    found = {}
    for record in ended.of("RECORD"):
        reference = record["file_reference"]
        body = Path(reference["staging_file_url"]).read_bytes()
        assert reference["file_size_bytes"] == record["data"]["bytes"] == len(body)
        found[reference["source_file_relative_path"]] = body
    return found


def staged(folder: Path) -> list[Path]:
    return [path for path in (folder / "staging").rglob("*") if path.is_file()]


def test_each_object_becomes_a_file_bit_by_bit_and_a_record_that_refers_to_it(bucket: Bucket, tmp_path: Path) -> None:
    bodies = {"a.csv": b"", "in/deep/b ü.bin": BODY, "in/c.csv.gz": gzip.compress(b"x"), "d.zip": b"PK no archive"}
    for key, body in bodies.items():
        bucket.put(key, body)
    ended = copy(tmp_path, config(bucket))

    assert (ended.code, statuses(ended)) == (0, ["STARTED", "RUNNING", "COMPLETE"])
    assert files(ended) == bodies
    (record,) = [record for record in ended.of("RECORD") if record["data"]["folder"] == "in/deep"]
    assert set(record) == {"stream", "data", "emitted_at", "file_reference"}
    assert set(record["data"]) == {"folder", "file_name", "bytes", "source_uri", "updated_at"}
    assert record["data"]["file_name"] == "b ü.bin"
    assert record["data"]["source_uri"] == f"s3://{bucket.name}/in/deep/b ü.bin"
    assert {os.fspath(path) for path in staged(tmp_path)} == {
        record["file_reference"]["staging_file_url"] for record in ended.of("RECORD")
    }


def test_the_next_sync_copies_what_is_new_or_changed_only(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", "h\n1\n")
    bucket.put("b.csv", "h\n2\n")
    first = copy(tmp_path, config(bucket))
    bucket.put("b.csv", "h\n22\n")
    bucket.put("c.csv", "h\n3\n")
    second = copy(tmp_path, config(bucket), last_states(first))
    assert set(files(first)) == {"a.csv", "b.csv"}
    assert files(second) == {"b.csv": b"h\n22\n", "c.csv": b"h\n3\n"}


def test_after_a_change_of_the_method_all_is_read_anew(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", "h\n1\n")
    copied = copy(tmp_path, config(bucket))
    as_records = copy(tmp_path, config(bucket, {"delivery_type": "use_records_transfer"}), last_states(copied))
    assert [record["data"]["h"] for record in as_records.of("RECORD")] == ["1"]
    again = copy(tmp_path, config(bucket, FLAT), last_states(as_records))
    assert set(files(again)) == {"a.csv"}


def test_without_folders_the_bare_names_are_told_and_must_differ(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("x/a.bin", "1")
    bucket.put("y/b.bin", "2")
    assert files(copy(tmp_path, config(bucket, FLAT))) == {"a.bin": b"1", "b.bin": b"2"}
    bucket.put("y/a.bin", "3")
    ended = copy(tmp_path, config(bucket, FLAT))
    assert (ended.code, ended.of("RECORD"), statuses(ended)) == (1, [], ["STARTED", "INCOMPLETE"])
    assert "x/a.bin and y/a.bin" in ended.error()["message"]
    assert "preserve_directory_structure" in ended.error()["message"]
    assert len(files(copy(tmp_path, config(bucket)))) == 3


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/b.csv", "a/b.csv"),
        ("/a//b.csv", "a//b.csv"),
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
        ("a/./../b", "a/%2E/%2E%2E/b"),
        ("a/..", "a/%2E%2E"),
        ("...", "..."),
        ("a/", "a"),
    ],
)
def test_no_path_leads_out_of_a_folder(key: str, path: str) -> None:
    assert relative_path(key, FileTransfer()) == path
    assert relative_path(key, FileTransfer(preserve_directory_structure=False)) == path.rpartition("/")[2]


def test_keys_that_are_no_good_paths_are_copied_into_the_staging_folder_too(bucket: Bucket, tmp_path: Path) -> None:
    keys = ["../outside.bin", "..", "a//b", "/c", "n" * 700, "ü" * 120 + "/" + "d" * 250, "x" * 252]
    for key in keys:
        bucket.put(key, key)
    dotted = {"name": "files", "globs": ["**", "..", "../*"], "format": {"filetype": "csv"}}  # ** passes over dots
    ended = copy(tmp_path, {**bucket.sign_in(), "delivery_method": RAW, "streams": [dotted]})
    assert ended.code == 0, ended.messages[-1]
    assert sorted(files(ended).values()) == sorted(key.encode() for key in keys)
    staging = (tmp_path / "staging").resolve()
    assert all(
        Path(record["file_reference"]["staging_file_url"]).resolve().is_relative_to(staging)
        for record in ended.of("RECORD")
    )
    assert [path.name for path in tmp_path.iterdir() if "outside" in path.name] == []


def test_a_connection_that_breaks_is_resumed_and_one_that_keeps_breaking_leaves_no_half_file(
    bucket: Bucket, proxy: FaultyS3, tmp_path: Path
) -> None:
    bucket.put("a.bin", BODY)
    broken = {**config(bucket), "endpoint": proxy.endpoint}
    proxy.rules.append(Rule("truncate", after=1_000_000, path="a.bin", times=2))
    assert files(copy(tmp_path, broken)) == {"a.bin": BODY}
    for file in staged(tmp_path):
        file.unlink()
    proxy.rules += [Rule("truncate", after=100_000, path="a.bin"), Rule("truncate", path="a.bin", times=None)]
    ended = copy(tmp_path, broken)
    assert (ended.code, ended.of("RECORD"), staged(tmp_path)) == (1, [], [])
    assert "a.bin" in ended.error()["message"]
    assert ended.error()["failure_type"] == "transient_error"


def test_a_staging_folder_that_can_not_hold_the_file_is_an_error_that_says_so(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.bin", BODY)
    (tmp_path / "staging").mkdir()
    line = arguments(tmp_path, "read", config(bucket), catalog())
    done = subprocess.run(  # 1,000 blocks of 1,024 bytes are the most that the shell lets it write into one file
        ["bash", "-c", 'ulimit -f 1000; exec "$@"', "bash", *line],  # noqa: S607
        capture_output=True,
        check=False,
        env={**os.environ, "AIRBYTE_STAGING_DIRECTORY": str(tmp_path / "staging")},
    )
    error = json.loads(done.stdout.splitlines()[-1])["trace"]["error"]
    assert (done.returncode, error["failure_type"], staged(tmp_path)) == (1, "transient_error", [])
    assert f"a.bin of {len(BODY)} bytes" in error["message"]
    assert f"the disk of {tmp_path / 'staging'} is full" in error["message"]


def test_a_staging_folder_that_is_none_is_named_with_the_variable(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.bin", "1")
    (tmp_path / "staging").write_text("a file, not a folder")
    line = arguments(tmp_path, "read", config(bucket), catalog())
    ended = run(line, AIRBYTE_STAGING_DIRECTORY=str(tmp_path / "staging"))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert "AIRBYTE_STAGING_DIRECTORY" in ended.error()["message"]


def test_check_lists_and_opens_and_discover_shows_a_stream_of_files(bucket: Bucket, tmp_path: Path) -> None:
    def status() -> str:
        (found,) = run(arguments(tmp_path, "check", config(bucket))).of("CONNECTION_STATUS")
        return str(found["status"])

    assert status() == "FAILED"
    bucket.put("a.csv.gz", "neither gz nor CSV")
    assert status() == "SUCCEEDED"
    (found,) = run(arguments(tmp_path, "discover", config(bucket))).of("CATALOG")
    (stream,) = found["streams"]
    assert stream["is_file_based"] is True
    assert set(stream["json_schema"]["properties"]) >= {"folder", "file_name", "bytes", "source_uri", "updated_at"}
