"""Syncs with little patience, of objects that fail behind a proxy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import Bucket
from tests.destination_commands import Ended, run
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.commands import DELETED_AT, arguments, catalog, records

ROWS = 30_000  # of a long file
QUICK = {"AWS_MAX_ATTEMPTS": "2", "S3_CONNECT_TIMEOUT_SECONDS": "1", "S3_READ_TIMEOUT_SECONDS": "1"}
LEAVE: dict[str, Any] = {"type": "leave_for_later"}
NAMES = ("a.csv", "b.csv", "c.csv")  # one of each: b.csv fails


def settings(
    bucket: Bucket, proxy: FaultyS3, unreadable: Mapping[str, Any] | None = None, filetype: str = "csv", **more: Any
) -> dict[str, Any]:
    stream: dict[str, Any] = {"name": "files", "globs": ["**"], "format": {"filetype": filetype}}
    if unreadable is not None:
        stream["unreadable_objects"] = unreadable
    return {**bucket.sign_in(), "endpoint": proxy.endpoint, "streams": [stream], **more}


def read(
    folder: Path, config: Mapping[str, Any], states: Sequence[Any] | None = None, mode: str = "incremental", **more: Any
) -> Ended:
    """With little patience, so that what lasts is soon over."""
    names = [stream["name"] for stream in config["streams"]]
    return run(arguments(folder, "read", config, catalog(*names, sync_mode=mode, **more), states), b"", **QUICK)


def put_three(bucket: Bucket) -> None:
    for number, name in enumerate(NAMES, start=1):
        bucket.put(name, f"id\n{number}\n")


def ids(ended: Ended) -> list[str]:
    return sorted(str(record["id"]) for record in records(ended) if not record.get(DELETED_AT))


def csv_of(count: int, first: int = 0) -> bytes:
    return b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"%07d" % number * 13) for number in range(first, count))
