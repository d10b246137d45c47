"""Listings with other times than the server of the tests gives to its objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3, Rule


def list_as(bucket: Bucket, proxy: FaultyS3, moments: Mapping[str, str]) -> None:
    """From now on the listing says that these objects were changed at these times, as in 2026-01-02T03:04:05."""
    answer_listings(proxy, bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"], moments)


def answer_listings(proxy: FaultyS3, objects: Iterable[Mapping[str, Any]], moments: Mapping[str, str]) -> None:
    """From now on the listing is of these, as boto3 gives them, but for the times."""
    entries = "".join(
        f"<Contents><Key>{item['Key']}</Key><Size>{item['Size']}</Size><ETag>{item['ETag']}</ETag><LastModified>"
        f"{moments.get(item['Key'], item['LastModified'].strftime('%Y-%m-%dT%H:%M:%S'))}.000Z</LastModified></Contents>"
        for item in objects
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
    proxy.rules[:] = [Rule("answer", status=200, body=body, path="list-type=2", times=None)]
