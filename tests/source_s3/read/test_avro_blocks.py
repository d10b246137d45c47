"""How Avro files are read: blocks, codecs, resuming, damage, and the command."""

import io
import json
import random
from pathlib import Path
from typing import Any

import cramjam
import pytest

from source_s3.read import Reading, avro
from source_s3.read.avro_blocks import Block, read_blocks, read_header
from source_s3.read.options import AvroFormat
from source_s3.varint import encoded
from tests.conftest import Bucket
from tests.destination_commands import run
from tests.source_s3.commands import arguments, catalog, config, read, records
from tests.source_s3.read.avro_files import batches, lines, record, written
from vector_ingest.errors import DataError

SCHEMA = record(("id", "long"), ("text", "string"))
ROWS = [{"id": number, "text": f"text {number % 50}"} for number in range(40_000)]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2", "xz", "zstandard"])
def test_each_codec_is_read(codec: str) -> None:
    content = zstandard(ROWS[:500]) if codec == "zstandard" else written(SCHEMA, ROWS[:500], codec=codec)
    assert [line["data"] for line in lines(batches(content))] == ROWS[:500]


def zstandard(rows: list[Any]) -> bytes:
    """Made here: fastavro asks for another library to write it."""
    plain = written(SCHEMA, rows)
    header = read_header(io.BytesIO(plain))
    parts = [plain[: header.end].replace(b"\x14avro.codec\x08null", b"\x14avro.codec\x12zstandard")]
    for block in read_blocks(io.BytesIO(plain), header, header.end):
        assert isinstance(block, Block)
        body = bytes(cramjam.zstd.compress(block.data))
        parts += [encoded(block.rows << 1), encoded(len(body) << 1), body, header.marker]
    return b"".join(parts)


def test_another_codec_is_named() -> None:
    content = written(SCHEMA, ROWS[:1]).replace(b"avro.codec\x08null", b"avro.codec\x08lzma")
    with pytest.raises(DataError, match=r"the file's header: expected one of the codecs null, .*found `lzma`"):
        avro.schema(io.BytesIO(content), AvroFormat())


@pytest.mark.parametrize("interval", [400, 16_000, 10**7])
def test_rows_come_in_order_whatever_the_blocks_and_go_on_after_any_batch(interval: int) -> None:
    content = written(SCHEMA, ROWS, sync_interval=interval)
    found = batches(content)
    assert [line["data"] for line in lines(found)] == ROWS
    assert max(batch.rows.num_rows for batch in found) <= avro.ROWS
    assert [batch.first_row for batch in found] == [
        sum(batch.rows.num_rows for batch in found[:place]) for place in range(len(found))
    ]
    for place, batch in enumerate(found):
        if batch.resume is not None:
            rest = batches(content, Reading(json.loads(json.dumps(batch.resume))))
            assert [line["data"]["id"] for line in lines(rest)] == list(
                range(batch.first_row + batch.rows.num_rows, len(ROWS))
            ), place
    assert found[-1].resume is not None


def test_columns_that_nobody_wants_are_left_out() -> None:
    content = written(SCHEMA, ROWS[:3])
    assert [line["data"] for line in lines(batches(content, Reading(columns=frozenset({"id"}))))] == [
        {"id": 0}, {"id": 1}, {"id": 2},
    ]  # fmt: skip
    assert [line["data"] for line in lines(batches(content, Reading(columns=frozenset())))] == [{}, {}, {}]


def test_a_file_without_rows_is_read() -> None:
    assert lines(batches(written(SCHEMA, []))) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is it an avro file"),
        (b"id,text\n1,a\n", "is it an avro file"),
        (written("long", [1, 2]), "expected a schema of records"),
        (written({"type": "array", "items": "long"}, [[1]]), "expected a schema of records, found array"),
    ],
    ids=["empty", "text", "numbers", "arrays"],
)  # fmt: skip
def test_what_holds_no_avro_records_is_an_error_of_the_data(content: bytes, found: str) -> None:
    for call in (avro.schema, lambda file, options: list(avro.read(file, options, Reading()))):
        with pytest.raises(DataError, match=found):
            call(io.BytesIO(content), AvroFormat())


