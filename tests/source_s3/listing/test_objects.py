"""How objects are listed, against S3 over HTTP with a proxy before it that sees and breaks things."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from itertools import repeat
from typing import Any

import pytest

from source_s3.content.object_file import fetch_object
from source_s3.listing.objects import PAGES_AHEAD, list_objects
from source_s3.plan import Selection
from source_s3.s3_object import Bucket as Place
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at
from tests.source_s3.listing.listed import keys
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import IamUser
from vector_ingest.errors import ConfigError, TransientError


def test_more_keys_than_one_page_holds_are_all_listed_once(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    expected = [f"many/{number:05}" for number in range(1_003)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bucket.put, expected, repeat("")))
    assert [found.key for found in list_objects(at(client, bucket), Selection(["many/*"]))] == expected
    assert len(proxy.seen("GET", "list-type=2")) == 2


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_listing_that_breaks_off_is_asked_for_again(client: Any, bucket: Bucket, proxy: FaultyS3, fault: Any) -> None:
    for key in ("a", "b", "c"):
        bucket.put(key, "x")
    proxy.rules.append(Rule(fault, after=300, path="list-type=2"))
    assert [found.key for found in list_objects(at(client, bucket), Selection(["*"]))] == ["a", "b", "c"]
    assert len(proxy.seen("GET", "list-type=2")) == 2


def test_an_object_is_listed_with_its_facts_and_markers_of_folders_are_not(client: Any, bucket: Bucket) -> None:
    bucket.put("folder/", "")
    bucket.put("folder/empty", "")
    bucket.put("folder/full", "four")
    empty, full = list_objects(at(client, bucket), Selection(["**"]))
    assert (empty.key, empty.size) == ("folder/empty", 0)
    assert (full.key, full.size, full.etag) == ("folder/full", 4, "8cbad96aced40b3838dd9f07f6ef5772")
    assert full.last_modified.tzinfo is UTC


def test_a_bucket_that_does_not_exist_is_a_config_error(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"list s3://no-such-bucket/.*NoSuchBucket.*Check the bucket's name"):
        list(list_objects(Place(client, "no-such-bucket"), Selection(["*"])))


ODD_KEYS = [
    "a b.csv",
    " a.csv ",
    "a+b.csv",
    "a%20b%.csv",
    "a\tb\x01.csv",
    "a&b=c?d#e.csv",
    "\"'<>\\.csv",
    "é/日本/😀.csv",
    "/a.csv",
    "//a.csv",
    "a//b.csv",
    "a/./b.csv",
    "a/../b.csv",
    "x" * 1020 + ".csv",
]


def test_keys_of_any_characters_are_listed_and_read(client: Any, bucket: Bucket) -> None:
    for key in ODD_KEYS:
        bucket.put(key, key)
    globs = ["**", "**/./*", "**/../*"]  # as in the peer, wildcards pass over parts that begin with a dot
    found = {item.key: item for item in list_objects(at(client, bucket), Selection(globs))}
    assert sorted(found) == sorted(ODD_KEYS)
    assert {key: fetch_object(at(client, bucket), item).decode() for key, item in found.items()} == {
        key: key for key in ODD_KEYS
    }


def page(*entries: str, more: str = "<IsTruncated>false</IsTruncated>") -> bytes:
    contents = "".join(
        f"<Contents>{entry}<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
        "<Size>1</Size></Contents>"
        for entry in entries
    )
    return f"<ListBucketResult><EncodingType>url</EncodingType>{more}{contents}</ListBucketResult>".encode()


def test_a_key_with_line_breaks_is_listed_and_read(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    proxy.rules += [
        Rule("answer", status=200, body=page("<Key>a%0Ab+c%2Bd%0D.csv</Key>"), path="list-type=2"),
        Rule("answer", status=200, body=b"x", path="/a%0Ab%20c%2Bd%0D.csv$"),
    ]
    (found,) = list_objects(at(client, bucket), Selection(["a*.csv"]))
    assert found.key == "a\nb c+d\r.csv"
    assert fetch_object(at(client, bucket), found) == b"x"


def test_one_prefix_that_fails_ends_the_listing_of_all(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    for number in range(20):
        bucket.put(f"{number:02}/a", "x")
    proxy.rules.append(Rule("answer", status=403, code="AccessDenied", path="prefix=13", times=None))
    with pytest.raises(ConfigError, match=r"list s3://[\w-]+/13/.*AccessDenied.*s3:ListBucket"):
        list(list_objects(at(client, bucket), Selection([f"{number:02}/*" for number in range(20)])))
    assert listers() == []


def test_prefixes_are_listed_side_by_side(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    for number in range(8):
        bucket.put(f"{number}/a", "x")
    together = threading.Barrier(8)  # none is answered before all have asked
    proxy.rules.append(Rule("delay", path="list-type=2", times=None, then=lambda: together.wait(20)))
    assert len(keys(client, bucket, Selection([f"{number}/*" for number in range(8)]))) == 8


def test_a_consumer_that_stops_early_leaves_no_thread_and_asks_for_few_pages(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>"
    proxy.rules += [
        Rule("answer", status=200, body=page(f"<Key>a{number}</Key>", more=more.format(number)), path="list-type=2")
        for number in range(40)
    ]
    with closing(list_objects(at(client, bucket), Selection(["a*"]))) as listing:
        assert next(listing).key == "a0"
        assert listers()
    assert listers() == []
    assert len(proxy.seen("GET", "list-type=2")) <= PAGES_AHEAD + 2


def listers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("list")]


def test_a_store_that_does_not_say_how_to_go_on_is_a_transient_error(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    more = "<IsTruncated>true</IsTruncated>"
    proxy.rules.append(Rule("answer", status=200, body=page("<Key>a</Key>", more=more), path="list-type=2"))
    with pytest.raises(TransientError, match="does not say how to go on"):
        list(list_objects(at(client, bucket), Selection(["a*"])))


@pytest.mark.parametrize("storage", ["GLACIER", "DEEP_ARCHIVE"])
def test_archived_objects_are_left_out_by_name_or_refused_and_restored_ones_are_listed(
    client: Any, bucket: Bucket, storage: str
) -> None:
    bucket.put("plain", "x")
    for key, kind in (("cold", storage), ("thawed", storage), ("instant", "GLACIER_IR")):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"x", StorageClass=kind)
    bucket.client.restore_object(Bucket=bucket.name, Key="thawed", RestoreRequest={"Days": 1})
    left: list[tuple[str, str]] = []
    found = list_objects(at(client, bucket), Selection(["*"]), lambda name, why: left.append((name, why)))
    assert [item.key for item in found] == ["instant", "plain", "thawed"]
    assert left == [("cold", f"is in the archive class {storage} and not restored")]
    with pytest.raises(ConfigError, match=f"s3://.*/cold is in the archive class {storage} .*Restore it, exclude"):
        list(list_objects(at(client, bucket), Selection(["*"], archived="Refuse")))
    assert keys(client, bucket, Selection(["*"], excluded=["cold"], archived="Refuse")) == [
        "instant",
        "plain",
        "thawed",
    ]


def test_aws_is_asked_in_the_listing_which_objects_are_restored_and_other_stores_are_not(
    client: Any, bucket: Bucket, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>{}</IsRestoreInProgress>{}"
    expiry = "<RestoreExpiryDate>2099-01-01T00:00:00.000Z</RestoreExpiryDate>"
    answer = page(
        "<Key>cold</Key><StorageClass>GLACIER</StorageClass>",
        f"<Key>thawed</Key>{status.format('false', expiry)}</RestoreStatus>",
        f"<Key>thawing</Key>{status.format('true', '')}</RestoreStatus>",
        "<Key>warm</Key><StorageClass>STANDARD</StorageClass>",
    )
    monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)  # stands in for the host that the client believes to call
    keys_of_user = IamUser.model_validate({"aws_access_key_id": "a", "aws_secret_access_key": "b"})
    with closing(s3_client(keys_of_user, "us-east-1", "http://s3.us-east-1.amazonaws.com")) as aws:
        proxy.rules.append(Rule("answer", status=200, body=answer, path="list-type=2"))
        assert [item.key for item in list_objects(Place(aws, "a-bucket"), Selection(["*"]))] == ["thawed", "warm"]
    (request,) = proxy.requests
    assert request.headers["x-amz-optional-object-attributes"] == "RestoreStatus"
    monkeypatch.undo()
    keys(client, bucket, Selection(["*"]))
    assert "x-amz-optional-object-attributes" not in proxy.requests[-1].headers
