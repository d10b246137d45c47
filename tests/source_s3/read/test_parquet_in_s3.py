"""What is fetched of a Parquet object over HTTP: the footer and the wanted columns, once; and when it breaks."""

import io
import random
import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.content.object_file import open_object
from source_s3.read import Batch, Reading, parquet, parquet_blocks
from source_s3.read.options import ParquetFormat
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at, stored
from tests.source_s3.read.test_parquet import chunks, written
from vector_ingest.errors import TransientError


def table(rows: int, columns: int = 4) -> pa.Table:
    chance = random.Random(rows)
    names = [f"c{index}" for index in range(columns)]
    return pa.table({name: [chance.randbytes(20) for _ in range(rows)] for name in names})


TABLE = table(60_000)  # 4 columns of 1.4 MB
CONTENT = written(TABLE, row_group_size=20_000, compression="none", use_dictionary=False)


def batches(client: Any, bucket: Bucket, content: bytes, resume: Any = None, columns: Any = None) -> list[Batch]:
    found = stored(client, bucket, "big.parquet", content)
    with open_object(at(client, bucket), found, read_ahead=False) as file:
        return list(parquet.read(file, ParquetFormat(), Reading(resume, columns)))


def ranges(proxy: FaultyS3) -> list[tuple[int, int]]:
    """What was asked for: the first byte and the one after the last; None for the end."""
    found = [re.fullmatch(r"bytes=(\d+)-(\d*)", seen.range or "") for seen in proxy.seen("GET", "/big.parquet$")]
    return [(int(asked[1]), int(asked[2]) + 1 if asked[2] else -1) for asked in found if asked]


def fetched(proxy: FaultyS3, size: int) -> int:
    return sum((end if end >= 0 else size) - first for first, end in ranges(proxy))


def needed(content: bytes, groups: Iterable[int], *paths: str) -> int:
    """Bytes of the chunks, and of the tail that has the footer."""
    return parquet.TAIL + sum(end - first for group in groups for first, end in chunks(content, group, *paths))


def test_a_whole_file_is_fetched_once(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    assert pa.Table.from_batches([batch.rows for batch in batches(client, bucket, CONTENT)]) == TABLE
    assert fetched(proxy, len(CONTENT)) <= 1.05 * needed(CONTENT, range(3))
    assert len(ranges(proxy)) <= 5  # the tail, and one for each of the groups, which have 1.9 MB


@pytest.mark.parametrize("columns", [{"c0"}, {"c1", "c3"}, {"c2", "else"}, {"else"}])
def test_only_the_wanted_columns_are_fetched(client: Any, bucket: Bucket, proxy: FaultyS3, columns: set[str]) -> None:
    names = sorted(columns - {"else"})
    found = batches(client, bucket, CONTENT, columns=frozenset(columns))
    assert pa.Table.from_batches([batch.rows for batch in found]).equals(TABLE.select(names))
    wanted = needed(CONTENT, range(3), *names) if names else parquet.TAIL
    assert fetched(proxy, len(CONTENT)) <= 1.05 * wanted


def test_nested_columns_are_fetched_by_the_name_of_their_root(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    blob = TABLE.column("c0")
    nested = pa.table({"s": pa.StructArray.from_arrays([blob.combine_chunks()] * 2, ["x", "y"]), "other": blob})
    content = written(nested, compression="none", use_dictionary=False)
    found = batches(client, bucket, content, columns=frozenset({"s"}))
    assert pa.Table.from_batches([batch.rows for batch in found]) == nested.select(["s"])
    assert fetched(proxy, len(content)) <= 1.05 * needed(content, [0], "s.x", "s.y")


def test_after_a_resume_only_the_groups_that_are_left_are_fetched(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    found = batches(client, bucket, CONTENT, resume={"row_group": 2, "row": 40_000})
    assert pa.Table.from_batches([batch.rows for batch in found]) == TABLE.slice(40_000)
    assert fetched(proxy, len(CONTENT)) <= 1.05 * needed(CONTENT, [2])


def test_a_large_group_is_fetched_in_step_with_its_rows_and_each_byte_once(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    large = table(250_000)
    whole = written(large, row_group_size=250_000, compression="none", use_dictionary=False, data_page_size=20_000)
    assert len(whole) > parquet_blocks.WHOLE
    found = batches(client, bucket, whole)
    assert pa.Table.from_batches([batch.rows for batch in found]) == large
    assert fetched(proxy, len(whole)) <= 1.05 * needed(whole, [0])
    blocks = parquet_blocks.blocks_of(pq.ParquetFile(io.BytesIO(whole)).metadata.row_group(0), range(4))
    assert [block.first for block in blocks[:4]] == [first for first, _ in chunks(whole, 0)]  # all columns in step
    assert len(blocks) == 8


def test_a_small_file_takes_one_request(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    small = written(TABLE.slice(0, 5_000))
    assert sum(batch.rows.num_rows for batch in batches(client, bucket, small)) == 5_000
    assert len(ranges(proxy)) == 1


def test_the_schema_takes_the_tail_alone(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    found = stored(client, bucket, "big.parquet", CONTENT)
    with open_object(at(client, bucket), found, read_ahead=False) as file:
        assert list(parquet.schema(file, ParquetFormat())) == TABLE.schema.names
    assert fetched(proxy, len(CONTENT)) == parquet.TAIL


def test_a_footer_larger_than_the_tail_is_read(client: Any, bucket: Bucket) -> None:
    wide = table(200, 1_500)
    content = written(wide, compression="none")
    assert len(content) - max(end for _, end in chunks(content, 0)) > parquet.TAIL
    assert len(content) > parquet.SMALL
    assert pa.Table.from_batches([batch.rows for batch in batches(client, bucket, content)]) == wide


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_connections_that_break_are_taken_up_where_they_broke(
    client: Any, bucket: Bucket, proxy: FaultyS3, fault: Any
) -> None:
    proxy.rules.append(Rule(fault, after=30_000, path="/big", times=3))
    assert pa.Table.from_batches([batch.rows for batch in batches(client, bucket, CONTENT)]) == TABLE
    assert {seen.headers.get("if-match") for seen in proxy.seen("GET", "/big.parquet$")} != {None}


def test_a_store_that_fails_for_good_is_a_transient_error_and_no_bad_row(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    whole_tail = Rule("delay", path="/big")
    proxy.rules += [whole_tail, Rule("truncate", after=0, path="/big", times=None)]
    with pytest.raises(TransientError, match=r"big\.parquet"):
        batches(client, bucket, CONTENT)


def test_an_object_overwritten_while_it_is_read_is_a_transient_error(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "big.parquet", CONTENT)
    with open_object(at(client, bucket), found, read_ahead=False) as file:
        bucket.put("big.parquet", written(TABLE.slice(1)))
        with pytest.raises(TransientError, match="changed while it was read"):
            list(parquet.read(file, ParquetFormat(), Reading()))


def test_a_group_broken_in_the_object_is_refused_and_the_next_is_read(client: Any, bucket: Bucket) -> None:
    (start, end), *_ = chunks(CONTENT, 1)
    found = batches(client, bucket, CONTENT[:start] + b"\xff" * (end - start) + CONTENT[end:])
    assert [bad.where for batch in found for bad in batch.refused] == ["row group 1 (rows 20,001 to 40,000)"]
    assert sum(batch.rows.num_rows for batch in found) == 40_000
    assert io.BytesIO(CONTENT).read(4) == b"PAR1"
    assert pq.ParquetFile(io.BytesIO(CONTENT)).num_row_groups == 3
