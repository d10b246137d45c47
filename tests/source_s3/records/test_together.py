"""Tiny CSV files read as one give what each gives alone; whatever might not is read alone."""

import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.config import Config
from source_s3.plan import StreamPlan, plans
from source_s3.progress import Progress
from source_s3.records.pieces import Job, Piece
from source_s3.records.read_object import read_object
from source_s3.records.together import read_together
from source_s3.s3_object import Bucket as Place
from source_s3.s3_object import S3Object
from source_s3.schema import declared
from tests.conftest import Bucket
from tests.source_s3.commands import catalog, config, read, records, statuses
from tests.source_s3.content.packed import COMPRESSED
from vector_ingest.command.spec import parse_config

NOBODY: Any = None  # the client, which nothing asks for anything here
Told = tuple[list[dict[str, Any]], int, int]  # the records, how many there are said to be, the number of the last row

LINES = ["1,a\n", "2,b\n", '3,"c,d"\n', '"4","e ""f"""\n', "5,ü\n", "6,\r\n", "x,7\n", "8,last"]
ODD = ["\n", '9,"two\nlines"\n', "10\n", "11,a,b\n", '12,"never closed\n', "13,a\r14,b\n", '"\n', "\r", "15,\ud800\n"]
HEADERS = [
    "id,name\n",
    "id,name\r\n",
    '"id","name"\n',
    "\ufeffid,name\n",
    "name,id\n",
    '"id\n",name\n',
    "id,id\n",
    "\n",
    "",
]


def plan_of(deletions: bool = False, columns: Any = None, **form: Any) -> StreamPlan:
    stream = {"name": "files", "globs": ["**"], "format": {"filetype": "csv", **form}}
    whole = {"bucket": "b", "streams": [stream], "sync_deletions": deletions}
    (plan,) = plans(parse_config(Config, whole))
    return plan if columns is None else replace(plan, columns=declared({"properties": columns}))


PLANS = {
    "plain": plan_of(),
    "numbered rows": plan_of(deletions=True),
    "types": plan_of(columns={"id": {"type": ["null", "integer"]}, "name": {"type": ["null", "string"]}}),
    "fewer columns": plan_of(columns={"name": {"type": ["null", "string"]}}),
    "null values": plan_of(null_values=["a", "2"]),
    "no quotes": plan_of(quote_char=""),
    "escapes": plan_of(escape_char="\\", double_quote=False),
}


def files_of(bodies: Sequence[bytes]) -> list[tuple[S3Object, bytes]]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [(S3Object(f"in/{number} ü.csv", len(body), at, f"e{number}"), body) for number, body in enumerate(bodies)]


def told(pieces: Sequence[Piece]) -> Told:
    lines = b"".join(bytes(piece.lines) for piece in pieces).splitlines()
    found = [json.loads(line)["record"] for line in lines]
    for record in found:
        del record["emitted_at"]
    return found, sum(piece.records for piece in pieces), pieces[-1].rows if pieces else 0


def alone(job: Job, item: S3Object, body: bytes) -> Sequence[Piece]:
    fetched: Future[bytes | None] = Future()
    fetched.set_result(body)
    return list(read_object(job, item, fetched=fetched))


def both_ways(plan: StreamPlan, bodies: Sequence[bytes]) -> list[bool]:
    """Which files were read together, after they have proved to give the same."""
    job = Job(Place(NOBODY, "b"), plan, None, Progress("files"))
    files = files_of(bodies)
    found = list(read_together(job, files))
    assert len(found) == len(files)
    for (item, body), pieces in zip(files, found, strict=True):
        if pieces is None:
            continue
        expected = alone(job, item, body)
        assert not any(piece.refused or piece.skipped or piece.missing for piece in expected)
        assert told(pieces) == told(expected)
    return [pieces is not None for pieces in found]


