"""Lists of objects that a user has made: CSV or Parquet, of s3:// addresses or of keys.

A CSV file may begin with a line of names: then the column `uri` counts, or `key` with or without `bucket`. Without one,
its first column counts; where that holds no address and a second column is there, the two are bucket and key as S3
Batch Operations take them: percent-encoded. All others are taken as they stand.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_plus

from vector_ingest.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

ADDRESS = re.compile(r"s3[an]?://([^/]+)/(.+)", re.DOTALL)
ROWS = 1000  # of a Parquet file that are turned at once


@dataclass(frozen=True, slots=True)
class Mention:
    """One object of a list. `where`: the list and the line. `bucket` None: the configured one.

    The facts are there where an inventory has them (`dated`); `modified` is in UTC, `etag` has no quotes.
    """

    where: str
    bucket: str | None
    key: str
    size: int | None = None
    modified: datetime | None = None
    etag: str | None = None
    storage: str | None = None
    dated: bool = False


def mentions(file: BinaryIO, name: str) -> Iterator[Mention]:
    """All of a CSV (or CSV.gz) or Parquet file, row by row. DataError: the line is none of a list."""
    magic = file.read(4)
    file.seek(0)
    yield from _of_parquet(file, name) if magic == b"PAR1" else _of_csv(file, name)


def csv_rows(file: BinaryIO, name: str) -> Iterator[tuple[str, list[str]]]:
    """The rows that are not empty, each with its place. gzip is known by its first bytes."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    line = 0
    with readable_rows(lambda: f"{name}, line {line + 1}"):
        text = io.TextIOWrapper(gzip.GzipFile(fileobj=file) if zipped else file, encoding="utf-8-sig", newline="")
        for row in (rows := csv.reader(text, strict=True)):
            first, line = line + 1, rows.line_num
            if row:
                yield f"{name}, line {first}", row


@contextmanager
def readable_rows(where: Callable[[], str]) -> Iterator[None]:
    """Foreign errors about a list's content become ours."""
    import pyarrow as pa

    try:
        yield
    except (csv.Error, UnicodeDecodeError, zlib.error, EOFError, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the machine; Arrow and gzip have no number
            raise
        raise DataError(where(), f"expected a list of objects, found what can't be read as one: {error}") from error


def _of_csv(file: BinaryIO, name: str) -> Iterator[Mention]:
    rows = csv_rows(file, name)
    first = next(rows, None)
    if first is None:
        return
    columns = _columns([cell.strip().lower() for cell in first[1]])
    encoded = not columns and len(first[1]) > 1 and not ADDRESS.fullmatch(first[1][0])
    if not columns:
        columns = {"bucket": 0, "key": 1} if encoded else {"uri": 0}
        yield _mention(*first, columns, encoded)
    for where, row in rows:
        yield _mention(where, row, columns, encoded)


def _columns(names: Sequence[str]) -> Mapping[str, int]:
    if "uri" in names:
        return {"uri": names.index("uri")}
    if "key" in names:
        return {name: names.index(name) for name in ("bucket", "key") if name in names}
    return {}


def _mention(where: str, row: Sequence[str | None], columns: Mapping[str, int], encoded: bool) -> Mention:
    if len(row) <= max(columns.values()):
        raise DataError(where, f"expected {max(columns.values()) + 1} values, found {len(row)}: {row}")
    values = {name: row[column] for name, column in columns.items()}
    if not all(values.values()):
        raise DataError(where, f"expected the name of an object, found an empty value: {list(row)}")
    if encoded and len(row) > 2 and row[2]:
        raise DataError(where, f"names the version {row[2]}, but only newest versions are read. Take it off the list.")
    bucket, key = values.get("bucket"), values.get("uri") or values["key"] or ""
    if bucket is not None:
        return Mention(where, bucket, unquote_plus(key) if encoded else key)
    address = ADDRESS.fullmatch(key)
    return Mention(where, address[1], address[2]) if address else Mention(where, None, key)


def _of_parquet(file: BinaryIO, name: str) -> Iterator[Mention]:
    import pyarrow.parquet as pq

    number = 0
    with readable_rows(lambda: f"{name}, row {number + 1}"):
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        columns = _columns([column.lower() for column in names]) or {"uri": 0}
        _expect_text(name, table.schema_arrow, columns)
        wanted = [names[column] for column in columns.values()]
        places = {column: wanted.index(names[place]) for column, place in columns.items()}
        for batch in table.iter_batches(ROWS, columns=wanted):
            lists = [batch.column(column).to_pylist() for column in wanted]
            for row in zip(*lists, strict=True):
                number += 1
                yield _mention(f"{name}, row {number}", row, places, encoded=False)


def _expect_text(name: str, schema: "pa.Schema", columns: Mapping[str, int]) -> None:
    import pyarrow as pa

    for column in columns.values():
        kind = schema.field(column).type
        if not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
            raise DataError(name, f"expected text in the column {schema.names[column]}, found {kind}")
