"""Tars whose headers are damaged, or made to hurt: each ends as one DataError, soon and in little memory."""

import gzip
import tarfile
from typing import Any

import pytest

from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from tests.conftest import Bucket
from tests.source_s3.conftest import at
from tests.source_s3.content.packed import tarred
from vector_ingest.errors import DataError

WHOLE = tarred({"a.csv": b"text"})
BEGIN = WHOLE[:1024]  # of a file, without the end mark
NEGATIVE = b"\xff" + (-512).to_bytes(11, "big", signed=True)  # a number in base 256, as GNU tar writes large ones


def header(kind: bytes, length: int = 0, at_byte: int = 0, value: bytes = b"x") -> bytes:
    """With the value put over it, and a checksum that is right again."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = kind, length
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[at_byte : at_byte + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


DAMAGED = {
    "a file of less than no bytes": BEGIN + header(b"0", at_byte=124, value=NEGATIVE) + WHOLE,
    "holes that go on behind the cut": header(b"S", at_byte=482, value=b"\1"),
    "a name behind a name behind a name": (header(b"L", 4) + b"name".ljust(512, b"\0")) * 3_000 + WHOLE,
    "a header of more bytes than memory has": header(b"x", 8 * 1024**3 - 1) + bytes(64 * 1024 * 1024) + WHOLE,
}


@pytest.mark.parametrize("key", ["x.tar", "x.tar.gz"])
@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_a_header_that_is_wrong_is_a_data_error(client: Any, bucket: Bucket, key: str, body: bytes) -> None:
    bucket.put(key, gzip.compress(body, 1) if key.endswith(".gz") else body)
    with pytest.raises(DataError, match=f"s3://{bucket.name}/{key}: expected a tar archive, found after byte"):
        list(list_objects(at(client, bucket), Selection([key])))
