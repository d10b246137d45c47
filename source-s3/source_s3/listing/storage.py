"""Which objects lie in an archive and can't be read before they are restored.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html#sc-glacier
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})  # GLACIER_IR is read at once
NOT_RESTORED = "is archived and not restored"


def knows_restores(client: "S3Client") -> bool:
    """Whether a listing tells which objects are restored, if asked. Other stores may refuse the question."""
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def archive_of_entry(entry: Mapping[str, Any]) -> str | None:
    """The archive that an object of a listing lies in, unless it is restored."""
    storage: str | None = entry.get("StorageClass")
    restore = entry.get("RestoreStatus", {})
    restored = not restore.get("IsRestoreInProgress") and restore.get("RestoreExpiryDate")
    return storage if storage in ARCHIVES and not restored else None


def archive_of_head(answer: Mapping[str, Any]) -> str | None:
    """The same of HeadObject's answer, which alone knows the archives of INTELLIGENT_TIERING."""
    storage, tier = answer.get("StorageClass"), answer.get("ArchiveStatus")
    archive: str | None = f"{storage} ({tier})" if tier else storage if storage in ARCHIVES else None
    restored = 'ongoing-request="false"' in answer.get("Restore", "")
    return archive if not restored else None


def is_archived(error: BaseException | None) -> bool:
    """Whether the store refused to read an object because of its archive."""
    while error is not None:
        if isinstance(error, ClientError):
            return error.response.get("Error", {}).get("Code") == "InvalidObjectState"
        error = error.__cause__
    return False