def test_a_damaged_block_is_refused_and_those_after_it_are_read() -> None:
    content = written(SCHEMA, ROWS, codec="deflate", sync_interval=16_000)
    bad = bytearray(content)
    bad[len(bad) // 2 : len(bad) // 2 + 5] = b"?????"
    found = batches(bytes(bad))
    refused = [row for batch in found for row in batch.refused]
    assert len(refused) == 1
    assert refused[0].where.startswith("the block at byte ")
    assert "expected" in refused[0].reason
    assert refused[0].raw is not None
    ids = [line["data"]["id"] for line in lines(found)]
    assert ids == sorted({*range(len(ROWS))} - ({*range(len(ROWS))} - {*ids}))
    assert len(ROWS) - 5_000 < len(ids) < len(ROWS)
    assert [batch.first_row for batch in found][-1] + found[-1].rows.num_rows == len(ids)


def test_a_row_that_is_not_of_the_schema_spoils_its_block_only() -> None:
    content = written(SCHEMA, ROWS[:2_000], sync_interval=4_000)
    spoiled = content.replace(b"text 7", b"\xff\xff\xff\xff 7", 1)
    found = batches(spoiled)
    (refused,) = [row for batch in found for row in batch.refused]
    assert "utf-8" in refused.reason
    assert 1_000 < len(lines(found)) < 2_000


@pytest.mark.parametrize("said", [0, 1, 99])
def test_a_block_with_more_rows_than_it_says_is_refused_whole(said: int) -> None:
    """Those behind what it says would be lost."""
    whole = written(SCHEMA, ROWS[:300], sync_interval=1)
    header = read_header(io.BytesIO(whole))
    parts = [whole[: header.end]]
    for number, rows in enumerate((ROWS[:100], ROWS[100:200], ROWS[200:300])):
        (block,) = read_blocks(
            io.BytesIO(content := written(SCHEMA, rows)), read_header(io.BytesIO(content)), header.end
        )
        assert isinstance(block, Block)
        count = said if number == 1 else block.rows
        parts += [encoded(count << 1), encoded(len(block.data) << 1), block.data, header.marker]
    found = batches(b"".join(parts))
    (refused,) = [row for batch in found for row in batch.refused]
    assert refused.reason.endswith(f"the block says that it has {said}, and has more")
    assert [line["data"] for line in lines(found)] == [*ROWS[:100], *ROWS[200:300]]


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_no_damage_passes_in_silence_or_breaks_the_reader(codec: str) -> None:
    whole = written(SCHEMA, ROWS[:5_000], codec=codec, sync_interval=4_000)
    start = batches(whole)[0].resume
    assert start is not None
    chance = random.Random(1)
    for _ in range(60):
        bad = bytearray(whole)
        place = chance.randrange(500, len(bad) - 40)
        bad[place : place + 40] = chance.randbytes(40)
        found = batches(bytes(bad))
        rows = [line["data"] for line in lines(found)]
        assert rows != ROWS[:5_000]
        assert codec == "null" or any(batch.refused for batch in found)


def test_a_truncated_file_says_so() -> None:
    whole = written(SCHEMA, ROWS[:5_000], sync_interval=4_000)
    for size in range(500, len(whole) - 1, len(whole) // 20):
        found = batches(whole[:size])
        (refused,) = [row for batch in found for row in batch.refused]
        assert "found the end of the file" in refused.reason


def test_the_command_finds_the_schema_and_reads_the_rows(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("rows.avro", written(SCHEMA, ROWS[:1_000], codec="snappy"))
    settings = config(bucket, file_type="avro")
    (found,) = run(arguments(tmp_path, "discover", settings)).of("CATALOG")
    assert found["streams"][0]["json_schema"]["properties"]["id"] == {"type": ["null", "integer"]}
    ended = read(tmp_path, settings, catalog())
    assert ended.code == 0
    assert [{name: row[name] for name in ("id", "text")} for row in records(ended)] == ROWS[:1_000]
