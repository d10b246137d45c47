"""What an object holds, as a file of its decoded bytes."""

from typing import TYPE_CHECKING, BinaryIO

from source_s3.object_file import fetch_object, open_object
from source_s3.objects import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def open_contents(client: "S3Client", bucket: str, found: S3Object, *, read_ahead: bool) -> BinaryIO:
    """A seekable file; with `read_ahead`, for those who read from begin to end. Close it after use."""
    return open_object(client, found.bucket or bucket, found, read_ahead=read_ahead)


def fetch_contents(client: "S3Client", bucket: str, found: S3Object) -> bytes:
    """All of a small object."""
    return fetch_object(client, found.bucket or bucket, found)
