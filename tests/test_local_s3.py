"""The fast S3 of the benchmarks: ranges, versions, listings, and a file that is served over and over."""

import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.benchmarks.connectors import serving


def get(url: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        body: bytes = answer.read()
        return body


def test_files_are_served_whole_and_by_ranges_and_only_in_the_version_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"0123456789")
    with serving(tmp_path) as endpoint:
        url = f"{endpoint}/bench/a.csv"
        assert get(url) == b"0123456789"
        assert get(url, Range="bytes=3-5") == b"345"
        assert get(url, Range="bytes=7-") == b"789"
        assert get(url, Range="bytes=-2") == b"89"
        with pytest.raises(HTTPError, match="412"):
            get(url, **{"If-Match": '"other"'})
        with pytest.raises(HTTPError, match="404"):
            get(f"{endpoint}/bench/b.csv")
        listing = get(f"{endpoint}/bench?list-type=2&prefix=a").decode()
        assert "<Key>a.csv</Key>" in listing
        assert "<Size>10</Size>" in listing


def test_a_file_is_repeated_but_for_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "r.csv.20.repeat").write_bytes(b"h\nab\ncd\n")
    whole = b"h\n" + b"ab\ncd\n" * 3
    with serving(tmp_path) as endpoint:
        url = f"{endpoint}/bench/r.csv"
        assert get(url) == whole
        for first in range(len(whole)):
            assert get(url, Range=f"bytes={first}-") == whole[first:]
            assert get(url, Range=f"bytes={first}-{first + 7}") == whole[first : first + 8]
