"""Row groups, batches within them, columns, resuming, files that are broken, and what is fetched of an object in S3."""

import decimal
import io
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.read import Batch, Reading, parquet
from source_s3.read.options import ParquetFormat
from source_s3.render.lines import Template, render
from vector_ingest.errors import DataError

TABLE = pa.table({"n": range(10_000), "text": [f"text {number % 50}" for number in range(10_000)]})


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def batches(content: bytes, resume: Any = None, columns: frozenset[str] | None = None, **options: Any) -> list[Batch]:
    return list(parquet.read(io.BytesIO(content), ParquetFormat(**options), Reading(resume, columns)))


def chunks(content: bytes, group: int, *paths: str) -> list[tuple[int, int]]:
    """The places of column chunks: their first byte and the one after their last."""
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(group)
    columns = [metadata.column(index) for index in range(metadata.num_columns)]
    starts = [(column.dictionary_page_offset or column.data_page_offset, column) for column in columns]
    return [
        (start, start + column.total_compressed_size)
        for start, column in starts
        if not paths or column.path_in_schema in paths
    ]


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
            found = batches(bytes(bad))
        except DataError:
            failures += 1
        else:
            failures += any(batch.refused for batch in found)
    assert failures > 10


def test_every_truncated_file_is_an_error_of_the_data() -> None:
    whole = written(row_group_size=2_000)
    for size in range(0, len(whole), len(whole) // 50):
        with pytest.raises(DataError):
            batches(whole[:size])


def broken_in_group(content: bytes, group: int) -> bytes:
    """With the first chunk of the group overwritten."""
    (start, end), *_ = chunks(content, group)
    return content[:start] + b"\xff" * (end - start) + content[end:]


def test_a_row_group_that_is_broken_is_one_bad_row_and_the_others_are_read() -> None:
    found = batches(broken_in_group(written(row_group_size=4_000), 1))
    assert [(batch.first_row, batch.rows.num_rows, batch.resume) for batch in found] == [
        (0, 4_000, {"row_group": 1, "row": 4_000}),
        (4_000, 0, {"row_group": 2, "row": 4_000}),
        (4_000, 2_000, {"row_group": 3, "row": 6_000}),
    ]
    (bad,) = found[1].refused
    assert bad.where == "row group 1 (rows 4,001 to 8,000)"
    assert bad.reason.startswith("expected Parquet, found content that can't be read as such")
    assert found[2].rows.column(0).to_pylist() == list(range(8_000, 10_000))
    assert found[1].rows.schema == found[0].rows.schema


def test_the_rows_before_a_broken_page_leave_and_only_the_rest_of_the_group_is_refused() -> None:
    table = pa.table({"n": pa.array(random.Random(2).randbytes(8) for _ in range(100_000))})
    whole = written(table, compression="none", use_dictionary=False, data_page_size=10_000, write_page_checksum=True)
    ((start, end),) = chunks(whole, 0)
    place = start + (end - start) // 2
    found = batches(whole[:place] + b"\xff" * 9 + whole[place + 9 :])
    rows = sum(batch.rows.num_rows for batch in found)
    assert 0 < rows < 60_000
    (bad,) = [bad for batch in found for bad in batch.refused]
    assert bad.where == f"row group 0 (rows {rows + 1:,} to 100,000)"


def test_a_page_that_differs_from_its_checksum_is_refused_though_it_could_be_decoded() -> None:
    table = pa.table({"n": pa.array(range(1_000), pa.int64())})
    plain = {"compression": "none", "use_dictionary": False}
    ((_, end),) = chunks(written(table, **plain), 0)
    without = bytearray(written(table, **plain))
    without[end - 1] ^= 1
    assert not batches(bytes(without))[0].refused
    checked = bytearray(written(table, write_page_checksum=True, **plain))
    ((_, end),) = chunks(bytes(checked), 0)
    checked[end - 1] ^= 1
    (bad,) = batches(bytes(checked))[0].refused
    assert "CRC" in bad.reason


NESTED = pa.table(
    {
        "id": range(3),
        "point": [{"x": 1, "y": 2}] * 3,
        "point.x": ["top"] * 3,
        "tags": [["a"], [], None],
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "long": pa.array(["x"] * 3, pa.large_string()),
    }
)


@pytest.mark.parametrize(
    "columns", [{"id"}, {"point"}, {"point.x"}, {"tags", "kind"}, {"long", "not in the file"}, {"nothing"}, set(), None]
)
def test_of_the_columns_only_the_wanted_ones_are_read_in_the_order_of_the_file(columns: set[str] | None) -> None:
    (batch,) = batches(written(NESTED), columns=None if columns is None else frozenset(columns))
    names = [name for name in NESTED.schema.names if columns is None or name in columns]
    assert batch.rows.num_rows == 3
    assert batch.rows.schema.names == names
    assert batch.rows.to_pylist() == NESTED.select(names).to_pylist()


def test_a_table_without_columns_or_rows_is_read() -> None:
    assert sum(batch.rows.num_rows for batch in batches(written(pa.table({})))) == 0


def test_an_encrypted_file_is_an_error_of_the_data() -> None:
    file = written()
    with pytest.raises(DataError, match="encrypt"):
        batches(file[:-4] + b"PARE")


def test_two_columns_of_one_name_are_told_where_they_are_wanted() -> None:
    content = written(pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], ["a", "a", "b"]))
    for wanted in (None, frozenset("a")):
        with pytest.raises(DataError, match=r"^the file: .*, found `a` more than once"):
            batches(content, columns=wanted)
    (found,) = batches(content, columns=frozenset("b"))
    assert found.rows.to_pydict() == {"b": [5, 6]}


@pytest.mark.parametrize("table", [pa.table({"QQ": [1]}), pa.table({"a": [{"QQ": 1}]})], ids=["flat", "nested"])
def test_a_name_that_is_no_text_is_told(table: pa.Table) -> None:
    content = written(table, store_schema=False).replace(b"QQ", b"\xff\xfe")
    for call in (lambda: parquet.schema(io.BytesIO(content), ParquetFormat()), lambda: batches(content)):
        with pytest.raises(DataError, match=r"^the file's footer: expected Parquet"):
            call()
