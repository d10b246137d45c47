"""The client that a configuration leads to."""

from source_s3.config import Config
from source_s3.listing.list_answers import parse_listings_fast
from source_s3.s3_object import Bucket
from vector_ingest.aws.clients import s3_client

FETCHERS = 64  # objects asked for at once: most of the time of a small one is its way there and back
LISTED = 4  # streams that are listed at once, by who discovers them
CONNECTIONS = FETCHERS + LISTED  # kept open: for all that are asked for at once


def bucket_of(config: Config) -> Bucket:
    endpoint = config.endpoint or None
    client = s3_client(
        config.credentials,
        config.region_name,
        endpoint,
        connections=CONNECTIONS,
        connection=config.connection,
        session_name="airbyte-source-s3",  # as Airbyte's: trust policies and logs may know it
    )
    parse_listings_fast(client)
    return Bucket(client, config.bucket)
