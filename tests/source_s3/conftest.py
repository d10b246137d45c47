"""An S3 client that goes through a proxy which sees and breaks things."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from source_s3.listing.objects import list_objects
from source_s3.plan import Selection
from source_s3.s3_object import Bucket as Place
from source_s3.s3_object import S3Object
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import IamUser

BODY = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def client(proxy: FaultyS3) -> Iterator[Any]:
    keys = IamUser.model_validate({"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY})
    client = s3_client(keys, REGION, proxy.endpoint)
    yield client
    client.close()


def at(client: Any, bucket: Bucket) -> Place:
    """The bucket as the connector has it, through this client."""
    return Place(client, bucket.name)


def stored(client: Any, bucket: Bucket, key: str = "big.bin", body: bytes = BODY) -> S3Object:
    bucket.put(key, body)
    return next(found for found in list_objects(at(client, bucket), Selection([key])) if found.key == key)
