"""S3 Inventory reports: a manifest.json and the data files that it names, in CSV, Parquet or ORC.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote_plus

from source_s3.content.spool import Spool
from source_s3.listing.mentions import ROWS, Mention, csv_rows, readable_rows
from source_s3.raw_file import buffered
from vector_ingest.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
Open = Callable[[str, str, str], BinaryIO]  # of bucket and key; the third: what names the object


@dataclass(frozen=True, slots=True)
class Inventory:
    """`columns`: of a CSV file, in their order. `files`: key and MD5 in hexadecimal."""

    name: str
    bucket: str
    format: str
    columns: Sequence[str]
    files: Sequence[tuple[str, str]]

    @classmethod
    def parse(cls, text: bytes, name: str) -> "Inventory":
        try:
            found = json.loads(text)
            files = [(_text(file["key"]), _text(file["MD5checksum"]).lower()) for file in found["files"]]
            columns = [_plain(column.strip()) for column in _text(found["fileSchema"]).split(",")]
            holding = _text(found["destinationBucket"]).rpartition(":")[2]
            inventory = cls(name, holding, _text(found["fileFormat"]), columns, files)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                f"The manifest {name} is no manifest.json of an S3 Inventory: expected `destinationBucket`, "
                f"`fileFormat`, `fileSchema` and `files` with `key` and `MD5checksum`, found {error!r}."
            ) from error
        if inventory.format not in READERS:
            raise ConfigError(
                f"The manifest {name} has the fileFormat {inventory.format!r}: expected one of {', '.join(READERS)}."
            )
        return inventory


def inventory_mentions(inventory: Inventory, open_file: Open) -> Iterator[Mention]:
    """The newest versions, without markers of deletions. DataError: a data file is not what the manifest says."""
    for key, checksum in inventory.files:
        name = f"s3://{inventory.bucket}/{key}"
        with open_file(inventory.bucket, key, f"The inventory {inventory.name}") as file:
            copy = _copy(file, checksum, name)
        with copy as kept:
            for where, row in READERS[inventory.format](kept, name, inventory.columns):
                if row.get("islatest", True) and not row.get("isdeletemarker"):
                    yield _mention(where, row)


def _copy(file: BinaryIO, checksum: str, name: str) -> BinaryIO:
    """On disk: nothing is taken from it before all of it is known to be right. ConfigError: there is no room."""
    digest = md5(usedforsecurity=False)

    def read(size: int) -> bytes:
        piece = file.read(size)
        digest.update(piece)
        return piece

    spool = Spool(name, read)
    if digest.hexdigest() != checksum:
        raise DataError(
            name, f"expected the MD5 {checksum} of the inventory's manifest, found {digest.hexdigest()}. Use another."
        )
    return buffered(spool.part(0, spool.size))


def _mention(where: str, row: Row) -> Mention:
    if not row.get("bucket") or not row.get("key"):
        raise DataError(where, "expected a bucket and a key, found none")
    modified: datetime | None = row.get("lastmodifieddate")
    if modified is not None:
        modified = modified.astimezone(UTC) if modified.tzinfo else modified.replace(tzinfo=UTC)
    etag = row.get("etag")
    return Mention(
        where,
        row["bucket"],
        row["key"],
        row.get("size"),
        modified,
        etag.strip('"') if etag else None,
        row.get("storageclass"),
        dated=True,
    )


def _plain(column: str) -> str:
    """CSV files say `IsLatest` and `ETag` where the others say `is_latest` and `e_tag`."""
    return column.replace("_", "").lower()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r}")
    return value


def _true(text: str) -> bool:
    return text.lower() == "true"


TYPES: Mapping[str, Callable[[str], object]] = {
    "key": lambda text: unquote_plus(text) if "%" in text or "+" in text else text,
    "islatest": _true,
    "isdeletemarker": _true,
    "size": int,
    "lastmodifieddate": datetime.fromisoformat,
}


def _csv(file: BinaryIO, name: str, columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    for where, row in csv_rows(file, name):
        if len(row) != len(columns):
            raise DataError(where, f"expected {len(columns)} values, as in `fileSchema`, found {len(row)}")
        try:
            yield (
                where,
                {
                    column: TYPES[column](text) if column in TYPES else text
                    for column, text in zip(columns, row, strict=True)
                    if text
                },
            )
        except ValueError as error:
            raise DataError(where, f"expected values as in an S3 Inventory, found {row}: {error}") from error


def _parquet(file: BinaryIO, name: str, _: Sequence[str]) -> Iterator[tuple[str, Row]]:
    import pyarrow.parquet as pq

    with readable_rows(lambda: name):
        table = pq.ParquetFile(file)
        wanted = _wanted(name, table.schema_arrow)
        yield from _numbered(name, table.iter_batches(ROWS, columns=wanted))


def _orc(file: BinaryIO, name: str, _: Sequence[str]) -> Iterator[tuple[str, Row]]:
    from pyarrow import orc

    with readable_rows(lambda: name):
        table = orc.ORCFile(file)
        wanted = _wanted(name, table.schema)
        stripes = (table.read_stripe(number, wanted) for number in range(table.nstripes))
        yield from _numbered(
            name, (stripe.slice(at, ROWS) for stripe in stripes for at in range(0, stripe.num_rows, ROWS))
        )


def _wanted(name: str, schema: "pa.Schema") -> list[str]:
    """The columns that are asked for. DataError: one that must be there is not, or is of another type."""
    wanted = [column for column in schema.names if _plain(column) in WANTED]
    if not {"bucket", "key"} <= {_plain(column) for column in wanted}:
        raise DataError(name, f"expected the columns bucket and key of an S3 Inventory, found {schema.names}")
    for column in wanted:
        kind, expected = schema.field(column).type, WANTED[_plain(column)]
        if not (_is(expected, kind) or _is("null", kind)):
            raise DataError(
                name, f"expected the type {expected} in the column {column} of an S3 Inventory, found {kind}"
            )
    return wanted


def _is(expected: str, kind: "pa.DataType") -> bool:
    import pyarrow as pa

    found = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (
        [pa.types.is_string, pa.types.is_large_string]
        if expected == "string"
        else [getattr(pa.types, f"is_{expected}")]
    )
    return any(test(found) for test in tests)


def _numbered(name: str, batches: Iterator["pa.RecordBatch"]) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa

    number = 0
    for batch in batches:
        columns = {}
        for column, values in zip(batch.schema.names, batch.columns, strict=True):
            moment = pa.types.is_timestamp(values.type)
            columns[_plain(column)] = (values.cast(pa.timestamp("ms"), safe=False) if moment else values).to_pylist()
        for row in zip(*columns.values(), strict=True):
            number += 1
            yield f"{name}, row {number}", dict(zip(columns, row, strict=True))


WANTED = {  # and their types
    **dict.fromkeys(("bucket", "key", "etag", "storageclass"), "string"),
    **dict.fromkeys(("islatest", "isdeletemarker"), "boolean"),
    "size": "integer",
    "lastmodifieddate": "timestamp",
}
READERS: Mapping[str, Callable[[BinaryIO, str, Sequence[str]], Iterator[tuple[str, Row]]]] = {
    "CSV": _csv,
    "Parquet": _parquet,
    "ORC": _orc,
}
