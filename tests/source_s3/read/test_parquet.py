"""Row groups, batches within them, resuming, and files that are broken."""

import decimal
import io
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.read import Batch, Reading, parquet
from source_s3.read.options import ParquetFormat
from source_s3.render import Template, render
from vector_ingest.errors import DataError

TABLE = pa.table({"n": range(10_000), "text": [f"text {number % 50}" for number in range(10_000)]})


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def batches(content: bytes, resume: Any = None, **options: Any) -> list[Batch]:
    return list(parquet.read(io.BytesIO(content), ParquetFormat(**options), Reading(resume)))


def test_a_batch_ends_with_its_row_group_and_only_there_can_be_resumed() -> None:
    found = batches(written(row_group_size=4_000))
    assert pa.Table.from_batches([batch.rows for batch in found]) == TABLE
    ends = [batch.first_row + batch.rows.num_rows for batch in found]
    assert [batch.first_row for batch in found] == [0, *ends[:-1]]
    resumes = {end: batch.resume for end, batch in zip(ends, found, strict=True) if batch.resume}
    assert resumes == {
        4_000: {"row_group": 1, "row": 4_000},
        8_000: {"row_group": 2, "row": 8_000},
        10_000: {"row_group": 3, "row": 10_000},
    }


def test_wide_rows_come_in_small_batches() -> None:
    wide = pa.table({"text": [random.Random(number).randbytes(10_000) for number in range(3_000)]})
    found = batches(written(wide, compression="none"))
    assert max(batch.rows.nbytes for batch in found) <= parquet.BATCH_BYTES * 1.1
    assert sum(batch.rows.num_rows for batch in found) == 3_000


@pytest.mark.parametrize("rows", [0, 1])
def test_a_file_with_few_rows_or_none_is_read(rows: int) -> None:
    found = batches(written(TABLE.slice(0, rows)))
    assert sum(batch.rows.num_rows for batch in found) == rows


def test_empty_row_groups_are_passed_over() -> None:
    file = io.BytesIO()
    with pq.ParquetWriter(file, TABLE.schema) as writer:
        for part in (TABLE.slice(0, 0), TABLE.slice(0, 5), TABLE.slice(0, 0), TABLE.slice(5, 5)):
            writer.write_table(part)
    found = batches(file.getvalue())
    assert [batch.rows.num_rows for batch in found] == [5, 5]
    assert sum(batch.rows.num_rows for batch in batches(file.getvalue(), found[0].resume)) == 5


def test_decimals_are_text_or_numbers_of_all_their_digits_as_the_user_wants() -> None:
    content = written(pa.table({"d": pa.array([decimal.Decimal("12345678901234567.10"), None])}))
    for as_float, text in ((False, '"12345678901234567.10"'), (True, "12345678901234567.10")):
        (batch,) = batches(content, decimal_as_float=as_float)
        lines = bytes(render(batch.rows, 0, Template("s", None, 1, {}))).decode()
        assert [line.split('"data":')[1].split(',"emitted')[0] for line in lines.splitlines()] == [
            f'{{"d":{text}}}', '{"d":null}',
        ]  # fmt: skip
    for as_float, kind in ((False, "string"), (True, "number")):
        options = ParquetFormat(decimal_as_float=as_float)
        assert parquet.schema(io.BytesIO(content), options) == {"d": {"type": ["null", kind]}}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n" * 10, b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_an_error_of_the_data(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^the file's footer: expected Parquet"):
        parquet.schema(io.BytesIO(content), ParquetFormat())


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_broken_files_are_errors_of_the_data_whichever_bytes_are_broken(compression: str) -> None:
    whole = written(row_group_size=2_000, compression=compression)
    chance = random.Random(1)
    failures = 0
    for _ in range(60):
        bad = bytearray(whole)
        start = chance.randrange(len(bad) - 40)
        bad[start : start + 40] = chance.randbytes(40)
        try:
            batches(bytes(bad))
        except DataError:
            failures += 1
    assert failures > 10


def test_every_truncated_file_is_an_error_of_the_data() -> None:
    whole = written(row_group_size=2_000)
    for size in range(0, len(whole), len(whole) // 50):
        with pytest.raises(DataError):
            batches(whole[:size])
