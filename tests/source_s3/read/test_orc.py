"""Stripes, scanning and resuming, damage, and every type that ORC has."""

import datetime as dt
import decimal
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import orc as writer

from source_s3.read import BadRow, Batch, Reading, orc
from source_s3.read.options import OrcFormat
from source_s3.render.lines import Template, render
from tests.conftest import Bucket
from tests.destination_commands import run
from tests.source_s3.commands import arguments, catalog, config, read, records
from vector_ingest.errors import DataError, TransientError

CHANCE = random.Random(1)
COUNT = 100_000
TABLE = pa.table({"n": [CHANCE.randrange(2**60) for _ in range(COUNT)], "text": [f"t {n % 50}" for n in range(COUNT)]})


def written(table: pa.Table = TABLE, **options: Any) -> bytes:
    file = io.BytesIO()
    writer.write_table(table, file, **{"stripe_size": 300_000, "compression": "zlib", **options})
    return file.getvalue()


WHOLE = written()
STRIPES = orc.stripes_of(writer.ORCFile(io.BytesIO(WHOLE)).reader.serialized_file_tail())


def batches(content: bytes, reading: Reading | None = None, **options: Any) -> list[Batch]:
    return list(orc.read(io.BytesIO(content), OrcFormat(**options), reading or Reading()))


def table(found: list[Batch]) -> pa.Table:
    return pa.Table.from_batches([batch.rows for batch in found if batch.rows.num_rows])


def refused(found: list[Batch]) -> list[BadRow]:
    return [row for batch in found for row in batch.refused]


def values(array: pa.Array, **options: Any) -> list[Any]:
    (batch,) = batches(written(pa.table({"c": array})), **options)
    text = bytes(render(batch.rows, 0, Template("s", None, 1, {}))).decode()
    return [json.loads(line)["record"]["data"]["c"] for line in text.split("\n")[:-1]]


def test_a_file_has_several_stripes_and_their_rows_are_known() -> None:
    assert len(STRIPES) > 2
    assert sum(stripe.rows for stripe in STRIPES) == COUNT


@pytest.mark.parametrize("compression", ["uncompressed", "zlib", "snappy", "lz4", "zstd"])
def test_all_rows_come_in_order_whatever_the_compression(compression: str) -> None:
    found = batches(written(compression=compression))
    assert table(found) == TABLE
    assert max(batch.rows.num_rows for batch in found) <= orc.ROWS


@pytest.mark.parametrize("whole", [0, orc.WHOLE])
def test_reading_goes_on_after_any_stripe(monkeypatch: pytest.MonkeyPatch, whole: int) -> None:
    monkeypatch.setattr(orc, "WHOLE", whole)  # the size from which on a resume scans
    found = batches(WHOLE)
    ends = [batch.first_row + batch.rows.num_rows for batch in found]
    resumes = {end: batch.resume for end, batch in zip(ends, found, strict=True) if batch.resume is not None}
    assert len(resumes) == len(STRIPES)
    for end, resume in resumes.items():
        rest = batches(WHOLE, Reading(json.loads(json.dumps(resume))))
        assert [batch.first_row for batch in rest][:1] == ([end] if end < COUNT else [])
        if rest:
            assert table(rest) == TABLE.slice(end)


def test_columns_that_nobody_wants_are_left_out() -> None:
    assert table(batches(WHOLE, Reading(columns=frozenset({"text", "other"})))) == TABLE.select(["text"])
    assert sum(batch.rows.num_rows for batch in batches(WHOLE, Reading(columns=frozenset()))) == COUNT


@pytest.mark.parametrize("rows", [0, 1])
def test_a_file_with_few_rows_or_none_is_read(rows: int) -> None:
    content = written(TABLE.slice(0, rows))
    assert sum(batch.rows.num_rows for batch in batches(content)) == rows
    assert orc.schema(io.BytesIO(content), OrcFormat()) == {
        "n": {"type": ["null", "integer"]}, "text": {"type": ["null", "string"]},
    }  # fmt: skip


