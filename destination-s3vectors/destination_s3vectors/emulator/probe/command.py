"""The subcommand `probe`: all checks against one endpoint."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from destination_s3vectors.emulator.probe import report
from destination_s3vectors.emulator.probe.check import Result, run
from destination_s3vectors.emulator.probe.checks_buckets import BUCKETS
from destination_s3vectors.emulator.probe.checks_query import QUERIES
from destination_s3vectors.emulator.probe.checks_vectors import VECTORS
from destination_s3vectors.emulator.probe.ground import prepared

CHECKS = (*BUCKETS, *VECTORS, *QUERIES)
DESCRIPTION = (
    f"Runs {len(CHECKS)} checks of documented behaviour against an endpoint of Amazon S3 Vectors, in a vector bucket "
    "that it makes and removes. Without --endpoint that is AWS itself, with the credentials that boto3 finds; it costs "
    "a few cents at most. Ends with 1 if something differs, with 2 if the checks could not run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", help="URL (default: that of AWS in the region)")
    parser.add_argument("--region", help="of the service (default: as boto3 is set up)")
    parser.add_argument(
        "--bucket-prefix", default="s3vectors-probe", help="of the bucket's name (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """The exit code. Takes the arguments of `add_arguments`."""
    try:
        client = connect(arguments.endpoint, arguments.region)
        results = probe(client, arguments.bucket_prefix)
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"The checks could not run: {error}\nCheck the endpoint, the region and the credentials.\n")
        return 2
    render = report.as_json if arguments.json else report.text
    sys.stdout.write(render(results, client.meta.endpoint_url) + "\n")
    return int(any(result.verdict == "differs" for result in results))


def connect(endpoint: str | None, region: str | None) -> Any:
    """boto3's client without its own checks: what is wrong must reach the endpoint."""
    import boto3

    config = Config(parameter_validation=False, retries={"mode": "standard", "total_max_attempts": 6})
    return boto3.client("s3vectors", endpoint_url=endpoint, region_name=region, config=config)


def probe(client: Any, prefix: str) -> Sequence[Result]:
    with prepared(client, prefix) as ground:
        return [run(check, ground) for check in CHECKS]
