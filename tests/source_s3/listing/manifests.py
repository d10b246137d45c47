"""What a manifest names, and inventories as S3 writes them."""

import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus

import orjson
import pyarrow as pa
from pyarrow import orc

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.source_s3.conftest import at
from tests.source_s3.files import parquet

COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
Row = Mapping[str, Any]


def listed(client: Any, bucket: Bucket, key: str, **selection: Any) -> list[S3Object]:
    chosen: dict[str, Any] = {"globs": ["**"], **selection}
    return list(list_objects(at(client, bucket), Selection(**chosen, manifest=f"s3://{bucket.name}/{key}")))


def names(client: Any, bucket: Bucket, key: str, **selection: Any) -> list[str]:
    return [item.name for item in listed(client, bucket, key, **selection)]


def row(bucket: Bucket, key: str, size: int | None = 1, **more: Any) -> Row:
    """Of an inventory, its moment long ago."""
    return {
        "bucket": bucket.name,
        "key": key,
        "version_id": "v",
        "is_latest": True,
        "is_delete_marker": False,
        "size": size,
        "last_modified_date": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        "e_tag": "abc",
        "storage_class": "STANDARD",
        **more,
    }


def as_csv(rows: Sequence[Row]) -> bytes:
    lines = []
    for found in rows:
        values = [
            found["bucket"],
            quote_plus(found["key"], safe="/"),
            found["version_id"],
            str(found["is_latest"]).lower(),
            str(found["is_delete_marker"]).lower(),
            found["size"] if found["size"] is not None else "",
            found["last_modified_date"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            found["e_tag"],
            found["storage_class"],
        ]
        lines.append(",".join(f'"{value}"' for value in values) + "\n")
    return gzip.compress("".join(lines).encode())


def as_parquet(rows: Sequence[Row]) -> bytes:
    return parquet(pa.Table.from_pylist([dict(found) for found in rows]))


def as_orc(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()
    naive = [{**found, "last_modified_date": found["last_modified_date"].replace(tzinfo=None)} for found in rows]
    orc.write_table(pa.Table.from_pylist(naive), file)
    return file.getvalue()


WRITERS = {"CSV": as_csv, "Parquet": as_parquet, "ORC": as_orc}


def put_inventory(bucket: Bucket, files: Sequence[bytes], kind: str = "CSV", **changes: Any) -> str:
    entries = []
    for number, body in enumerate(files):
        key = f"inventory/data/{number}"
        bucket.put(key, body)
        entries.append({"key": key, "size": len(body), "MD5checksum": md5(body, usedforsecurity=False).hexdigest()})
    manifest = {
        "sourceBucket": bucket.name,
        "destinationBucket": f"arn:aws:s3:::{bucket.name}",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": kind,
        "fileSchema": COLUMNS if kind == "CSV" else "message s3.inventory { … }",
        "files": entries,
        **changes,
    }
    bucket.put("inventory/manifest.json", orjson.dumps(manifest))
    return "inventory/manifest.json"