def damaged(stripe: int) -> bytes:
    bad = bytearray(WHOLE)
    begin = 3 + sum(each.size for each in STRIPES[:stripe])
    size = STRIPES[stripe].size
    bad[begin + size // 3 : begin + size // 2] = b"\xff" * (size // 2 - size // 3)
    return bytes(bad)


@pytest.mark.parametrize("stripe", range(len(STRIPES)))
def test_a_damaged_stripe_is_refused_and_the_others_are_read(stripe: int) -> None:
    found = batches(damaged(stripe))
    (bad,) = refused(found)
    assert bad.where == f"stripe {stripe}"
    assert "can't be read" in bad.reason
    rows = table(found).column("n").to_pylist()
    begin = sum(each.rows for each in STRIPES[:stripe])
    end = begin + STRIPES[stripe].rows
    kept = TABLE.column("n").to_pylist()
    assert end == COUNT or rows[end - COUNT :] == kept[end:]
    assert rows[:begin] == kept[:begin]
    assert len(rows) < COUNT
    for batch in found:
        if batch.resume is not None and batch.resume["stripe"] <= stripe:
            assert [bad.where for bad in refused(batches(damaged(stripe), Reading(batch.resume)))] == [bad.where]


def test_no_damage_breaks_the_reader() -> None:
    chance = random.Random(1)
    for _ in range(40):
        bad = bytearray(WHOLE)
        place = chance.randrange(len(bad) - 40)
        bad[place : place + 40] = chance.randbytes(40)
        try:
            batches(bytes(bad))
        except DataError as error:
            assert error.where == "the file's footer"  # noqa: PT017  not each damage is one of the footer


@pytest.mark.parametrize("content", [b"", b"ORC", b"a,b\n1,2\n" * 100, WHOLE[:-1], WHOLE[: len(WHOLE) // 2]])
def test_what_is_no_whole_orc_is_an_error_of_the_data(content: bytes) -> None:
    for call in (orc.schema, lambda file, options: list(orc.read(file, options, Reading()))):
        with pytest.raises(DataError, match=r"^the file's footer: expected ORC"):
            call(io.BytesIO(content), OrcFormat())


class Breaking(io.BytesIO):
    """A connection that breaks for good once the footer was read."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            raise TransientError("it broke")
        return super().read(size)


def test_a_broken_connection_is_not_taken_for_damage() -> None:
    content = written(pa.table({"t": [random.Random(n).randbytes(500) for n in range(20_000)]}), stripe_size=10**6)
    assert len(content) > 2 * orc.WINDOW
    with pytest.raises(TransientError, match="it broke"):
        list(orc.read(Breaking(content), OrcFormat(), Reading()))


def test_decimals_are_text_or_numbers_of_all_their_digits_as_the_user_wants() -> None:
    digits = decimal.Decimal("12345678901234567890.123456789")
    array = pa.array([digits, None, decimal.Decimal("1.10")], pa.decimal128(38, 9))
    assert values(array) == ["12345678901234567890.123456789", None, "1.100000000"]
    assert values(array, decimal_as_float=True) == [float(digits), None, 1.1]
    (batch,) = batches(written(pa.table({"c": array})), decimal_as_float=True)
    assert b'"c":12345678901234567890.123456789}' in bytes(render(batch.rows, 0, Template("s", None, 1, {})))
    for as_float, kind in ((False, "string"), (True, "number")):
        found = orc.schema(io.BytesIO(written(pa.table({"c": array}))), OrcFormat(decimal_as_float=as_float))
        assert found == {"c": {"type": ["null", kind]}}


MOMENT = dt.datetime.fromisoformat("2024-07-01T12:30:00.000005")


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (pa.array([True, None]), [True, None]),
        (pa.array([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)]),
        (pa.array([-128], pa.int8()), [-128]),
        (pa.array([0.1, None], pa.float32()), [0.10000000149011612, None]),
        (pa.array([1e300, float("nan")]), [1e300, None]),
        (pa.array(['"é🦀"', ""]), ['"é🦀"', ""]),
        (pa.array([b"\xff"]), ["/w=="]),
        (pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]), ["0001-01-01", "9999-12-31"]),
        (pa.array([MOMENT], pa.timestamp("ns")), ["2024-07-01T12:30:00.000005"]),
        (pa.array([MOMENT], pa.timestamp("ns", "UTC")), ["2024-07-01T12:30:00.000005+00:00"]),
        (pa.array([[1, None], [], None]), [[1, None], [], None]),
        (pa.array([{"a": 1}, None], pa.map_(pa.string(), pa.int64())), [{"a": 1}, None]),
        (pa.array([{"x": [{"y": MOMENT}]}]), [{"x": [{"y": "2024-07-01T12:30:00.000005"}]}]),
    ],
    ids=str,
)
def test_each_type_becomes_what_the_renderer_makes_of_it(array: pa.Array, wanted: list[Any]) -> None:
    assert values(array) == wanted


def test_a_moment_that_arrow_can_not_hold_refuses_its_stripe_instead_of_becoming_another() -> None:
    (bad,) = refused(batches(written(pa.table({"c": pa.array([-(2**55)], pa.timestamp("us"))}))))
    assert "out of range" in bad.reason


def test_the_command_finds_the_schema_and_reads_the_rows(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("rows.orc", WHOLE)
    settings = config(bucket, file_type="orc")
    (found,) = run(arguments(tmp_path, "discover", settings)).of("CATALOG")
    assert found["streams"][0]["json_schema"]["properties"]["n"] == {"type": ["null", "integer"]}
    ended = read(tmp_path, settings, catalog())
    assert ended.code == 0
    assert [{name: row[name] for name in ("n", "text")} for row in records(ended)] == TABLE.to_pylist()


TWICE = pa.Table.from_arrays([pa.array([1, 2]), pa.array([3, 4]), pa.array([5, 6])], ["a", "a", "b"])


def test_two_columns_of_one_name_are_told_where_they_are_wanted() -> None:
    content = written(TWICE)
    for wanted in (None, frozenset("a")):
        with pytest.raises(DataError, match=r"^the file: .*, found `a` more than once"):
            batches(content, Reading(columns=wanted))
    (found,) = batches(content, Reading(columns=frozenset("b")))
    assert found.rows.to_pydict() == {"b": [5, 6]}


def test_a_footer_with_a_wrong_byte_is_an_error_of_the_data_or_none() -> None:
    """As where it says that the file has no rows of columns, but single values."""
    content = written(pa.table({"a": [1]}), compression="uncompressed")
    told = 0
    for place in range(len(content) - 150, len(content)):
        for value in (6, 9, 200):
            try:
                orc.schema(io.BytesIO(content[:place] + bytes([value]) + content[place + 1 :]), OrcFormat())
            except DataError as error:
                assert error.where == "the file's footer"  # noqa: PT017  it need not be raised
                told += 1
    assert told > 50
