"""Compressed objects as files of their decoded bytes, against S3 over HTTP."""

import gzip
import io
import logging
import random
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.s3_server import ACCESS_KEY, SECRET_KEY
from source_s3.content.contents import fetch_contents, open_contents
from source_s3.content.decompress import PIECE
from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.peak import measured
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import at, stored
from tests.source_s3.content.packed import COMPRESSED, TEXT, by_arrow
from vector_ingest.errors import ConfigError, DataError, TransientError

LONG = random.Random(1).randbytes(2_500_000)  # that is not asked for as a whole, even compressed
WAYS = pytest.mark.parametrize(
    "way", [{}, {"read_ahead": False}, {"seeks": True}], ids=["ahead", "as it is read", "on disk"]
)


def content(client: Any, bucket: Bucket, key: str, body: bytes, **way: Any) -> bytes:
    found = stored(client, bucket, key, body)
    with open_contents(at(client, bucket), found, **way) as file:
        return file.read()


@WAYS
@pytest.mark.parametrize("key", COMPRESSED)
def test_an_object_is_decoded_as_its_extension_says(client: Any, bucket: Bucket, key: str, way: dict[str, Any]) -> None:
    assert content(client, bucket, key, COMPRESSED[key](TEXT), **way) == TEXT
    assert content(client, bucket, key, b"", **way) == b""
    assert content(client, bucket, key, COMPRESSED[key](b"x"), **way) == b"x"


@pytest.mark.parametrize("key", [key for key in COMPRESSED if key != "raw.snappy"])
def test_members_one_after_another_are_one_content(client: Any, bucket: Bucket, key: str) -> None:
    first, second = COMPRESSED[key](TEXT[:1000]), COMPRESSED[key](TEXT[1000:])
    assert content(client, bucket, key, first + COMPRESSED[key](b"") * (key != "hadoop.snappy") + second) == TEXT


def test_a_gzip_of_very_many_members_is_read_to_its_end(client: Any, bucket: Bucket) -> None:
    body = b"".join(gzip.compress(b"%d\n" % number) for number in range(20_000))
    assert content(client, bucket, "a.gz", body) == b"".join(b"%d\n" % number for number in range(20_000))


def test_frames_of_zstd_that_hold_no_content_are_passed_over(client: Any, bucket: Bucket) -> None:
    empty = struct.pack("<II", 0x184D2A53, 4) + b"abcd"
    assert content(client, bucket, "a.zst", empty + by_arrow("zstd", TEXT) + empty) == TEXT


@pytest.mark.parametrize("key", [key for key in COMPRESSED if key not in {"a.GZ", "raw.snappy"}])
@pytest.mark.parametrize("part", [0.0001, 0.3, 0.999999])
def test_a_cut_object_is_a_data_error_and_never_the_end_of_the_file(
    client: Any, bucket: Bucket, key: str, part: float
) -> None:
    body = COMPRESSED[key](TEXT)
    found = stored(client, bucket, key, body[: max(5, min(len(body) - 1, int(len(body) * part)))])
    got = b""
    with open_contents(at(client, bucket), found) as file, pytest.raises(DataError, match="upload it again"):
        while piece := file.read(1000):
            got += piece
    assert TEXT.startswith(got)
    assert len(got) < len(TEXT)


@pytest.mark.parametrize("key", ["a.gz", "a.bz2", "a.xz", "a.sz"])
def test_a_damaged_object_is_a_data_error_that_says_what_to_do(client: Any, bucket: Bucket, key: str) -> None:
    body = bytearray(COMPRESSED[key](TEXT))
    body[len(body) // 2] ^= 0xFF
    with pytest.raises(DataError, match=r"after byte \d+ of the decoded content.*upload it again"):
        content(client, bucket, key, bytes(body))


@pytest.mark.parametrize("key", ["a.gz", "a.bz2", "a.xz", "a.zst", "a.lz4"])
def test_an_object_that_is_not_what_its_name_says_is_a_data_error_that_says_so(
    client: Any, bucket: Bucket, key: str
) -> None:
    with pytest.raises(DataError, match=r"its name says .* its first bytes are not .*id,name.*Rename"):
        content(client, bucket, key, b"id,name\n1,2\n")


@pytest.mark.parametrize(("key", "padding"), [("a.gz", 1), ("a.gz", 100_000), ("a.xz", 8)])
def test_zeros_after_the_content_are_padding(client: Any, bucket: Bucket, key: str, padding: int) -> None:
    body = COMPRESSED[key](TEXT)
    assert content(client, bucket, key, body + bytes(padding)) == TEXT
    assert content(client, bucket, key, body + bytes(padding) + body) == TEXT + TEXT


@pytest.mark.parametrize("key", ["a.gz", "a.bz2"])
def test_other_bytes_after_the_content_are_passed_over_with_a_warning(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    with caplog.at_level(logging.WARNING, "airbyte"):
        assert content(client, bucket, key, COMPRESSED[key](TEXT) + b"garbage") == TEXT
    assert f"s3://{bucket.name}/{key}: what follows" in caplog.text


@pytest.mark.parametrize("key", ["a.xz", "a.zst", "a.lz4"])
def test_other_bytes_after_the_content_are_a_data_error(client: Any, bucket: Bucket, key: str) -> None:
    with pytest.raises(DataError):
        content(client, bucket, key, COMPRESSED[key](TEXT) + b"garbage")


def test_bytes_are_what_was_stored_whatever_content_encoding_says(client: Any, bucket: Bucket) -> None:
    body = gzip.compress(TEXT)
    bucket.client.put_object(Bucket=bucket.name, Key="plain.csv", Body=body, ContentEncoding="gzip")
    bucket.client.put_object(Bucket=bucket.name, Key="named.csv.gz", Body=body, ContentEncoding="gzip")
    named, plain = list_objects(at(client, bucket), Selection(["*"]))
    assert fetch_contents(at(client, bucket), plain) == body
    assert fetch_contents(at(client, bucket), named) == TEXT


STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 2 * PIECE)),
    st.tuples(st.just("from begin"), st.integers(0, len(TEXT) + 10)),
    st.tuples(st.just("from here"), st.integers(0, PIECE)),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEPS, max_size=8),
    way=st.sampled_from([{}, {"read_ahead": False}, {"seeks": True}]),
    key=st.sampled_from(["a.gz", "a.zst", "hadoop.snappy"]),
)
def test_a_compressed_object_is_read_and_sought_like_a_file_in_memory(
    bucket: Bucket, steps: list[tuple[str, int]], way: dict[str, Any], key: str
) -> None:
    found = stored(bucket.client, bucket, key, COMPRESSED[key](TEXT))
    with io.BytesIO(TEXT) as expected, open_contents(at(bucket.client, bucket), found, **way) as file:
        for step, number in steps:
            if step == "read":
                assert file.read(number) == expected.read(number)
                continue
            target = number if step == "from begin" else expected.tell() + number
            assert file.seek(min(target, len(TEXT))) == expected.seek(min(target, len(TEXT)))
        assert file.tell() == expected.tell()
        assert file.read() == expected.read()


