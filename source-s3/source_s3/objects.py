"""The objects of a bucket, listed by globs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from wcmatch import glob

from source_s3.plan import Selection
from vector_ingest.aws import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from source_s3.object_file import RawFile


class Inside(Protocol):
    """Where in its archive a member lies."""

    def open(self, client: "S3Client", bucket: str, *, read_ahead: bool) -> "RawFile":
        """The member's own bytes, of the version of the archive that was listed."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """As listed. `last_modified` is in UTC; `etag` has no quotes; `size` in bytes.

    `bucket`: where it lies, if that is not the configured one. `member`: the path of a file inside of this archive;
    then `size` and `last_modified` are those of the file, `etag` tells it and the archive's version, and `inside`
    opens it.
    """

    key: str
    size: int
    last_modified: datetime
    etag: str
    bucket: str | None = None
    member: str | None = None
    inside: Inside | None = field(default=None, compare=False, repr=False)

    @property
    def path(self) -> str:
        """What globs are matched against."""
        return f"{self.key}#{self.member}" if self.member is not None else self.key

    @property
    def name(self) -> str:
        """What records and the ledger call it."""
        return f"s3://{self.bucket}/{self.path}" if self.bucket else self.path


def list_objects(client: "S3Client", bucket: str, selection: Selection) -> Iterator[S3Object]:
    """The objects of the selection, page by page.

    Globs are matched against the whole key as Airbyte's CDK does it: wcmatch with GLOBSTAR. Markers of folders
    (empty objects whose key ends in a slash) are left out.
    """
    from source_s3.archives import expanded  # which needs S3Object

    for part in _listed_prefixes(selection.globs, selection.prefix):
        with aws_errors(f"list s3://{bucket}/{part}"):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=part):
                listed = (_listed(entry) for entry in page.get("Contents", []))
                for found in expanded(client, bucket, listed, selection):
                    late = selection.start is None or found.last_modified >= selection.start
                    if late and matches(found, selection.globs):
                        yield found


def _listed(entry: "ObjectTypeDef") -> S3Object:
    return S3Object(entry["Key"], entry["Size"], entry["LastModified"].astimezone(UTC), entry["ETag"].strip('"'))


def matches(found: S3Object, globs: Sequence[str]) -> bool:
    from source_s3.archives import means_member

    if found.size == 0 and found.key.endswith("/"):
        return False
    return any(
        glob.globmatch(found.path, pattern, flags=glob.GLOBSTAR)
        or (found.member is not None and means_member(found.key, found.member, pattern))
        for pattern in globs
    )


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
    special = (position for position, letter in enumerate(pattern) if letter in "*?[\\#")
    return pattern[: next(special, len(pattern))]
