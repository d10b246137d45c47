"""Whether a configuration works: proved stream by stream."""

from contextlib import closing
from itertools import islice

from source_s3.client import bucket_of
from source_s3.config import Config
from source_s3.first_look import columns_unless_archived
from source_s3.listing.samples import first_objects, nothing_to_read
from source_s3.listing.storage import NOT_RESTORED
from source_s3.plan import StreamPlan, plans
from source_s3.policy.bad_rows import prove_place
from source_s3.s3_object import Bucket

TRIED = 20  # archived files that are tried, where a listing does not tell of the archive


def check(config: Config) -> None:
    """Sign in, list each stream's objects, and read the head of one file. ConfigError or TransientError if not.

    It asks for no right that a sync does not need: where objects are named, nothing is listed.
    """
    bucket = bucket_of(config)
    for plan in plans(config):
        _check_stream(bucket, plan)
        prove_place(bucket, plan)
        _prove_engine(plan)


def _check_stream(bucket: Bucket, plan: StreamPlan) -> None:
    """As in Airbyte's source-s3, a stream without one file to read fails: most often its path is wrong."""
    left_out: list[str] = []
    with closing(first_objects(bucket, plan, lambda name, why: left_out.append(f"{name} {why}"))) as listing:
        for item in islice(listing, TRIED):
            if columns_unless_archived(bucket, plan, item) is not None:
                return
            left_out.append(f"{item.name} {NOT_RESTORED}")
    raise nothing_to_read(bucket, plan, left_out)


def _prove_engine(plan: StreamPlan) -> None:
    if plan.documents is not None:
        from source_s3.records.document_records import prove_engine

        prove_engine(plan.documents)
