"""Archives with odd names, of other makers, encrypted and damaged ones."""

import io
import logging
import tarfile
import zipfile
from typing import Any

import pytest

from source_s3.content.contents import fetch_contents
from tests.conftest import Bucket
from tests.source_s3.conftest import at
from tests.source_s3.content.packed import tarred, zipped
from tests.source_s3.listing.archives import FILES, METHODS, TARS, contents, listed
from vector_ingest.errors import DataError

ODD = {
    "__MACOSX/._a.csv": b"left out",
    "folder/._a.csv": b"left out",
    "folder/": b"",
    "inner.zip": b"left out",
    "inner.tar.gz": b"left out",
    "/etc/a.csv": b"absolute",
    "../a.csv": b"above",
    "a.csv": b"here",
    "ä/日本.csv": b"letters",
    "a#b.csv": b"hash",
    "line\nbreak.csv": b"break",
}
KEPT = {name: content for name, content in ODD.items() if content not in {b"left out", b""}}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_odd_names_stay_apart_and_inner_archives_are_left_out_with_a_word(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture, pack: Any
) -> None:
    bucket.put(
        "x.zip" if pack is zipped else "x.tar",
        pack({name: ODD[name] for name in ODD if pack is zipped or name != "folder/"}),
    )
    with caplog.at_level(logging.WARNING, "airbyte"):
        found = listed(client, bucket)
    assert contents(client, bucket, found) == KEPT
    assert "2 archives inside of it are left out" in caplog.text


def test_of_files_of_the_same_name_the_last_counts(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    packed, tape = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, tarfile.open(fileobj=tape, mode="w") as tar:
        for content in (b"first", b"second"):
            archive.writestr("a.csv" if content == b"first" else "b.csv", content)
            entry = tarfile.TarInfo("./a.csv" if content == b"first" else "a.csv")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    bucket.put("x.zip", packed.getvalue().replace(b"b.csv", b"a.csv"))
    bucket.put("x.tar", tape.getvalue())
    with caplog.at_level(logging.WARNING, "airbyte"):
        found = listed(client, bucket)
    assert [fetch_contents(at(client, bucket), item) for item in found.values()] == [b"second", b"second"]
    assert caplog.text.count("1 files inside of it are hidden by later ones of the same name") == 2


def test_hard_links_are_files_and_other_links_are_left_out_with_a_word(
    client: Any, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("./a.csv")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"text"))
        for name, kind in (("hard.csv", tarfile.LNKTYPE), ("soft.csv", tarfile.SYMTYPE), ("pipe", tarfile.FIFOTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "a.csv"
            archive.addfile(link)
    bucket.put("x.tar", packed.getvalue())
    with caplog.at_level(logging.WARNING, "airbyte"):
        assert contents(client, bucket, listed(client, bucket)) == {"a.csv": b"text", "hard.csv": b"text"}
    assert "2 links and devices" in caplog.text


def encrypted(body: bytes) -> bytes:
    """As the flag of each file says; the content is not."""
    mended = bytearray(body)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := body.find(signature, place + 1)) >= 0:
            mended[place + flags] |= 1
    return bytes(mended)


def test_an_encrypted_file_is_a_data_error_when_it_is_read(client: Any, bucket: Bucket) -> None:
    bucket.put("x.zip", encrypted(zipped({"a.csv": b"text"})))
    (found,) = listed(client, bucket).values()
    with pytest.raises(DataError, match="encrypted"):
        fetch_contents(at(client, bucket), found)


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_file_inside_of_a_zip_is_a_data_error(client: Any, bucket: Bucket, method: int) -> None:
    body = bytearray(zipped({"a.csv": FILES["folder/b.csv"], "b.csv": b"fine"}, method))
    body[60] ^= 0xFF
    bucket.put("x.zip", bytes(body))
    broken, fine = listed(client, bucket).values()
    with pytest.raises(DataError, match="upload it again"):
        fetch_contents(at(client, bucket), broken)
    assert fetch_contents(at(client, bucket), fine) == b"fine"


def test_a_place_beyond_the_archive_is_a_data_error(client: Any, bucket: Bucket) -> None:
    body = bytearray(zipped({"a.csv": b"text"}))
    entry = body.rfind(b"PK\x01\x02")
    body[entry + 42 : entry + 46] = b"\xff\xff\xff\x0f"
    bucket.put("x.zip", bytes(body))
    (found,) = listed(client, bucket).values()
    with pytest.raises(DataError, match="begins at byte 268435455"):
        fetch_contents(at(client, bucket), found)


@pytest.mark.parametrize("key", ["x.zip", *TARS])
def test_an_archive_that_is_cut_or_none_ends_the_listing_with_its_name(client: Any, bucket: Bucket, key: str) -> None:
    body = zipped(FILES) if key == "x.zip" else TARS[key](FILES)
    for damaged in (
        b"",
        b"no archive at all",
        body[: len(body) * 2 // 3],
        body[:-15_000] if key == "x.tar" else body[:-7],
    ):
        bucket.put(key, damaged)
        with pytest.raises(DataError, match=f"{bucket.name}/{key}"):
            listed(client, bucket)


class Pipe(io.RawIOBase):
    """What can't be sought: a zip written to it has the lengths behind each file."""

    def __init__(self) -> None:
        self.body = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.body += bytes(data)
        return len(data)


def test_zips_of_other_makers_are_read(client: Any, bucket: Bucket) -> None:
    pipe, large = Pipe(), io.BytesIO()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    with zipfile.ZipFile(large, "w") as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
        archive.comment = b"a comment " * 1000
    bucket.put("pipe.zip", pipe.body)
    bucket.put("large.zip", large.getvalue())
    bucket.put("extracts-itself.zip", b"#!/bin/sh\n" * 50_000 + zipped(FILES))
    found = listed(client, bucket)
    for key in ("pipe.zip", "large.zip", "extracts-itself.zip"):
        members = {name: item for name, item in found.items() if item.key == key}
        assert contents(client, bucket, members) == FILES
