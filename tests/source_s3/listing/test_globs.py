"""Globs against the matcher of Airbyte's source-s3 (wcmatch with GLOBSTAR), and braces against wcmatch's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcmatch import glob

from source_s3.listing.globs import ALTERNATIVES, listed_prefixes, matcher
from vector_ingest.errors import ConfigError

PARTS = st.sampled_from(
    ["*", "**", "?", "/", "a", "b", ".", "..", ".csv", "[ab]", "[!a]", "\\*", " ", "é", "\n", "-", "["]
)
PLAIN = st.lists(PARTS, min_size=1, max_size=7).map("".join)
BRACED = st.lists(
    PARTS | st.sampled_from(["{a,b}", "{a/,}", "{1..3}", "{*,.}", "{a}", "{", "}"]), min_size=1, max_size=6
).map("".join)
KEYS = st.lists(
    st.sampled_from(["/", "a", "b", ".", "..", ".csv", " ", "é", "\n", "-", "2", "{a,b}", "{", "}"]), max_size=7
).map("".join)


def matched(key: str, pattern: str, flags: int = glob.GLOBSTAR) -> bool:
    return bool(key) and glob.globmatch(key, pattern, flags=flags)


@given(st.lists(PLAIN, min_size=1, max_size=3), KEYS.filter(bool))
def test_globs_without_braces_match_what_the_peers_matcher_matches(globs: list[str], key: str) -> None:
    assert matcher(globs)(key) == any(matched(key, pattern) for pattern in globs)


@given(BRACED, KEYS.filter(bool))
def test_a_glob_with_braces_matches_what_it_stands_for_and_what_the_peer_takes_it_for(pattern: str, key: str) -> None:
    expected = matched(key, pattern) or matched(key, pattern, glob.GLOBSTAR | glob.BRACE)
    assert matcher([pattern])(key) == expected


@given(BRACED, KEYS.filter(bool))
def test_a_key_that_matches_begins_with_a_prefix_that_is_listed(pattern: str, key: str) -> None:
    single = key.replace("//", "/")  # of slashes side by side the matcher sees one; no listing does
    if "//" not in pattern and single == key and not key.startswith("/") and matcher([pattern])(key):
        assert any(key.startswith(prefix) for prefix in listed_prefixes([pattern], ""))


def test_a_key_with_braces_is_chosen_by_its_own_text() -> None:
    assert matcher(["in/{a,b}.csv"])("in/{a,b}.csv")
    assert "in/{a,b}.csv" in listed_prefixes(["in/{a,b}.csv"], "")


@pytest.mark.parametrize(
    ("globs", "prefix", "expected"),
    [
        (["in/{a,b}/*.csv"], "", ["in/a/", "in/b/", "in/{a,b}/"]),
        (["{in,out/deep}/**"], "", ["in/", "out/deep/", "{in,out/deep}/"]),
        (["in/{a,a/b}*", "in/*"], "", ["in/"]),
        (["log-{1..3}.csv"], "", ["log-1.csv", "log-2.csv", "log-3.csv", "log-{1..3}.csv"]),
        (["in/{a,b}/*"], "in/a", ["in/a/"]),
        (["**/{a,b}"], "", [""]),
        (["in/x[0-9]", "in/y\\[*"], "", ["in/x", "in/y"]),
    ],
)
def test_what_is_listed_are_the_longest_fixed_beginnings(globs: list[str], prefix: str, expected: list[str]) -> None:
    assert listed_prefixes(globs, prefix) == expected


def test_braces_that_stand_for_too_many_globs_are_a_config_error() -> None:
    assert matcher([f"{{1..{ALTERNATIVES}}}"])(str(ALTERNATIVES))
    with pytest.raises(ConfigError, match=r"braces of the glob {1\.\.9}\{1\.\.999\} stand for more than 1,000"):
        matcher(["{1..9}{1..999}"])


def test_braces_that_are_nested_too_deep_are_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"nested too deep. Use several globs"):
        matcher(["{a," * 1_000 + "b" + "}" * 1_000])


def test_no_globs_match_nothing() -> None:
    assert not matcher([])("a")
    assert not matcher([""])("")
