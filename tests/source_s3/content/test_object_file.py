"""Objects read as files, against S3 over HTTP with a proxy before it that breaks things."""

import io
import random
import threading
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from source_s3.content.object_file import SKIP_BYTES, ObjectFile, fetch_object, open_object
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule
from tests.source_s3.conftest import BODY, at, stored
from vector_ingest.errors import ConfigError, TransientError


@pytest.mark.parametrize("read_ahead", [True, False])
@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_connection_that_breaks_in_mid_body_is_resumed_where_it_broke(
    client: Any, bucket: Bucket, proxy: FaultyS3, fault: Any, read_ahead: bool
) -> None:
    found = stored(client, bucket)
    proxy.rules.append(Rule(fault, after=1_000_000, path="big", times=2))
    with open_object(at(client, bucket), found, read_ahead=read_ahead) as file:
        assert file.read() == BODY
    ranges = [request.range for request in proxy.seen("GET", "/big.bin$")]
    assert len(ranges) == 3
    if fault == "truncate":  # a reset may also lose what had arrived
        assert ranges == ["bytes=0-", "bytes=1000000-", "bytes=2000000-"]
    assert {request.headers["if-match"] for request in proxy.seen("GET", "/big.bin$")} == {f'"{found.etag}"'}


def test_a_small_object_is_fetched_whole_over_a_broken_connection(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    found = stored(client, bucket, "small", b"0123456789")
    proxy.rules.append(Rule("truncate", after=4, path="small"))
    assert fetch_object(at(client, bucket), found) == b"0123456789"
    assert fetch_object(at(client, bucket), stored(client, bucket, "empty", b"")) == b""


@pytest.mark.parametrize("read_ahead", [True, False])
def test_a_body_that_always_ends_short_is_a_transient_error_that_names_the_byte(
    client: Any, bucket: Bucket, proxy: FaultyS3, read_ahead: bool
) -> None:
    found = stored(client, bucket)
    proxy.rules += [Rule("truncate", after=1_234_567, path="big"), Rule("truncate", after=0, path="big", times=None)]
    message = f"s3://{bucket.name}/big.bin: its answers end at byte 1234567 of 3000000"
    with (
        open_object(at(client, bucket), found, read_ahead=read_ahead) as file,
        pytest.raises(TransientError) as caught,
    ):
        file.read()
    assert message in str(caught.value)


@pytest.mark.parametrize("read_ahead", [True, False])
def test_an_object_overwritten_while_it_is_read_is_a_transient_error_and_never_a_mixture(
    client: Any, bucket: Bucket, proxy: FaultyS3, read_ahead: bool
) -> None:
    found = stored(client, bucket)
    proxy.rules.append(Rule("truncate", after=500_000, path="big"))
    bytes_read = b""
    with open_object(at(client, bucket), found, read_ahead=read_ahead) as file:
        if not read_ahead:  # else all that comes before the break may be here before the object is overwritten
            bytes_read = file.read(100_000)
        bucket.put("big.bin", b"N" * len(BODY))
        with pytest.raises(TransientError, match=r"big\.bin at byte .*changed while it was read"):
            file.read()
    assert BODY.startswith(bytes_read)


@pytest.mark.parametrize(
    ("status", "content_range", "found"),
    [(200, None, "the whole object"), (206, "bytes 500000-2999999/3000001", "bytes 500000-2999999/3000001")],
)
def test_a_store_that_answers_with_other_bytes_than_asked_for_is_a_transient_error(
    client: Any, bucket: Bucket, proxy: FaultyS3, status: int, content_range: str | None, found: str
) -> None:
    listed = stored(client, bucket)
    headers = {"Content-Range": content_range} if content_range else {}
    proxy.rules += [
        Rule("truncate", after=500_000, path="/big"),
        Rule("answer", status=status, body=BODY, headers=headers, path="/big"),
    ]
    with pytest.raises(TransientError, match=f"asked for bytes 500000-2999999/3000000, answered with {found}"):
        fetch_object(at(client, bucket), listed)


@pytest.mark.parametrize("apart", [False, True], ids=["one reader", "blocks"])
def test_two_versions_are_a_transient_error_where_the_store_does_not_heed_if_match(
    client: Any, bucket: Bucket, proxy: FaultyS3, apart: bool
) -> None:
    found = stored(client, bucket)
    end = {"Content-Range": f"bytes 1000000-{len(BODY) - 1}/{len(BODY)}", "ETag": '"other"'}
    other = Rule("answer", status=206, headers=end, body=BODY[1_000_000:], path="big.bin", times=None)
    first = Rule("delay", path="big.bin") if apart else Rule("truncate", after=1_000_000, path="big.bin")
    proxy.rules += [first, other]
    with (
        ObjectFile(at(client, bucket), found) as file,
        pytest.raises(TransientError, match=r'big.bin: answered with the versions "\w{32}" and "other".*anew'),
    ):
        if apart:
            file.fetch(0, memoryview(bytearray(1_000_000)), threading.Event())
            file.fetch(1_000_000, memoryview(bytearray(2_000_000)), threading.Event())
        file.readall()


def test_an_object_that_was_removed_after_the_listing_is_a_transient_error(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "gone", b"x")
    bucket.client.delete_object(Bucket=bucket.name, Key="gone")
    with pytest.raises(TransientError, match="NoSuchKey"):
        fetch_object(at(client, bucket), found)


def test_an_object_that_may_not_be_read_is_a_config_error_that_names_it(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    found = stored(client, bucket, "secret.csv", b"x")
    proxy.rules.append(Rule("answer", status=403, code="AccessDenied", path="secret", times=None))
    with pytest.raises(ConfigError, match=r"read s3://.*/secret\.csv at byte 0: .*AccessDenied.*s3:GetObject"):
        fetch_object(at(client, bucket), found)


def test_a_store_that_is_busy_for_a_moment_is_asked_again(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    found = stored(client, bucket, "a", b"body")
    proxy.rules += [Rule("answer", status=503, path="/a"), Rule("answer", status=500, code="InternalError", path="/a")]
    assert fetch_object(at(client, bucket), found) == b"body"
    assert len(proxy.seen("GET", "/a$")) == 3


def test_a_short_way_forward_is_read_over_and_a_long_one_is_a_new_request(
    client: Any, bucket: Bucket, proxy: FaultyS3
) -> None:
    found = stored(client, bucket)
    with ObjectFile(at(client, bucket), found) as file:
        assert file.read(10) == BODY[:10]
        file.seek(SKIP_BYTES, io.SEEK_CUR)
        file.seek(-1, io.SEEK_CUR)
        assert file.read(10) == BODY[SKIP_BYTES + 9 : SKIP_BYTES + 19]
        file.seek(-5, io.SEEK_END)
        assert file.read() == BODY[-5:]
    assert [request.range for request in proxy.seen("GET", "/big.bin$")] == ["bytes=0-", "bytes=2999995-"]


STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 700)),
    st.tuples(st.just("from begin"), st.integers(0, 1_200)),
    st.tuples(st.just("from end"), st.integers(-1_000, 50)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=8), buffered=st.booleans())
