"""The form's sign-in, clients that use it, and what a proxy before S3 and STS saw of them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY
from tests.conftest import Bucket
from tests.servers.faulty_s3 import FaultyS3
from vector_ingest.aws.clients import s3_client
from vector_ingest.aws.credentials import Credentials
from vector_ingest.aws.errors import aws_errors
from vector_ingest.command.spec import parse_config

ARN = "arn:aws:iam::123456789012:role/reader"
KEYS = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
USER = {"auth_type": "iam_user", **KEYS}


class Form(BaseModel):
    """A form with the sign-in alone."""

    credentials: Credentials


def sign_in(**properties: Any) -> Any:
    return parse_config(Form, {"credentials": {"auth_type": "iam_role", **properties}}).credentials


def client_of(proxy: FaultyS3, region: str = REGION, **properties: Any) -> Any:
    return s3_client(sign_in(**properties), region, proxy.endpoint)


def list_with(properties: dict[str, str], bucket: Bucket, endpoint: str) -> None:
    client = s3_client(sign_in(**properties), REGION, endpoint)
    with aws_errors(f"list s3://{bucket.name}"):
        client.list_objects_v2(Bucket=bucket.name)
    client.close()


def assumed(proxy: FaultyS3) -> list[dict[str, list[str]]]:
    return [parse_qs(request.body.decode()) for request in proxy.seen("POST")]


def signers(proxy: FaultyS3) -> Iterator[str]:
    """The access key of each listing."""
    for request in proxy.seen("GET"):
        yield request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
