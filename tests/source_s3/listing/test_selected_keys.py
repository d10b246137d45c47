"""Which keys globs, prefix, exclusions, sizes and start choose, and which prefixes are asked for, over HTTP."""

import ast
from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wcmatch import glob

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from tests.source_s3.conftest import at, stored
from tests.source_s3.listing.listed import keys

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


def test_objects_older_than_the_start_are_left_out(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "a", b"x")
    second = timedelta(seconds=1)
    assert list(list_objects(at(client, bucket), Selection(["*"], start=found.last_modified))) == [found]
    assert list(list_objects(at(client, bucket), Selection(["*"], start=found.last_modified + second))) == []


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
