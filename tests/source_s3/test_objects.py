"""Which objects are listed, against S3 over HTTP with a proxy before it that sees and breaks things."""

import ast
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wcmatch import glob

from source_s3.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import stored
from vector_ingest.errors import ConfigError

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
    listed = [found.key for found in list_objects(client, bucket.name, Selection(globs))]
    assert sorted(listed) == sorted(expected)


def test_only_the_fixed_beginnings_of_globs_are_listed_and_none_twice(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    for key in ("in/a", "in/deep/b", "out/c", "other/d"):
        bucket.put(key, "x")
    globs = ["in/**", "in/deep/*", "out/[c-d]", "in/?"]
    assert [found.key for found in list_objects(client, bucket.name, Selection(globs))] == [
        "in/a",
        "in/deep/b",
        "out/c",
    ]
    assert [request.path.split("prefix=")[1].split("&")[0] for request in proxy.seen("GET", "list-type=2")] == [
        "in%2F",
        "out%2F",
    ]


@pytest.mark.parametrize(
    ("prefix", "globs", "keys"),
    [
        ("in/", ["**"], ["in/a", "in/deep/b"]),
        ("in/deep", ["in/**"], ["in/deep/b"]),
        ("in/", ["in/deep/*", "out/*"], ["in/deep/b"]),
        ("out/", ["in/**"], []),
    ],
)
def test_a_prefix_narrows_the_globs(
    client: Any, bucket: Bucket, prefix: str, globs: list[str], keys: list[str]
) -> None:
    for key in ("in/a", "in/deep/b", "out/c"):
        bucket.put(key, "x")
    assert [found.key for found in list_objects(client, bucket.name, Selection(globs, prefix=prefix))] == keys


def test_more_keys_than_one_page_holds_are_all_listed_once(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    expected = [f"many/{number:05}" for number in range(1_003)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bucket.put, expected, repeat("")))
    assert [found.key for found in list_objects(client, bucket.name, Selection(["many/*"]))] == expected
    assert len(proxy.seen("GET", "list-type=2")) == 2


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_listing_that_breaks_off_is_asked_for_again(client: Any, bucket: Bucket, proxy: FaultyS3, fault: Any) -> None:
    for key in ("a", "b", "c"):
        bucket.put(key, "x")
    proxy.rules.append(Rule(fault, after=300, path="list-type=2"))
    assert [found.key for found in list_objects(client, bucket.name, Selection(["*"]))] == ["a", "b", "c"]
    assert len(proxy.seen("GET", "list-type=2")) == 2


def test_an_object_is_listed_with_its_facts_and_markers_of_folders_are_not(client: Any, bucket: Bucket) -> None:
    bucket.put("folder/", "")
    bucket.put("folder/empty", "")
    bucket.put("folder/full", "four")
    empty, full = list_objects(client, bucket.name, Selection(["**"]))
    assert (empty.key, empty.size) == ("folder/empty", 0)
    assert (full.key, full.size, full.etag) == ("folder/full", 4, "8cbad96aced40b3838dd9f07f6ef5772")
    assert full.last_modified.tzinfo is UTC


def test_objects_older_than_the_start_are_left_out(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "a", b"x")
    second = timedelta(seconds=1)
    assert list(list_objects(client, bucket.name, Selection(["*"], start=found.last_modified))) == [found]
    assert list(list_objects(client, bucket.name, Selection(["*"], start=found.last_modified + second))) == []


def test_a_bucket_that_does_not_exist_is_a_config_error(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"list s3://no-such-bucket/.*NoSuchBucket.*Check the bucket's name"):
        list(list_objects(client, "no-such-bucket", Selection(["*"])))
