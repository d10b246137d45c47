"""S3 Vectors in SQL, on this machine: a database with s3vl, whose Lambda function runs in this process.

The function is the real one, and asks the emulator. `aws_lambda.py` stands in for Lambda and the extension aws_lambda.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from demo.aws_lambda import AwsLambda

if TYPE_CHECKING:
    import psycopg

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:s3vl"


@contextmanager
def bridged(
    connection: "psycopg.Connection", indexing: Mapping[str, Any], log: Callable[[str], object]
) -> Iterator[AwsLambda]:
    """The database has s3vl from here on, and it answers as long as the block lasts.

    `indexing`: the destination's, which leads to the service. `log`: takes the lines of the function.
    """
    from destination_s3vectors.sql_bridge.handler import Bridge

    bridge = Bridge(lambda region: connect({**indexing, "region_name": region}), log, {"local": _embed})
    with AwsLambda({FUNCTION: bridge.answer}) as aws_lambda:
        connection.execute(aws_lambda.install)
        connection.execute(files("destination_s3vectors.sql_bridge").joinpath("s3vl.sql").read_text())
        connection.execute("SELECT s3vl.configure(%s)", [FUNCTION])
        yield aws_lambda


def _embed(_model: Any, text: str, _region: str, _seconds: float) -> list[float]:
    """By the model that this repository carries, and that the demo's documents are embedded by."""
    from vector_ingest.embed.choice import embedder_from
    from vector_ingest.embed.options import Local

    (vector,), _ = embedder_from(Local(mode="local")).embed([text], "query")
    return [float(number) for number in vector]


def connect(indexing: Mapping[str, Any]) -> Any:
    """A client of the service that the destination writes to."""
    import boto3

    keys = indexing["credentials"]
    return boto3.client(
        "s3vectors",
        endpoint_url=indexing["endpoint"],
        region_name=indexing["region_name"],
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
    )


def index_arn(indexing: Mapping[str, Any], bucket: str, index: str) -> str:
    """Of an index that the destination has made."""
    found = connect(indexing).get_index(vectorBucketName=bucket, indexName=index)["index"]
    return str(found["indexArn"])
