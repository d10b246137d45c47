"""What every reader of tables does: the same records from the same rows, resuming, errors that pass, bounded memory."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_s3.read import Reading, Resume, table_reader
from source_s3.read.options import CsvFormat, JsonFormat, JsonlFormat, ParquetFormat, TableFormat
from source_s3.render.lines import Template, render
from vector_ingest.errors import TransientError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Row = dict[str, str]
TEMPLATE = Template("rows", None, 1, {"url": '"u"'}, row_number="row")
ROWS: list[Row] = [
    {"id": str(number), "text": f'row {number}, "quoted" \\ \n é漢🦀 ' + "x" * (number % 300)}
    for number in range(60_000)
]
OPTIONS: dict[str, TableFormat] = {
    "csv": CsvFormat(),
    "tsv": CsvFormat(delimiter="\t"),
    "csv in utf-16": CsvFormat(encoding="utf-16"),
    "csv of a found dialect": CsvFormat(delimiter="|", quote_char="'", detect_dialect=True),
    "jsonl": JsonlFormat(),
    "json": JsonFormat(),
    "json over lines": JsonFormat(),
    "parquet": ParquetFormat(),
}


def csv_file(rows: Sequence[Row], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, ["id", "text"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode(encoding)


def jsonl_file(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet_file(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), file, row_group_size=7_000, compression="none")
    return file.getvalue()


WRITERS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "csv": csv_file,
    "tsv": partial(csv_file, delimiter="\t"),
    "csv in utf-16": partial(csv_file, encoding="utf-16"),
    "csv of a found dialect": partial(csv_file, delimiter=";"),
    "json": lambda rows: json.dumps(rows).encode(),
    "json over lines": lambda rows: json.dumps(rows, indent=2, ensure_ascii=False).encode(),
    "jsonl": jsonl_file,
    "parquet": parquet_file,
}


def repeated(kind: str, content: bytes, times: int) -> bytes:
    """A file of ROWS so many times over, without writing each of them."""
    match OPTIONS[kind]:
        case JsonFormat():
            return b"[" + b",".join([content[1:-1]] * times) + b"]"
        case JsonlFormat():
            return content * times
        case CsvFormat(encoding=encoding):
            text = content.decode(encoding or "utf-8")
            head, end, body = text.partition("\r\n")
            return f"{head}{end}{body * times}".encode(encoding or "utf-8")
        case _:
            return WRITERS[kind](ROWS * times)


@pytest.fixture(scope="module", params=OPTIONS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def content(kind: str) -> bytes:
    return WRITERS[kind](ROWS)


class Broken(io.RawIOBase):
    """A file in memory that fails with `error` when a read reaches the byte `limit`. `furthest`: the last byte read."""

    def __init__(self, content: bytes, limit: int, error: Exception) -> None:
        super().__init__()
        self.file, self.limit, self.error, self.furthest = io.BytesIO(content), limit, error, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        if self.file.tell() <= self.limit < self.file.tell() + len(view):
            raise self.error
        count = self.file.readinto(view)
        self.furthest = max(self.furthest, self.file.tell())
        return count


def records(kind: str, file: Any, resume: Resume | None = None) -> list[dict[str, Any]]:
    options = OPTIONS[kind]
    found = []
    for batch in table_reader(options).read(file, options, Reading(resume)):
        lines = bytes(render(batch.rows, batch.first_row, TEMPLATE)).splitlines()
        assert len(lines) == batch.rows.num_rows
        found += [json.loads(line)["record"]["data"] for line in lines]
    return found


def expected(rows: Sequence[Row], first: int = 0) -> list[dict[str, Any]]:
    return [{**row, "row": number, "url": "u"} for number, row in enumerate(rows, start=first + 1)]


def test_the_same_rows_give_the_same_records(kind: str, content: bytes) -> None:
    assert records(kind, io.BytesIO(content)) == expected(ROWS)


def test_the_schema_names_the_columns_in_their_order(kind: str, content: bytes) -> None:
    options = OPTIONS[kind]
    found = table_reader(options).schema(io.BytesIO(content), options)
    assert list(found.items()) == [(name, {"type": ["null", "string"]}) for name in ("id", "text")]


def test_reading_goes_on_after_every_batch_that_can_be_resumed(kind: str, content: bytes) -> None:
    options = OPTIONS[kind]
    read = table_reader(options).read
    ends = [
        (batch.first_row + batch.rows.num_rows, json.loads(json.dumps(batch.resume)))
        for batch in read(io.BytesIO(content), options, Reading())
        if batch.resume is not None
    ]
    assert len(ends) > 1
    for end, resume in ends:
        again = read(io.BytesIO(content), options, Reading(resume))
        if end == len(ROWS):
            assert list(again) == []
        else:
            first = next(again)
            assert first.first_row == end
            rest = sum(batch.rows.num_rows for batch in again) + first.rows.num_rows
            assert rest == len(ROWS) - end
    if ends:
        end, resume = ends[len(ends) // 2]
        assert records(kind, io.BytesIO(content), resume) == expected(ROWS[end:], end)


@pytest.mark.parametrize("place", [0.001, 0.1, 0.5, 0.9, 0.999, 1.0])
@pytest.mark.parametrize(
    "error",
    [TransientError("the store has gone"), ConnectionResetError(104, "reset"), RuntimeError("a bug")],
    ids=lambda error: type(error).__name__,
)
def test_what_the_file_raises_passes_as_it_is(kind: str, content: bytes, place: float, error: Exception) -> None:
    file = io.BufferedReader(Broken(content, int(place * (len(content) - 1)), error), 128 * 1024)
    options = OPTIONS[kind]
    with pytest.raises(type(error)) as found:
        for _ in table_reader(options).read(file, options, Reading()):
            pass
    assert found.value is error


def test_no_more_is_read_ahead_than_some_blocks(kind: str, content: bytes) -> None:
    """The first batch of a long file comes before all of it was read; for Parquet the footer is at the end."""
    times = 5
    long = repeated(kind, content, times)
    file = Broken(long, len(long) * 2, RuntimeError())
    options = OPTIONS[kind]
    batches = table_reader(options).read(io.BufferedReader(file, 128 * 1024), options, Reading())
    held = pa.total_allocated_bytes()
    most = 0
    count = 0
    for number, batch in enumerate(batches):
        if number == 0 and kind != "parquet":
            assert file.furthest < 8 * 1024 * 1024 < len(long)
        count += batch.rows.num_rows
        most = max(most, pa.total_allocated_bytes() - held)
    assert count == len(ROWS) * times
    assert most < 32 * 1024 * 1024 < len(long) / 1.5
