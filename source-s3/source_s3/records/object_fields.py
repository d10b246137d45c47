"""What S3 knows of an object besides its bytes, asked for where a stream wants it: user metadata, tags, permissions.

Each costs a request for each object, and a right of its own. None of them is part of an object's version: they are as
they were when the object was read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.errors import MessageError
from email.header import decode_header, make_header
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from source_s3.documents.markup import encodable
from source_s3.s3_object import Bucket, S3Object
from source_s3.schema import STRING, Properties
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GranteeTypeDef

Field = Literal["user_metadata", "tags", "permissions"]
TEXTS = {"type": ["null", "array"], "items": {"type": "string"}}
TEXT_BY_NAME = {"type": ["null", "object"]}
GRANT: Properties = {"grantee": STRING, "permission": STRING}
COLUMNS_OF: Mapping[Field, Properties] = {
    "user_metadata": {"user_metadata": TEXT_BY_NAME},
    "tags": {"tags": TEXT_BY_NAME},
    "permissions": {
        "owner": STRING,
        "readers": TEXTS,
        "grants": {"type": ["null", "array"], "items": {"type": "object", "properties": GRANT}},
        "bucket_owner_enforced": {"type": ["null", "boolean"]},
    },
}
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html and so on
RIGHTS = {
    "GetObjectTagging": "s3:GetObjectTagging",
    "GetObjectAcl": "s3:GetObjectAcl",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "HeadObject": "s3:GetObject",
}
DENIED = {"AccessDenied", "403"}
# Grants of these let a grantee read: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
READING = {"READ", "FULL_CONTROL"}


def columns_of(wanted: Sequence[Field]) -> Properties:
    return {name: column for field in wanted for name, column in COLUMNS_OF[field].items()}


class ObjectFields:
    """Asks for what a stream wants, in many threads."""

    def __init__(self, bucket: Bucket, wanted: Sequence[Field]) -> None:
        self._bucket, self._wanted = bucket, wanted
        self._enforced: dict[str, bool | None] = {}  # by bucket
        self._lock = Lock()

    def of(self, item: S3Object) -> dict[str, Any]:
        """Of a member: those of its archive. ConfigError names the right that is missing."""
        ask: Mapping[Field, Callable[[str, S3Object], dict[str, Any]]] = {
            "user_metadata": self._user_metadata,
            "tags": self._tags,
            "permissions": self._permissions,
        }
        bucket = self._bucket.holding(item)
        return {name: value for field in self._wanted for name, value in ask[field](bucket, item).items()}

    def _user_metadata(self, bucket: str, item: S3Object) -> dict[str, Any]:
        pinned: Any = (
            {} if item.member is not None else {"IfMatch": f'"{item.etag}"'}
        )  # a member's is not its archive's
        with _asked("user_metadata", f"s3://{bucket}/{item.key}"):
            answer = self._bucket.client.head_object(Bucket=bucket, Key=item.key, **pinned)
        return {"user_metadata": {name: _decoded(value) for name, value in answer.get("Metadata", {}).items()}}

    def _tags(self, bucket: str, item: S3Object) -> dict[str, Any]:
        with _asked("tags", f"s3://{bucket}/{item.key}"):
            answer = self._bucket.client.get_object_tagging(Bucket=bucket, Key=item.key)
        return {"tags": {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", ())}}

    def _permissions(self, bucket: str, item: S3Object) -> dict[str, Any]:
        with _asked("permissions", f"s3://{bucket}/{item.key}"):
            answer = self._bucket.client.get_object_acl(Bucket=bucket, Key=item.key)
        grants = [
            {"grantee": _name(grant["Grantee"]), "permission": grant["Permission"]}
            for grant in answer.get("Grants", ())
        ]
        return {
            "owner": answer.get("Owner", {}).get("ID"),
            "readers": sorted({grant["grantee"] for grant in grants if grant["permission"] in READING}),
            "grants": grants,
            "bucket_owner_enforced": self._is_enforced(bucket),
        }

    def _is_enforced(self, bucket: str) -> bool | None:
        """Asked once for each bucket. None: a store that has no such thing."""
        with self._lock:
            if bucket not in self._enforced:
                self._enforced[bucket] = self._ask_whether_enforced(bucket)
            return self._enforced[bucket]

    def _ask_whether_enforced(self, bucket: str) -> bool | None:
        with _asked("permissions", f"s3://{bucket}"):
            try:
                answer = self._bucket.client.get_bucket_ownership_controls(Bucket=bucket)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code not in {"OwnershipControlsNotFoundError", "NotImplemented"}:
                    raise
                return False if code == "OwnershipControlsNotFoundError" else None
        return any(rule["ObjectOwnership"] == "BucketOwnerEnforced" for rule in answer["OwnershipControls"]["Rules"])


@contextmanager
def _asked(field: Field, address: str) -> Iterator[None]:
    with aws_errors(f"ask for the {field.replace('_', ' ')} of {address}"):
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            raise ConfigError(
                f"Could not ask for the {field.replace('_', ' ')} of {address}: {error.operation_name} was denied. "
                f"Grant {RIGHTS[error.operation_name]} on it, or take `{field}` out of the format's `object_fields`."
            ) from error


def _name(grantee: "GranteeTypeDef") -> str:
    """A canonical user ID, the URI of a group, or an address."""
    return grantee.get("ID") or grantee.get("URI") or grantee.get("EmailAddress") or ""


def _decoded(value: str) -> str:
    """What is not ASCII comes as RFC 2047 has it: docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html."""
    try:
        return encodable(str(make_header(decode_header(value)))) if "=?" in value else value
    except (MessageError, LookupError, ValueError):
        return value
