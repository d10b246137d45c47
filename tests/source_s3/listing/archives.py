"""Archives of a few files, and what is found in them."""

import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from source_s3.content.contents import fetch_contents
from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.source_s3.conftest import at
from tests.source_s3.content.packed import by_arrow, tarred

FILES = {
    "a.csv": b"id,text\n1,one\n",
    "folder/b.csv": b"id,text\n" + b"2,two\n" * 100_000,
    "folder/deep/c.csv": b"id,text\n3,three\n",
}
TARS: Mapping[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "x.tar": tarred,
    "x.tar.gz": lambda files: tarred(files, "w:gz"),
    "x.tgz": lambda files: tarred(files, "w:gz"),
    "x.tar.bz2": lambda files: tarred(files, "w:bz2"),
    "x.tar.xz": lambda files: tarred(files, "w:xz"),
    "x.tar.zst": lambda files: by_arrow("zstd", tarred(files)),
}
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def listed(client: Any, bucket: Bucket, *globs: str, **selection: Any) -> dict[str, S3Object]:
    return {found.name: found for found in list_objects(at(client, bucket), Selection(globs or ["**"], **selection))}


def contents(client: Any, bucket: Bucket, found: Mapping[str, S3Object]) -> dict[str | None, bytes]:
    return {item.member: fetch_contents(at(client, bucket), item) for item in found.values()}
