"""The objects of a bucket, listed by globs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wcmatch import glob

from source_s3.plan import Selection
from vector_ingest.aws import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class S3Object:
    """As listed. `last_modified` is in UTC; `etag` has no quotes; `size` in bytes.

    `bucket`: where it lies, if that is not the configured one. `member`: the path of a file inside of this archive;
    then `size` and `last_modified` are those of the file.
    """

    key: str
    size: int
    last_modified: datetime
    etag: str
    bucket: str | None = None
    member: str | None = None

    @property
    def name(self) -> str:
        """What records and the ledger call it."""
        where = f"s3://{self.bucket}/{self.key}" if self.bucket else self.key
        return f"{where}#{self.member}" if self.member is not None else where


def list_objects(client: "S3Client", bucket: str, selection: Selection) -> Iterator[S3Object]:
    """The objects of the selection, page by page.

    Globs are matched against the whole key as Airbyte's CDK does it: wcmatch with GLOBSTAR. Markers of folders
    (empty objects whose key ends in a slash) are left out.
    """
    for part in _listed_prefixes(selection.globs, selection.prefix):
        with aws_errors(f"list s3://{bucket}/{part}"):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=part):
                for entry in page.get("Contents", []):
                    modified = entry["LastModified"].astimezone(UTC)
                    found = S3Object(entry["Key"], entry["Size"], modified, entry["ETag"].strip('"'))
                    if (selection.start is None or modified >= selection.start) and matches(found, selection.globs):
                        yield found


def matches(found: S3Object, globs: Sequence[str]) -> bool:
    if found.size == 0 and found.key.endswith("/"):
        return False
    return any(glob.globmatch(found.key, pattern, flags=glob.GLOBSTAR) for pattern in globs)


def _listed_prefixes(globs: Sequence[str], prefix: str) -> list[str]:
    """The longest fixed beginnings of the globs within `prefix`, none of which begins with another."""
    kept: list[str] = []
    for fixed in sorted(_fixed_beginning(pattern) for pattern in globs):
        if not fixed.startswith(prefix) and not prefix.startswith(fixed):
            continue
        longer = max(fixed, prefix, key=len)
        if not kept or not longer.startswith(kept[-1]):  # sorted: whatever begins with another follows it
            kept.append(longer)
    return kept


def _fixed_beginning(pattern: str) -> str:
    special = (position for position, letter in enumerate(pattern) if letter in "*?[\\")
    return pattern[: next(special, len(pattern))]
