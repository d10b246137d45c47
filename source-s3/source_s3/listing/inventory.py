"""S3 Inventory reports: a manifest.json and the data files that it names, in CSV, Parquet or ORC.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote_plus

from source_s3.listing.mentions import ROWS, Mention, csv_rows, readable_rows
from vector_ingest.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 1024 * 1024  # bytes
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
            files = [(file["key"], file["MD5checksum"].lower()) for file in found["files"]]
            columns = [_plain(column.strip()) for column in found["fileSchema"].split(",")]
            inventory = cls(name, found["destinationBucket"].rpartition(":")[2], found["fileFormat"], columns, files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
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
        with TemporaryFile() as kept:
            with open_file(inventory.bucket, key, f"The inventory {inventory.name}") as file:
                _copy(file, kept, checksum, name)
            for where, row in READERS[inventory.format](kept, name, inventory.columns):
                if row.get("islatest", True) and not row.get("isdeletemarker"):
                    yield _mention(where, row)


def _copy(file: BinaryIO, kept: IO[bytes], checksum: str, name: str) -> None:
    """To a file of its own: nothing is taken from it before all of it is known to be right."""
    digest = md5(usedforsecurity=False)
    while piece := file.read(PIECE):
        digest.update(piece)
        kept.write(piece)
    kept.seek(0)
    if digest.hexdigest() != checksum:
        raise DataError(
            name, f"expected the MD5 {checksum} of the inventory's manifest, found {digest.hexdigest()}. Use another."
        )


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


def _true(text: str) -> bool:
    return text.lower() == "true"


TYPES: Mapping[str, Callable[[str], object]] = {
    "key": lambda text: unquote_plus(text) if "%" in text or "+" in text else text,
    "islatest": _true,
    "isdeletemarker": _true,
    "size": int,
    "lastmodifieddate": datetime.fromisoformat,
}


def _csv(file: IO[bytes], name: str, columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    for where, row in csv_rows(file, name):  # type: ignore[arg-type]  # IO[bytes] is what BinaryIO says
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


def _parquet(file: IO[bytes], name: str, _: Sequence[str]) -> Iterator[tuple[str, Row]]:
    import pyarrow.parquet as pq

    with readable_rows(lambda: name):
        table = pq.ParquetFile(file)
        wanted = [column for column in table.schema_arrow.names if _plain(column) in WANTED]
        yield from _numbered(name, table.iter_batches(ROWS, columns=wanted))


def _orc(file: IO[bytes], name: str, _: Sequence[str]) -> Iterator[tuple[str, Row]]:
    from pyarrow import orc

    with readable_rows(lambda: name):
        table = orc.ORCFile(file)
        wanted = [column for column in table.schema.names if _plain(column) in WANTED]
        stripes = (table.read_stripe(number, wanted) for number in range(table.nstripes))
        yield from _numbered(
            name, (stripe.slice(at, ROWS) for stripe in stripes for at in range(0, stripe.num_rows, ROWS))
        )


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


WANTED = {"bucket", "key", "islatest", "isdeletemarker", "size", "lastmodifieddate", "etag", "storageclass"}
READERS: Mapping[str, Callable[[IO[bytes], str, Sequence[str]], Iterator[tuple[str, Row]]]] = {
    "CSV": _csv,
    "Parquet": _parquet,
    "ORC": _orc,
}