@WAYS
@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_broken_connection_is_resumed_below_the_decoder(
    client: Any, bucket: Bucket, proxy: FaultyS3, fault: Any, way: dict[str, Any]
) -> None:
    found = stored(client, bucket, "a.gz", gzip.compress(LONG, 1))
    proxy.rules.append(Rule(fault, after=300_000, path="a.gz", times=2))
    with open_contents(at(client, bucket), found, **way) as file:
        assert file.read() == LONG
    assert len(proxy.seen("GET", "/a.gz$")) == 3


@WAYS
def test_a_connection_that_always_breaks_is_a_transient_error_and_no_damage(
    client: Any, bucket: Bucket, proxy: FaultyS3, way: dict[str, Any]
) -> None:
    found = stored(client, bucket, "a.gz", gzip.compress(LONG, 1))
    proxy.rules += [Rule("truncate", after=300_000, path="a.gz"), Rule("truncate", after=0, path="a.gz", times=None)]
    with (
        pytest.raises(TransientError, match="end at byte 300000"),
        open_contents(at(client, bucket), found, **way) as file,
    ):
        file.read()


@pytest.mark.parametrize("key", ["a.gz", "a.zst", "hadoop.snappy"])
def test_who_reads_on_after_an_error_meets_it_again_and_no_end(client: Any, bucket: Bucket, key: str) -> None:
    found = stored(client, bucket, key, COMPRESSED[key](TEXT)[:-20_000])
    with open_contents(at(client, bucket), found, read_ahead=False) as file:
        for _ in range(3):
            with pytest.raises(DataError):
                file.read()


def test_who_reads_on_after_a_broken_connection_meets_it_again_and_no_end(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    found = stored(client, bucket, "a.gz", gzip.compress(LONG, 1))
    proxy.rules += [Rule("truncate", after=300_000, path="a.gz"), Rule("truncate", after=0, path="a.gz", times=5)]
    with open_contents(at(client, bucket), found, read_ahead=False) as file:
        for _ in range(2):
            with pytest.raises(TransientError, match="end at byte 300000"):
                file.read()
        file.seek(0)
        assert file.read() == LONG


@contextmanager
def room_on_disk(size: int) -> Iterator[None]:
    """Files of this process may not grow beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_is_a_config_error_that_names_the_folder(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "a.gz", gzip.compress(TEXT))
    with room_on_disk(1_200_000), pytest.raises(ConfigError, match=r"a\.gz on disk.*1200000 bytes.*TMPDIR"):
        open_contents(at(client, bucket), found, seeks=True)


BOMB = """
import sys
from source_s3.content.contents import open_contents
from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import Bucket
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import IamUser
keys = IamUser(aws_access_key_id=sys.argv[4], aws_secret_access_key=sys.argv[5])
client = s3_client(keys, "us-east-1", sys.argv[1])
bucket = Bucket(client, sys.argv[2])
(found,) = list_objects(bucket, Selection(["bomb*"]))
with open_contents(bucket, found, seeks=sys.argv[3] == "seeks") as file:
    size = 0
    while piece := file.read(1024 * 1024):
        size += len(piece)
assert size == 400_000_000, size
"""


@pytest.mark.parametrize("way", ["reads", "seeks"])
@pytest.mark.parametrize("key", ["bomb.gz", "bomb.zst"])
def test_memory_stays_bounded_however_much_a_few_bytes_become(
    bucket: Bucket, tmp_path: Path, key: str, way: str
) -> None:
    zeros = bytes(400_000_000)
    body = gzip.compress(zeros, 1) if key == "bomb.gz" else by_arrow("zstd", zeros)
    assert len(body) < 2_000_000
    bucket.put(key, body)
    peak = tmp_path / "peak"
    script = tmp_path / "bomb.py"
    script.write_text(BOMB)
    command = measured([sys.executable, script, bucket.endpoint, bucket.name, way, ACCESS_KEY, SECRET_KEY], peak)
    subprocess.run(command, check=True)
    assert float(peak.read_text()) < 250
