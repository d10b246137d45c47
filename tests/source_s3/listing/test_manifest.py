"""Objects named by a list or an S3 Inventory instead of by a listing."""

import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at
from vector_ingest.errors import ConfigError, DataError

COLUMNS = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
Row = Mapping[str, Any]


def listed(client: Any, bucket: Bucket, key: str, **selection: Any) -> list[S3Object]:
    chosen: dict[str, Any] = {"globs": ["**"], **selection}
    return list(list_objects(at(client, bucket), Selection(**chosen, manifest=f"s3://{bucket.name}/{key}")))


def names(client: Any, bucket: Bucket, key: str, **selection: Any) -> list[str]:
    return [item.name for item in listed(client, bucket, key, **selection)]


def parquet(**columns: Sequence[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "lines",
    [
        "a b.csv\nin/c,d\n",
        "s3://{bucket}/a b.csv\ns3://{bucket}/in/c\n",
        "uri\ns3://{bucket}/a b.csv\nin/c\n",
        "\ufeffsize,Key\r\n1,a b.csv\r\n\r\n2,in/c\r\n",
        "bucket,key\n{bucket},a b.csv\n{bucket},in/c\n",
        "{bucket},a+b.csv\n{bucket},in%2Fc\n",
        "{bucket},a%20b.csv,\n{bucket},in/c,\n",
        '"s3://{bucket}/a b.csv",1\n"s3://{bucket}/in/c",2\n',
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_csv_list_names_objects_by_address_key_or_bucket_and_key(
    client: Any, bucket: Bucket, lines: str, zipped: bool
) -> None:
    bucket.put("a b.csv", "x")
    bucket.put("in/c", "xx")
    text = lines.replace("in/c,d", "in/c").format(bucket=bucket.name).encode()
    bucket.put("list", gzip.compress(text) if zipped else text)
    found = listed(client, bucket, "list")
    assert [(item.name, item.size, item.dated) for item in found] == [("a b.csv", 1, False), ("in/c", 2, False)]


def test_a_parquet_list_names_them_by_its_column_or_its_first_one(client: Any, bucket: Bucket) -> None:
    bucket.put("a", "x")
    bucket.put("b", "x")
    bucket.put("first", parquet(any_name=["a", f"s3://{bucket.name}/b"], size=[1, 2]))
    bucket.put("uri", parquet(size=[1, 2], uri=["a", "b"]))
    bucket.put("pairs", parquet(size=[1, 2], key=["a", "b"], bucket=[bucket.name] * 2))
    for key in ("first", "uri", "pairs"):
        assert names(client, bucket, key) == ["a", "b"], key
    bucket.put("numbers", parquet(number=[1]))
    with pytest.raises(DataError, match="numbers: expected text in the column number, found int64"):
        names(client, bucket, "numbers")


def test_objects_of_other_buckets_are_named_by_their_address(client: Any, bucket: Bucket) -> None:
    other = f"{bucket.name}-2"
    bucket.client.create_bucket(Bucket=other)
    bucket.client.put_object(Bucket=other, Key="a", Body=b"xyz")
    bucket.put("a", "x")
    bucket.put("list", f"s3://{other}/a\na\n")
    there, here = listed(client, bucket, "list")
    assert (there.bucket, there.key, there.name, there.size) == (other, "a", f"s3://{other}/a", 3)
    assert (here.bucket, here.name, here.size) == (None, "a", 1)


def test_globs_exclusions_prefix_sizes_and_start_apply_to_what_is_listed_and_nothing_comes_twice(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    for key in ("in/a.csv", "in/b.txt", "in/c.tmp.csv", "out/d.csv"):
        bucket.put(key, "x")
    bucket.put("in/big.csv", "xxx")
    bucket.put("list", f"in/a.csv\nin/b.txt\nin/c.tmp.csv\nout/d.csv\nin/big.csv\ns3://{bucket.name}/in/a.csv\n")
    wanted = {"globs": ["**/*.csv"], "excluded": ["**/*.tmp.*"], "prefix": "in/", "largest": 2}
    assert names(client, bucket, "list", **wanted) == ["in/a.csv"]
    assert {request.path.rpartition("/")[2] for request in proxy.seen("HEAD")} == {"list", "a.csv", "big.csv"}
    assert names(client, bucket, "list", start=datetime(2999, 1, 1, tzinfo=UTC)) == []


def test_what_a_list_names_and_is_not_there_is_a_data_error_with_its_line(client: Any, bucket: Bucket) -> None:
    bucket.put("a", "x")
    bucket.put("list", "uri\na\nnone.csv\n")
    with pytest.raises(DataError, match=rf"s3://{bucket.name}/list, line 3: names s3://{bucket.name}/none.csv, which"):
        names(client, bucket, "list")


def test_what_may_not_be_read_or_is_not_there_is_told_as_both(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    bucket.put("list", "a\n")
    proxy.rules.append(Rule("answer", status=403, method="HEAD", path="/a$"))
    with pytest.raises(ConfigError, match=r"list, line 1 names s3://.*/a: .*403.*s3:GetObject.*not there: grant"):
        names(client, bucket, "list")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"bucket,key\na\n", "line 2: expected 2 values, found 1"),
        (b'uri\n""\n', "line 2: expected the name of an object, found an empty value"),
        (b"b,k,v1\n", "line 1: names the version v1, but only newest versions are read"),
        (b"a\n\xff\n", "line .: expected a list of objects, found what can't be read as one"),
        (b'a\n"b\n', "line .: expected a list of objects, found what can't be read as one"),
        (gzip.compress(b"a\n" * 9999, mtime=0)[:-9], "expected a list of objects, found what can't be read as one"),
        (b"PAR1 and nothing else", "expected a list of objects, found what can't be read as one"),
    ],
)
def test_a_damaged_list_is_a_data_error_with_its_line(client: Any, bucket: Bucket, body: bytes, message: str) -> None:
    bucket.put("a", "x")
    bucket.put("list", body)
    with pytest.raises(DataError, match=f"s3://{bucket.name}/list.*{message}"):
        names(client, bucket, "list")


def test_an_empty_list_names_nothing(client: Any, bucket: Bucket) -> None:
    bucket.put("list", "")
    bucket.put("header", "uri\n")
    assert names(client, bucket, "list") == names(client, bucket, "header") == []


def test_a_manifest_that_is_not_there_is_a_config_error(client: Any, bucket: Bucket) -> None:
    with pytest.raises(ConfigError, match=r"`manifest` names s3://.*/none, which is not there. Check the address"):
        names(client, bucket, "none")
    with pytest.raises(ConfigError, match=r"The manifest none is no address of an object. Expected s3://bucket/key"):
        list(list_objects(at(client, bucket), Selection(["**"], manifest="none")))


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
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(found) for found in rows]), file)
    return file.getvalue()


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


def test_a_json_that_is_no_inventory_is_a_config_error(client: Any, bucket: Bucket) -> None:
    bucket.put("manifest.json", "{}")
    with pytest.raises(ConfigError, match=r"is no manifest.json of an S3 Inventory: expected `destinationBucket`"):
        names(client, bucket, "manifest.json")
    manifest = put_inventory(bucket, [], fileFormat="XML")
    with pytest.raises(ConfigError, match="has the fileFormat 'XML': expected one of CSV, Parquet, ORC"):
        names(client, bucket, manifest)
