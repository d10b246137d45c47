"""Objects named by an S3 Inventory instead of by a listing."""

import gzip
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.conftest import at
from tests.source_s3.files import parquet
from tests.source_s3.listing.manifests import COLUMNS, WRITERS, as_csv, listed, names, put_inventory, row
from vector_ingest.errors import ConfigError, DataError


@pytest.mark.parametrize("kind", WRITERS)
def test_an_inventory_gives_objects_with_its_facts_and_asks_for_none(
    client: Any, bucket: Bucket, proxy: FaultyS3, kind: str
) -> None:
    rows = [row(bucket, "a b+%.csv", 3), row(bucket, "é.csv"), row(bucket, 'in/x,"y.csv' if kind != "CSV" else "in/xy")]
    old = [row(bucket, "old", is_latest=False), row(bucket, "gone", is_delete_marker=True, size=None)]
    manifest = put_inventory(bucket, [WRITERS[kind](rows[:1] + old), WRITERS[kind](rows[1:])], kind)
    found = listed(client, bucket, manifest)
    assert [item.key for item in found] == [item["key"] for item in rows]
    moment = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found[0] == S3Object("a b+%.csv", 3, moment, "abc", dated=True)
    assert [request.path.rpartition("/")[2] for request in proxy.seen("HEAD")] == ["manifest.json", "0", "1"]


def test_a_thousand_rows_and_more_of_an_inventory_are_all_there(client: Any, bucket: Bucket) -> None:
    rows = [row(bucket, f"{number:05}") for number in range(2_500)]
    for kind, write in WRITERS.items():
        assert len(listed(client, bucket, put_inventory(bucket, [write(rows)], kind))) == 2_500


def test_an_inventory_without_facts_has_them_asked_for_and_what_is_gone_is_left_out_by_name(
    client: Any, bucket: Bucket
) -> None:
    bucket.put("a", "xyz")
    body = gzip.compress(f"{bucket.name},a\n{bucket.name},gone\n".encode())
    manifest = put_inventory(bucket, [body], fileSchema="Bucket, Key")
    left: list[tuple[str, str]] = []
    selection = Selection(["**"], manifest=f"s3://{bucket.name}/{manifest}")
    (found,) = list_objects(at(client, bucket), selection, lambda *what: left.append(what))
    assert (found.key, found.size, found.dated) == ("a", 3, False)
    assert left == [("gone", "stands in the inventory and is there no longer")]


def test_whether_an_archived_object_of_an_inventory_is_restored_is_asked_for(client: Any, bucket: Bucket) -> None:
    for key in ("cold", "thawed"):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"x", StorageClass="GLACIER")
    bucket.client.restore_object(Bucket=bucket.name, Key="thawed", RestoreRequest={"Days": 1})
    rows = [row(bucket, key, storage_class="GLACIER") for key in ("cold", "thawed")]
    manifest = put_inventory(bucket, [as_csv(rows)])
    assert names(client, bucket, manifest) == ["thawed"]
    with pytest.raises(ConfigError, match=r"/cold is in the archive class GLACIER"):
        names(client, bucket, manifest, archived="Refuse")


def test_a_data_file_that_is_not_what_the_manifest_says_is_an_error_before_any_object(
    client: Any, bucket: Bucket
) -> None:
    manifest = put_inventory(bucket, [as_csv([row(bucket, "a")])])
    bucket.put("inventory/data/0", as_csv([row(bucket, "b")]))
    selection = Selection(["**"], manifest=f"s3://{bucket.name}/{manifest}")
    with pytest.raises(DataError, match=r"inventory/data/0: expected the MD5 \w{32} of .*, found \w{32}"):
        next(list_objects(at(client, bucket), selection))
    bucket.client.delete_object(Bucket=bucket.name, Key="inventory/data/0")
    with pytest.raises(
        ConfigError, match=r"The inventory s3://.*manifest.json names s3://.*data/0, which is not there"
    ):
        next(list_objects(at(client, bucket), selection))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("Bucket, Key", "line 1: expected 2 values, as in `fileSchema`, found 9"),
        (COLUMNS.replace("Size", "X").replace("ETag", "Size"), "line 1: expected values as in an S3 Inventory"),
        (COLUMNS.replace("Key", "Name"), "line 1: expected a bucket and a key, found none"),
    ],
)
def test_rows_that_do_not_fit_the_schema_are_a_data_error(
    client: Any, bucket: Bucket, schema: str, message: str
) -> None:
    manifest = put_inventory(bucket, [as_csv([row(bucket, "a")])], fileSchema=schema)
    with pytest.raises(DataError, match=f"data/0, {message}"):
        names(client, bucket, manifest)


OTHER_TYPES = {"last_modified_date": "2024-01-02", "e_tag": b"abc", "key": 5, "size": "1", "is_latest": "false"}


@pytest.mark.parametrize("kind", ["Parquet", "ORC"])
@pytest.mark.parametrize("column", OTHER_TYPES)
def test_a_column_of_another_type_is_a_data_error(client: Any, bucket: Bucket, kind: str, column: str) -> None:
    columns = {name: [value] for name, value in row(bucket, "a").items()} | {column: [OTHER_TYPES[column]]}
    file = io.BytesIO()
    (pq if kind == "Parquet" else orc).write_table(pa.table(columns), file)
    manifest = put_inventory(bucket, [file.getvalue()], kind)
    with pytest.raises(DataError, match=f"data/0: expected the type .* in the column {column}"):
        names(client, bucket, manifest)


def test_a_file_without_names_of_objects_is_a_data_error(client: Any, bucket: Bucket) -> None:
    manifest = put_inventory(bucket, [parquet({"size": [1]})], "Parquet")
    with pytest.raises(DataError, match=r"data/0: expected the columns bucket and key"):
        names(client, bucket, manifest)


def test_a_json_that_is_no_inventory_is_a_config_error(client: Any, bucket: Bucket) -> None:
    bucket.put("manifest.json", "{}")
    with pytest.raises(ConfigError, match=r"is no manifest.json of an S3 Inventory: expected `destinationBucket`"):
        names(client, bucket, "manifest.json")
    for changes in ({"fileFormat": ["CSV"]}, {"destinationBucket": None}, {"fileSchema": 1}):
        with pytest.raises(ConfigError, match=r"is no manifest.json of an S3 Inventory"):
            names(client, bucket, put_inventory(bucket, [], **changes))
    bucket.put("manifest.json", "[" * 100_000)
    with pytest.raises(ConfigError, match=r"is no manifest.json of an S3 Inventory"):
        names(client, bucket, "manifest.json")
    manifest = put_inventory(bucket, [], fileFormat="XML")
    with pytest.raises(ConfigError, match="has the fileFormat 'XML': expected one of CSV, Parquet, ORC"):
        names(client, bucket, manifest)
