"""Which objects are listed, against S3 over HTTP with a proxy before it that sees and breaks things."""

import ast
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, timedelta
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from wcmatch import glob

from source_s3.content.object_file import fetch_object
from source_s3.listing.objects import PAGES_AHEAD, list_objects
from source_s3.plan import Selection
from source_s3.s3_object import Bucket as Place
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at, stored
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import IamUser
from vector_ingest.errors import ConfigError, TransientError

KEYS = [
    "a.csv",
    "b.txt",
    "in/a.csv",
    "in/deep/a.csv",
    "in/.hidden.csv",
    "in/[1].csv",
    "in/x1.csv",
    "in/x22.csv",
    "é/a.csv",
]


def keys(client: Any, bucket: Bucket, selection: Selection) -> list[str]:
    return sorted(found.key for found in list_objects(at(client, bucket), selection))


def prefixes(proxy: FaultyS3) -> list[str]:
    """Of the requests for the first page, as they were sent."""
    return sorted(request.path.split("prefix=")[1].split("&")[0] for request in proxy.seen("GET", "list-type=2"))


@pytest.fixture(scope="module")
def matches_in_the_cdk() -> Callable[[str, list[str]], bool]:
    """The CDK's own function, cut out of its file: to import that file takes an extra that is not installed."""
    package = find_spec("airbyte_cdk")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).parent / "sources/file_based/file_based_stream_reader.py"
    nodes = ast.walk(ast.parse(source.read_text()))
    (matcher,) = (node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "file_matches_globs")
    names: dict[str, Any] = {"globmatch": glob.globmatch, "GLOBSTAR": glob.GLOBSTAR, "RemoteFile": Any, "List": list}
    matcher.decorator_list = []
    exec(compile(ast.Module([matcher], []), str(source), "exec"), names)  # noqa: S102 -- the installed CDK's own code
    return lambda key, globs: names["file_matches_globs"](SimpleNamespace(uri=key), globs)


@pytest.mark.parametrize(
    "globs",
    [
        ["**"],
        ["*"],
        ["*.csv"],
        ["**/*.csv"],
        ["in/*.csv"],
        ["in/**"],
        ["in/**/a.csv"],
        ["in/x?.csv"],
        ["in/x[0-9]*.csv"],
        ["in/\\[1\\].csv"],
        ["é/*"],
        ["b.txt", "in/deep/*"],
        ["in/*.csv", "in/deep/*.csv", "in/x*"],
        ["none/*"],
    ],
)
def test_globs_choose_the_same_keys_as_the_matcher_of_airbytes_cdk(
    client: Any, bucket: Bucket, matches_in_the_cdk: Callable[[str, list[str]], bool], globs: list[str]
) -> None:
    for key in KEYS:
        bucket.put(key, "x")
    expected = [key for key in KEYS if matches_in_the_cdk(key, globs)]
    listed = [found.key for found in list_objects(at(client, bucket), Selection(globs))]
    assert sorted(listed) == sorted(expected)


def test_only_the_fixed_beginnings_of_globs_are_listed_and_none_twice(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    for key in ("in/a", "in/deep/b", "out/c", "other/d"):
        bucket.put(key, "x")
    globs = ["in/**", "in/deep/*", "out/[c-d]", "in/?"]
    assert keys(client, bucket, Selection(globs)) == ["in/a", "in/deep/b", "out/c"]
    assert prefixes(proxy) == ["in%2F", "out%2F"]


@pytest.mark.parametrize(
    ("prefix", "globs", "expected"),
    [
        ("in/", ["**"], ["in/a", "in/deep/b"]),
        ("in/deep", ["in/**"], ["in/deep/b"]),
        ("in/", ["in/deep/*", "out/*"], ["in/deep/b"]),
        ("out/", ["in/**"], []),
    ],
)
def test_a_prefix_narrows_the_globs(
    client: Any, bucket: Bucket, prefix: str, globs: list[str], expected: list[str]
) -> None:
    for key in ("in/a", "in/deep/b", "out/c"):
        bucket.put(key, "x")
    assert keys(client, bucket, Selection(globs, prefix=prefix)) == expected


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


def test_objects_older_than_the_start_are_left_out(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "a", b"x")
    second = timedelta(seconds=1)
    assert list(list_objects(at(client, bucket), Selection(["*"], start=found.last_modified))) == [found]
    assert list(list_objects(at(client, bucket), Selection(["*"], start=found.last_modified + second))) == []


def test_a_bucket_that_does_not_exist_is_a_config_error(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"list s3://no-such-bucket/.*NoSuchBucket.*Check the bucket's name"):
        list(list_objects(Place(client, "no-such-bucket"), Selection(["*"])))


def test_braces_stand_for_either_and_each_alternative_is_listed_by_its_own_prefix(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    for key in ("in/a/1.csv", "in/b/x/2.csv", "in/c/3.csv", "in/{a,b}/4.csv"):
        bucket.put(key, "x")
    assert keys(client, bucket, Selection(["in/{a,b}/**/*.csv"])) == ["in/a/1.csv", "in/b/x/2.csv", "in/{a,b}/4.csv"]
    assert prefixes(proxy) == ["in%2F%7Ba%2Cb%7D%2F", "in%2Fa%2F", "in%2Fb%2F"]


def test_excluded_globs_win_over_the_globs(client: Any, bucket: Bucket) -> None:
    for key in ("in/a.csv", "in/tmp/b.csv", "in/c.csv.part", "in/d.bak"):
        bucket.put(key, "x")
    assert keys(client, bucket, Selection(["in/**"], excluded=["**/tmp/**", "**/*.{part,bak}"])) == ["in/a.csv"]


def test_objects_below_the_smallest_and_above_the_largest_size_are_left_out(client: Any, bucket: Bucket) -> None:
    for size in range(4):
        bucket.put(f"{size}", "x" * size)
    assert keys(client, bucket, Selection(["*"])) == ["0", "1", "2", "3"]
    assert keys(client, bucket, Selection(["*"], smallest=1, largest=2)) == ["1", "2"]
    assert keys(client, bucket, Selection(["*"], largest=0)) == ["0"]


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
    proxy.rules.append(Rule("delay", seconds=0.5, path="list-type=2", times=None))
    began = monotonic()
    assert len(keys(client, bucket, Selection([f"{number}/*" for number in range(8)]))) == 8
    assert monotonic() - began < 2  # one after another they take 4 s


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
