"""Objects asked for by their names, with a HeadObject each: nobody needs the right to list a bucket for that."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from typing import TypeVar

from botocore.exceptions import ClientError

from source_s3.listing.choice import Choice
from source_s3.listing.storage import archive_of_head
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.in_order import in_order

ASKED = 10  # HeadObject requests at once: the client keeps so many connections
AHEAD = 50  # objects asked for and not taken yet

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def named_objects(bucket: Bucket, keys: Iterable[str], choice: Choice) -> Generator[S3Object, None, None]:
    """Those of the keys that are there and chosen. ConfigError: one may not be read, or that can't be told."""

    def ask(key: str) -> S3Object | None:
        return head(bucket, bucket.name, key, "The configuration")

    with closing(in_pool((key for key in keys if choice.takes_key(key)), ask)) as answers:
        for item in answers:
            if item is not None and choice.takes_facts(item.key, item.size, item.last_modified):
                yield item


def head(bucket: Bucket, holding: str, key: str, who: str) -> S3Object | None:
    """The object as it is, in the bucket `holding`. None: it is not there.

    ConfigError: that can't be told, or it may not be read. `who` names it, in the message.
    """
    with aws_errors(f"ask for s3://{holding}/{key}"):
        try:
            answer = bucket.client.head_object(Bucket=holding, Key=key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "404":
                _expect_gone(bucket, holding, key)
                return None
            if code != "403":
                raise
            raise ConfigError(
                f"{who} names s3://{holding}/{key}: HeadObject was answered with 403. Either it may not be read: grant "
                "s3:GetObject on it. Or it is not there: grant s3:ListBucket on its bucket to be told so."
            ) from error
    modified, etag = answer["LastModified"].astimezone(UTC), answer["ETag"].strip('"')
    elsewhere = holding if holding != bucket.name else None
    return S3Object(key, answer["ContentLength"], modified, etag, elsewhere, storage=archive_of_head(answer))


def _expect_gone(bucket: Bucket, holding: str, key: str) -> None:
    """The answer to a HeadObject has no body: it may as well be the bucket that is not there."""
    try:
        bucket.client.get_object(Bucket=holding, Key=key)["Body"].close()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return
        raise
    raise TransientError(
        f"s3://{holding}/{key} is not there by HeadObject, and is there by GetObject. The next sync asks anew."
    )


def in_pool(items: Iterable[Item], ask: Callable[[Item], Answer]) -> Generator[Answer, None, None]:
    """The answers in the order of the items. Close it after use."""
    with (
        ThreadPoolExecutor(ASKED, thread_name_prefix="ask") as pool,
        closing(in_order(items, ask, pool, lambda _: 1, AHEAD)) as answers,
    ):
        yield from answers
