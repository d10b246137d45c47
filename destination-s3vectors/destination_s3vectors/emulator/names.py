"""ARNs of buckets and indexes, and the two ways in which a request names one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from destination_s3vectors.emulator.errors import validation

# The part of the model's ARN patterns that a name is.
NAME = re.compile(r"[a-z0-9][a-z0-9-.]{1,61}[a-z0-9]")
ARN = re.compile(
    r"(?P<owner>arn:aws[-a-z0-9]*:s3vectors:[a-z0-9-]+:[0-9]{12}):bucket/(?P<bucket>[^/]+)(?:/index/(?P<index>[^/]+))?"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose resources these are: what every ARN begins with."""

    region: str
    account: str

    @property
    def prefix(self) -> str:
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        partition = "aws-us-gov" if self.region.startswith("us-gov-") else partition
        return f"arn:{partition}:s3vectors:{self.region}:{self.account}"

    def bucket(self, name: str) -> str:
        return f"{self.prefix}:bucket/{name}"

    def index(self, bucket: str, name: str) -> str:
        return f"{self.prefix}:bucket/{bucket}/index/{name}"

    def parse(self, arn: str) -> tuple[str, str | None] | None:
        """(bucket, index or None), or None if it is no ARN of this owner."""
        found = ARN.fullmatch(arn)
        if found is None or found["owner"] != self.prefix:
            return None
        return found["bucket"], found["index"]


def bucket_arn(owner: Owner, request: Mapping[str, Any]) -> str:
    """The ARN of the bucket that a request means, by name or by ARN."""
    name, arn = request.get("vectorBucketName"), request.get("vectorBucketArn")
    if (name is None) == (arn is None):
        raise validation("Must specify either vectorBucketName or vectorBucketArn but not both")
    return owner.bucket(name) if name is not None else str(arn)


def index_arn(owner: Owner, request: Mapping[str, Any]) -> str:
    """The ARN of the index that a request means, by both names or by ARN."""
    bucket, index, arn = (request.get(name) for name in ("vectorBucketName", "indexName", "indexArn"))
    by_names = arn is None and bucket is not None and index is not None
    by_arn = arn is not None and bucket is None and index is None
    if not by_names and not by_arn:
        raise validation("Must specify either indexArn or both vectorBucketName and indexName")
    return owner.index(str(bucket), str(index)) if by_names else str(arn)


def check_name(name: str, kind: str) -> None:
    if not NAME.fullmatch(name):
        raise validation(f"Invalid {kind} name")