def test_an_object_is_read_and_sought_like_a_file_in_memory(
    bucket: Bucket, steps: list[tuple[str, int]], buffered: bool
) -> None:
    body = BODY[:1_000]
    found = stored(bucket.client, bucket, "small", body)
    raw = ObjectFile(at(bucket.client, bucket), found)
    with io.BytesIO(body) as expected, io.BufferedReader(raw, 100) if buffered else raw as file:
        for step, number in steps:
            if step == "read":
                assert file.read(number) == expected.read(number)
            else:
                whence = io.SEEK_SET if step == "from begin" else io.SEEK_END
                assert file.seek(number, whence) == expected.seek(number, whence)
            assert file.tell() == expected.tell()


def test_a_file_that_is_closed_early_leaves_no_thread_behind(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket)
    with open_object(at(client, bucket), found, read_ahead=True) as file:
        assert file.read(3) == BODY[:3]
        assert any(thread.name.startswith("read-ahead") for thread in threading.enumerate())
    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_a_file_read_ahead_has_lines_and_can_be_peeked(client: Any, bucket: Bucket) -> None:
    found = stored(client, bucket, "lines", b"one\ntwo\n")
    with open_object(at(client, bucket), found, read_ahead=True) as file:
        assert file.peek(3).startswith(b"one")
        assert list(file) == [b"one\n", b"two\n"]


def test_a_file_read_ahead_goes_on_from_where_it_is_sought(client: Any, bucket: Bucket) -> None:
    body = random.Random(5).randbytes(3_000_000)
    with open_object(at(client, bucket), stored(client, bucket, "sought", body), read_ahead=True) as file:
        for place in (0, 2_500_000, 10, 1_000_000):
            file.seek(place)
            assert file.tell() == place
            assert file.read(600_000) == body[place : place + 600_000]


def test_a_file_read_ahead_goes_on_from_so_far_behind_its_reader(client: Any, bucket: Bucket) -> None:
    with open_object(at(client, bucket), stored(client, bucket), read_ahead=True) as file:
        assert file.read(10) == BODY[:10]
        assert file.seek(1_500_000, io.SEEK_CUR) == 1_500_010
        assert file.read(10) == BODY[1_500_010:1_500_020]
        assert file.seek(-1_000_000, io.SEEK_CUR) == 500_020
        assert file.read() == BODY[500_020:]


def test_a_parquet_reader_asks_for_the_ranges_that_it_needs(client: Any, bucket: Bucket, proxy: FaultyS3) -> None:
    columns = {name: random.Random(name).choices(range(10**12), k=100_000) for name in ("first", "second", "third")}
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), sink, use_dictionary=False)
    found = stored(client, bucket, "table.parquet", sink.getvalue())
    with open_object(at(client, bucket), found, read_ahead=False) as file:
        assert parquet.read_table(file, columns=["third"], pre_buffer=False).to_pydict() == {"third": columns["third"]}
    assert "bytes=0-" not in [request.range for request in proxy.seen("GET", "/table.parquet$")]
