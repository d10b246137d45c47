"""Archives among the listed objects, opened: each file inside of one becomes an object of its own."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import PurePosixPath

from source_s3.listing.choice import TARS, ZIP, Choice, archive_kind
from source_s3.listing.storage import is_archived
from source_s3.listing.tar_members import Spools, tar_members
from source_s3.listing.zip_members import zip_members
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import ConfigError, DataError

THREADS = 8  # archives that are listed at once
MOST = 64  # objects that are taken from the listing at once
logger = logging.getLogger("airbyte")


def expanded(bucket: Bucket, listed: Iterable[S3Object], choice: Choice) -> Generator[S3Object, None, None]:
    """The objects, but for each archive that the globs reach into its members, whether they match or not.

    DataError: an archive can't be listed. Then nothing is known of its members, and the stream must not go on as if
    they were gone.
    """
    spools, left, count = Spools(), iter(listed), 1
    with ThreadPoolExecutor(THREADS, thread_name_prefix="archive") as pool:
        while batch := list(islice(left, count)):
            work = partial(_members_unless_archived, bucket, spools)
            archives = [item for item in batch if item.storage is None and choice.opens(item.key)]
            members = dict(zip((item.name for item in archives), pool.map(work, archives), strict=True))
            for item in batch:
                yield from members.get(item.name, [item])
            count = min(MOST, 4 * count)  # a check wants no more than the first


def _members_unless_archived(bucket: Bucket, spools: Spools, archive: S3Object) -> list[S3Object]:
    try:
        return _members(bucket, spools, archive)
    except ConfigError as error:
        if not is_archived(error):
            raise
        return [replace(archive, storage="INTELLIGENT_TIERING")]


def _members(bucket: Bucket, spools: Spools, archive: S3Object) -> list[S3Object]:
    """In the order of the archive; of files of the same name the last. Folders and what macOS adds are left out."""
    kind = archive_kind(archive.key)
    assert kind is not None
    listing: Callable[[], Iterator[S3Object]] = (
        partial(zip_members, bucket, archive)
        if kind == ZIP
        else partial(tar_members, bucket, archive, TARS[kind], spools)
    )
    try:
        return _kept(archive, listing())
    except DataError as error:
        place = "" if error.where in {"the file", "the archive"} else f", {error.where}"
        raise DataError(f"{bucket.address_of(archive)}{place}", error.reason) from error


def _kept(archive: S3Object, members: Iterator[S3Object]) -> list[S3Object]:
    found: dict[str, S3Object] = {}
    twice = nested = 0
    for item in members:
        name = item.member or ""
        if not name or name.endswith("/") or _is_of_macos(name):
            continue
        nested += archive_kind(name) is not None
        twice += name in found
        if archive_kind(name) is None:
            found[name] = item
    if twice:
        logger.warning("%s: %s files inside of it are hidden by later ones of the same name", archive.name, twice)
    if nested:
        logger.warning("%s: %s archives inside of it are left out: only outer ones are opened", archive.name, nested)
    return list(found.values())


def _is_of_macos(member: str) -> bool:
    path = PurePosixPath(member)
    return "__MACOSX" in path.parts or path.name.startswith("._")
