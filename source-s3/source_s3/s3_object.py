"""An object of a bucket, as it was listed, and the bucket: what all steps of a read hand on."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from source_s3.raw_file import RawFile


class Inside(Protocol):
    """Where in its archive a member lies."""

    def open(self, bucket: "Bucket", *, read_ahead: bool) -> "RawFile":
        """The member's own bytes, of the version of the archive that was listed."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """As listed. `last_modified` is in UTC; `etag` has no quotes; `size` in bytes.

    `bucket`: where it lies, if that is not the configured one. `member`: the path of a file inside of this archive;
    then `size` and `last_modified` are those of the file, `etag` tells it and the archive's version, and `inside`
    opens it. `storage`: the archive class that keeps it from being read. `dated`: the facts are those of an inventory,
    and may have changed since (see `manifest.current`).
    """

    key: str
    size: int
    last_modified: datetime
    etag: str
    bucket: str | None = None
    member: str | None = None
    inside: Inside | None = field(default=None, compare=False, repr=False)
    storage: str | None = None
    dated: bool = False

    @property
    def path(self) -> str:
        """What globs are matched against."""
        return f"{self.key}#{self.member}" if self.member is not None else self.key

    @property
    def name(self) -> str:
        """What records and the ledger call it."""
        return f"s3://{self.bucket}/{self.path}" if self.bucket else self.path


@dataclass(frozen=True, slots=True)
class Bucket:
    """A ready client, and the bucket it reads."""

    client: "S3Client"
    name: str

    def holding(self, item: S3Object) -> str:
        """The name of the bucket that the object lies in."""
        return item.bucket or self.name

    def address_of(self, item: S3Object) -> str:
        """In messages."""
        return item.name if item.bucket else f"s3://{self.name}/{item.name}"
