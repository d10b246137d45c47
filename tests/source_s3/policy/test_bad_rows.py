"""What becomes of rows that can't be read: by policy, through whole syncs over HTTP."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from source_s3.config import Config
from source_s3.policy.bad_rows import BadRows
from source_s3.policy.quarantine import Kept, Quarantine
from source_s3.policy.quarantine_places import FolderPlace, place_at
from source_s3.progress import Progress
from source_s3.read import BadRow
from source_s3.s3_object import Bucket as Place
from source_s3.s3_object import S3Object
from source_s3.stream_config import Quarantine as Keep
from tests.conftest import Bucket
from tests.destination_commands import Ended
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.commands import last_states, records
from tests.source_s3.files import parquet
from tests.source_s3.in_process import sync

HEAD = "id,text\n"
GOOD, BAD, SECOND = "1,a\n", "1,2,3\n", "2,b\n"
SKIP: dict[str, Any] = {"type": "skip"}


def settings(bucket: Bucket, bad_rows: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    stream = {"name": "files", "globs": ["*.csv"], "format": {"filetype": "csv"}}
    return {**bucket.sign_in(), "streams": [stream | ({"bad_rows": bad_rows} if bad_rows else {})], **more}


def aside(bucket: Bucket, **more: Any) -> dict[str, Any]:
    return {"type": "quarantine", "place": f"s3://{bucket.name}/bad/", **more}


def kept(bucket: Bucket) -> list[Kept]:
    return list(Quarantine(place_at(f"s3://{bucket.name}/bad/", bucket.client), "files").rows())


def ids(ended: Ended) -> list[int]:
    return [int(record["id"]) for record in records(ended)]


def test_the_first_bad_row_ends_the_stream_by_default(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD + SECOND)
    ended = sync(settings(bucket, None))
    assert ended.code == 1
    assert f"s3://{bucket.name}/a.csv, line 3: expected" in ended.errors
    assert "`bad_rows`" in ended.errors


def test_bad_rows_are_passed_over_and_the_object_is_done(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD + SECOND + BAD)
    ended = sync(settings(bucket, SKIP))
    assert (ended.code, ids(ended)) == (0, [1, 2])
    again = sync(settings(bucket, SKIP), last_states(ended))
    assert ids(again) == []


def test_one_bad_row_more_than_allowed_ends_the_stream(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD * 3)
    assert sync(settings(bucket, SKIP | {"most": 3})).code == 0
    ended = sync(settings(bucket, SKIP | {"most": 2}))
    assert ended.code == 1
    assert "line 5" in ended.errors
    assert "more than the 2 that `bad_rows` allows" in ended.errors


def test_bad_rows_are_kept_aside_with_their_places_and_reasons(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    bucket.put("b.csv", HEAD + BAD + SECOND)
    ended = sync(settings(bucket, aside(bucket)))
    assert (ended.code, ids(ended)) == (0, [1, 2])
    found = {(row.object, row.where, row.raw) for row in kept(bucket)}
    assert found == {("a.csv", "line 3", BAD.strip().encode()), ("b.csv", "line 2", BAD.strip().encode())}


def test_no_state_leaves_before_the_bad_rows_are_durable(bucket: Bucket, proxy: FaultyS3) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    proxy.rules.append(Rule("answer", method="PUT", path="/bad/", status=403, code="AccessDenied", times=None))
    ended = sync({**settings(bucket, aside(bucket)), "endpoint": proxy.endpoint})
    assert ended.code == 1
    assert "quarantine" in ended.errors
    assert ended.of("STATE") == []


def test_a_mended_object_takes_its_bad_rows_out_of_the_quarantine(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    first = sync(settings(bucket, aside(bucket)))
    bucket.put("a.csv", HEAD + GOOD + BAD + BAD)
    second = sync(settings(bucket, aside(bucket)), last_states(first))
    assert [row.where for row in kept(bucket)] == ["line 3", "line 4"]
    bucket.put("a.csv", HEAD + GOOD + SECOND)
    sync(settings(bucket, aside(bucket)), last_states(second))
    assert kept(bucket) == []


def test_settings_that_read_the_same_object_without_bad_rows_take_them_out_too(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    first = sync(settings(bucket, aside(bucket)))
    assert len(kept(bucket)) == 1
    lenient = settings(bucket, aside(bucket))
    lenient["streams"][0]["format"]["ignore_errors_on_fields_mismatch"] = True
    second = sync(lenient, last_states(first))
    assert (ids(second), kept(bucket)) == ([1], [])


def test_an_object_that_is_gone_takes_its_bad_rows_along(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    bucket.put("b.csv", HEAD + GOOD)
    first = sync(settings(bucket, aside(bucket)))
    bucket.client.delete_object(Bucket=bucket.name, Key="a.csv")
    sync(settings(bucket, aside(bucket)), last_states(first))
    assert kept(bucket) == []


def test_a_sync_that_runs_twice_keeps_each_bad_row_once(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD)
    sync(settings(bucket, aside(bucket)))
    sync(settings(bucket, aside(bucket)))
    assert len(kept(bucket)) == 1


def test_numbered_rows_stay_without_gaps_so_that_deletions_find_them(bucket: Bucket) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD + SECOND)
    ended = sync(settings(bucket, SKIP, sync_deletions=True))
    assert [record["_ab_source_file_row"] for record in records(ended)] == [1, 2]


def unreadable(texts: list[bytes]) -> bytes:
    """A Parquet file with text that need not be UTF-8."""
    column = pa.array(texts, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(column), column.buffers())
    return parquet({"id": range(1, len(texts) + 1), "text": text})


def test_a_row_that_can_not_be_rendered_keeps_its_number_and_what_it_was_before_is_deleted(bucket: Bucket) -> None:
    stream = {"name": "files", "globs": ["*"], "format": {"filetype": "parquet"}, "bad_rows": SKIP}
    config = {**bucket.sign_in(), "streams": [stream], "sync_deletions": True}
    bucket.put("a", unreadable([b"a", b"b", b"c"]))
    first = sync(config)
    bucket.put("a", unreadable([b"a", b"\xff", b"c", b"d", b"\xff"]))
    ended = sync(config, last_states(first))
    assert ended.code == 0
    rows = [(record["_ab_source_file_row"], "_ab_cdc_deleted_at" in record) for record in records(ended)]
    assert sorted(rows) == [(1, False), (2, True), (3, False), (4, False)]


def test_what_can_not_be_read_on_ends_the_object_and_not_the_stream(bucket: Bucket) -> None:
    stream = {"name": "files", "globs": ["*"], "format": {"filetype": "parquet"}, "bad_rows": SKIP}
    bucket.put("a", "no Parquet at all")
    bucket.put("b", unreadable([b"a"]))
    ended = sync({**bucket.sign_in(), "streams": [stream]})
    assert (ended.code, ids(ended)) == (0, [1])


def test_a_place_that_is_none_is_refused_by_check(bucket: Bucket) -> None:
    from source_s3.check import check
    from vector_ingest.command.spec import parse_config
    from vector_ingest.errors import ConfigError

    bucket.put("a.csv", HEAD + GOOD)
    parsed = parse_config(Config, settings(bucket, {"type": "quarantine", "place": "relative"}))
    with pytest.raises(ConfigError, match="s3://bucket/folder/"):
        check(parsed)


@pytest.mark.parametrize("folder", ["", "bad/", "b{a,d} [x]/.y*/"])
def test_what_is_kept_aside_is_no_object_of_any_stream(bucket: Bucket, folder: str) -> None:
    bucket.put("a.csv", HEAD + GOOD + BAD * 3)
    stream = {"globs": ["**", "**/.*/**"], "format": {"filetype": "csv"}}
    keeping = {**stream, "name": "files", "bad_rows": aside(bucket, place=f"s3://{bucket.name}/{folder}")}
    chosen = {**bucket.sign_in(), "streams": [keeping, {**stream, "name": "others", "bad_rows": SKIP}]}
    first = sync(chosen)
    assert len(bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]) == 2
    bucket.put("stream=b.csv", HEAD + SECOND)
    again = sync(chosen, last_states(first))
    assert [ids(first), ids(again)] == [[1], [2]]
    assert records(again, "others") == records(again)


def test_rows_without_a_text_are_kept_before_they_take_much_memory(bucket: Bucket, tmp_path: Path) -> None:
    place, progress = Place(bucket.client, bucket.name), Progress("files")
    quarantine = Quarantine(FolderPlace(tmp_path), "files")
    item = S3Object("a.parquet", 1, datetime(2026, 1, 2, tzinfo=UTC), "e1")
    bad_rows = BadRows(Keep(place=str(tmp_path), most=1_000_000), quarantine, place, progress)
    bad_rows.take(item, [BadRow(f"row {number}", "damaged", None) for number in range(30_000)], "2026-01-02T00:00:00Z")
    assert len(list(quarantine.rows())) > 10_000