@pytest.mark.parametrize("name", PLANS)
@given(
    bodies=st.lists(
        st.builds(
            lambda header, lines: (header + "".join(lines)).encode("utf-8", "surrogatepass"),
            st.sampled_from([*HEADERS, *HEADERS[:1] * 20]),
            st.lists(st.sampled_from([*LINES * 3, *ODD]), max_size=5),
        ),
        min_size=2,
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None)
def test_files_read_together_give_what_each_gives_alone(name: str, bodies: list[bytes]) -> None:
    both_ways(PLANS[name], bodies)


@pytest.mark.parametrize("name", PLANS)
def test_plain_files_are_read_together(name: str) -> None:
    bodies = [b"id,name\n1,a\n2,b\n", b"id,name\n", b"id,name\n3,c", b"id,name\n5,d\r\n"]
    assert both_ways(PLANS[name], bodies) == [True] * 4


def test_neighbours_of_one_header_are_read_together() -> None:
    bodies = [b"a,b\n1,2\n", b"a,b\n3,4\n", b"a,c\n5,6\n", b"a,b\n7,8\n", b"a,b\n9,0\n", b""]
    assert both_ways(PLANS["plain"], bodies) == [True, True, False, True, True, False]


@pytest.mark.parametrize(
    "odd",
    [
        b'id,name\n1,"two\nlines"\n',
        b"id,name\n\n1,a\n",
        b"id,name\n1\n",
        b"id,name\n1,a,b\n",
        b'id,name\n1,"never closed\n',
        b"id,name\n1,\xff\n",
        b"id,name\n1,a\r2,b\n",
    ],
)
def test_what_is_not_plain_is_read_alone(odd: bytes) -> None:
    plain = b"id,name\n1,a\n"
    assert both_ways(PLANS["plain"], [plain, odd, plain]) == [False] * 3


def test_a_value_of_another_type_is_told_with_its_file() -> None:
    assert both_ways(PLANS["types"], [b"id,name\n1,a\n", b"id,name\nx,a\n"]) == [False] * 2


def test_hundreds_of_tiny_files_come_whole_and_in_their_order(bucket: Bucket, tmp_path: Path) -> None:
    """Plain ones, one with a bad row that is passed over, one of another header, an empty one."""
    expected = []
    for number in range(200):
        name, body = f"{number:03}.csv", f"id,name\n{number},a\n{number},b\n"
        found = [{"id": str(number), "name": letter} for letter in "ab"]
        match number:
            case 70:
                body = f"id,name\n{number},a\n1,2,3\n{number},b\n"
            case 71:
                body, found = f"id,other\n{number},a\n", [{"id": str(number), "other": "a"}]
            case 72:
                body, found = "", []
        bucket.put(name, body)
        expected += [{**row, "_ab_source_file_url": name} for row in found]
    passing = {
        "name": "files",
        "globs": ["*"],
        "format": {"filetype": "csv"},
        "bad_rows": {"type": "skip", "most": 5},
    }
    settings = {**bucket.sign_in(), "streams": [passing]}
    ended = read(tmp_path, settings, catalog())
    assert (ended.code, statuses(ended)[-1]) == (0, "COMPLETE")
    found = records(ended)
    order = {row["_ab_source_file_url"]: None for row in found}
    assert sorted(found, key=lambda row: row["_ab_source_file_url"]) == expected
    assert list(order) == sorted(order)
    (bad,) = [log["message"] for log in ended.of("LOG") if "bad row:" in log["message"]]
    assert "/070.csv, line 3: expected 2 values, found 3" in bad


def test_with_deletions_the_rows_of_each_file_are_numbered_from_one(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(40):
        bucket.put(f"{number:02}.csv", f"id\n{number}\n{number}\n")
    settings = config(bucket, sync_deletions=True)
    first = read(tmp_path, settings, catalog())
    keys = sorted((row["_ab_source_file_url"], row["_ab_source_file_row"]) for row in records(first))
    assert keys == [(f"{number:02}.csv", row) for number in range(40) for row in (1, 2)]


def test_compressed_files_are_decoded_whatever_their_bytes_look_like(bucket: Bucket, tmp_path: Path) -> None:
    """Snappy without a frame stores a short text as it is, behind two letters: it could be taken for a header."""
    name = "abcdefghijklmnopqrs"
    for number in range(40):
        body = COMPRESSED["raw.snappy"](f"id,name\n{number:02},{name}\n".encode())
        assert body.startswith(b"\x1fxid,name\n")
        bucket.put(f"{number:02}.csv.snappy", body)
    found = records(read(tmp_path, config(bucket), catalog()))
    assert sorted((row["id"], row["name"]) for row in found) == [(f"{number:02}", name) for number in range(40)]
