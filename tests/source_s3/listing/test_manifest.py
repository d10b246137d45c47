"""Objects named by a list instead of by a listing."""

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at
from tests.source_s3.files import parquet
from tests.source_s3.listing.manifests import listed, names
from vector_ingest.errors import ConfigError, DataError


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
    bucket.put("first", parquet({"any_name": ["a", f"s3://{bucket.name}/b"], "size": [1, 2]}))
    bucket.put("uri", parquet({"size": [1, 2], "uri": ["a", "b"]}))
    bucket.put("pairs", parquet({"size": [1, 2], "key": ["a", "b"], "bucket": [bucket.name] * 2}))
    for key in ("first", "uri", "pairs"):
        assert names(client, bucket, key) == ["a", "b"], key
    bucket.put("numbers", parquet({"number": [1]}))
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


def test_a_parquet_list_that_is_damaged_is_a_data_error(client: Any, bucket: Bucket) -> None:
    body = bytearray(parquet({"uri": [f"folder/{number}" for number in range(1000)]}))
    body[100:120] = b"\xff" * 20
    bucket.put("list", bytes(body))
    with pytest.raises(DataError, match="/list, row 1: expected a list of objects, found what can't be read as one"):
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
