"""The few objects of a stream that `check` and `discover` look into."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from heapq import nlargest
from itertools import islice

from source_s3.listing.choice import Leave, unheard
from source_s3.listing.manifest import current
from source_s3.listing.objects import list_objects, readable
from source_s3.plan import StreamPlan
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import ConfigError


def first_objects(bucket: Bucket, plan: StreamPlan, leave: Leave = unheard) -> Generator[S3Object, None, None]:
    """Those that can be read, in a settled order. Close it after use."""
    with closing(list_objects(bucket, plan.selection, leave, listers=1)) as listing:
        yield from _up_to_date(bucket, plan, listing, leave)


def sampled_objects(bucket: Bucket, plan: StreamPlan) -> Sequence[S3Object]:
    """What the schema is taken from: the first object, or the newest ones, the newest first."""
    if plan.first_found:
        with closing(first_objects(bucket, plan)) as listing:
            return list(islice(listing, 1))
    with closing(list_objects(bucket, plan.selection)) as listing:
        newest = nlargest(plan.sampled, listing, key=lambda item: (item.last_modified, item.name))
    return list(_up_to_date(bucket, plan, newest, unheard))


def nothing_to_read(bucket: Bucket, plan: StreamPlan, left_out: Sequence[str]) -> ConfigError:
    """`left_out`: names and reasons of objects that match and can't be read."""
    selection = plan.selection
    where = selection.manifest or f"s3://{bucket.name}"
    if left_out:
        return ConfigError(
            f"Stream `{plan.name}`: nothing that matches in {where} can be read: {left_out[0]}. Restore it, or change "
            "the globs."
        )
    conditions = {
        "the prefix": selection.prefix or None,
        "not the excluded globs": ", ".join(selection.excluded) or None,
        "the start date": selection.start,
        "the smallest size": selection.smallest,
        "the largest size": selection.largest,
    }
    also = "".join(f", and {name} {value}" for name, value in conditions.items() if value is not None)
    return ConfigError(
        f"Stream `{plan.name}`: no object in {where} matches {', '.join(selection.globs)}{also}. Change the path or "
        "the globs, or put a file there."
    )


def _up_to_date(bucket: Bucket, plan: StreamPlan, items: Iterable[S3Object], leave: Leave) -> Iterator[S3Object]:
    if plan.selection.manifest is None:
        yield from items
        return
    with closing(current(bucket, items, leave)) as found:
        yield from readable(found, bucket, plan.selection, leave)
