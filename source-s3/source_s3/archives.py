"""Archives among the listed objects, opened: each file inside of one becomes an object of its own."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from wcmatch import glob

from source_s3.decompress import Compression
from source_s3.objects import S3Object
from source_s3.plan import Selection
from source_s3.tar_members import Spools, tar_members
from source_s3.zip_members import zip_members
from vector_ingest.errors import DataError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 8  # archives that are listed at once
MOST = 64  # objects that are taken from the listing at once
ZIP = ".zip"
TARS: dict[str, Compression | None] = {
    ".tar": None,
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.zst": "zstd",
    ".tzst": "zstd",
    ".tar.lz4": "lz4",
}
logger = logging.getLogger("airbyte")


def expanded(client: "S3Client", bucket: str, listed: Iterable[S3Object], selection: Selection) -> Iterator[S3Object]:
    """The objects, but for each archive that the globs reach into its members, whether they match or not.

    DataError: an archive can't be listed. Then nothing is known of its members, and the stream must not go on as if
    they were gone.
    """
    spools, left, count = Spools(), iter(listed), 1
    with ThreadPoolExecutor(THREADS, thread_name_prefix="archive") as pool:
        while batch := list(islice(left, count)):
            work = partial(_members, client, bucket, spools)
            archives = [item for item in batch if reaches_into(item.key, selection)]
            members = dict(zip((item.name for item in archives), pool.map(work, archives), strict=True))
            for item in batch:
                yield from members.get(item.name, [item])
            count = min(MOST, 4 * count)  # a check wants no more than the first


def reaches_into(key: str, selection: Selection) -> bool:
    """Any zip, as in Airbyte's source-s3; a tar only where a glob says so, since to list it may be to read all of it.

    A glob says so if the archive itself matches it, or what stands before its `#`.
    """
    if not selection.archives or _kind(key) is None or any(_fits(key, pattern) for pattern in selection.excluded):
        return False
    return _kind(key) == ZIP or any(_fits(key, pattern.partition("#")[0]) for pattern in selection.globs)


def means_member(key: str, member: str, pattern: str) -> bool:
    """Whether a glob that does not match `key#member` as a whole, as in Airbyte's source-s3, means it nevertheless.

    So does one that names an archive, such as `*.zip` (while `*` matches members itself), and one whose parts before
    and after a `#` match key and member: there, `**` is any folders.
    """
    outer, hash_sign, inner = pattern.partition("#")
    if hash_sign:
        return _fits(key, outer) and _fits(member, inner)
    return _fits(key, pattern) and not _fits(f"{key}#", pattern)


def _fits(text: str, pattern: str) -> bool:
    return glob.globmatch(text, pattern, flags=glob.GLOBSTAR)


def _kind(name: str) -> str | None:
    lower = name.lower()
    return next((ending for ending in (ZIP, *TARS) if lower.endswith(ending)), None)


def _members(client: "S3Client", bucket: str, spools: Spools, archive: S3Object) -> list[S3Object]:
    """In the order of the archive; of files of the same name the last. Folders and what macOS adds are left out."""
    kind = _kind(archive.key)
    assert kind is not None
    where = archive.bucket or bucket
    listing: Callable[[], Iterator[S3Object]] = (
        partial(zip_members, client, where, archive)
        if kind == ZIP
        else partial(tar_members, client, where, archive, TARS[kind], spools)
    )
    try:
        return _kept(archive, listing())
    except DataError as error:
        place = "" if error.where in {"the file", "the archive"} else f", {error.where}"
        raise DataError(f"s3://{where}/{archive.key}{place}", error.reason) from error


def _kept(archive: S3Object, members: Iterator[S3Object]) -> list[S3Object]:
    found: dict[str, S3Object] = {}
    twice = nested = 0
    for item in members:
        name = item.member or ""
        if not name or name.endswith("/") or _is_of_macos(name):
            continue
        nested += _kind(name) is not None
        twice += name in found
        if _kind(name) is None:
            found[name] = item
    if twice:
        logger.warning("%s: %s files inside of it are hidden by later ones of the same name", archive.name, twice)
    if nested:
        logger.warning("%s: %s archives inside of it are left out: only outer ones are opened", archive.name, nested)
    return list(found.values())


def _is_of_macos(member: str) -> bool:
    path = PurePosixPath(member)
    return "__MACOSX" in path.parts or path.name.startswith("._")
