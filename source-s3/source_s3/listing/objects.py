"""The objects of a bucket that belong to a stream: listed by globs, named by their keys, or by a manifest."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import Any

from source_s3.listing.archives import expanded
from source_s3.listing.choice import Choice, Leave, unheard
from source_s3.listing.globs import exact_keys, listed_prefixes
from source_s3.listing.head import named_objects
from source_s3.listing.manifest import objects_of_manifest
from source_s3.listing.storage import ARCHIVES, archive_of_entry, archive_of_head, knows_restores
from source_s3.plan import Selection
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import ConfigError, TransientError

LISTERS = 8  # prefixes that are listed at once
PAGES_AHEAD = 16  # of at most 1,000 objects, listed and not taken yet


def list_objects(
    bucket: Bucket, selection: Selection, leave: Leave = unheard, listers: int = LISTERS
) -> Generator[S3Object, None, None]:
    """The objects of the selection, each once, page by page as they come; with one lister, in a settled order.

    `leave` is told of those that can't be read: archived ones, if they are not refused. Close it after use.
    """
    choice = Choice.of(selection)
    if selection.manifest is not None:
        found = objects_of_manifest(bucket, selection.manifest, choice, leave)
    elif (keys := exact_keys(selection.globs)) is not None:
        found = named_objects(bucket, keys, choice)
    else:
        found = _listed(bucket, choice, listers)
    with closing(found), closing(expanded(bucket, found, choice)) as opened:
        for item in readable(opened, bucket, selection, leave):
            if item.member is None or choice.takes_member(item.key, item.member, item.size, item.last_modified):
                yield item


def readable(found: Iterable[S3Object], bucket: Bucket, selection: Selection, leave: Leave) -> Iterator[S3Object]:
    """Without those in an archive: `leave` is told of them, or the first one is a ConfigError, as set."""
    for item in found:
        if item.storage is None:
            yield item
        elif selection.archived == "Refuse":
            raise ConfigError(
                f"{bucket.address_of(item)} is in the archive class {item.storage} and not restored. "
                "Restore it, exclude it by the globs, or set `archived_objects` to `Skip`."
            )
        else:
            leave(item.name, f"is in the archive class {item.storage} and not restored")


def _listed(bucket: Bucket, choice: Choice, listers: int) -> Generator[S3Object, None, None]:
    """Lists the prefixes side by side. The first error ends it; when it ends, so have its threads."""
    prefixes = listed_prefixes(choice.selection.globs, choice.selection.prefix)
    arrived: SimpleQueue[list[S3Object] | Future[None]] = SimpleQueue()
    room, stopped = Semaphore(PAGES_AHEAD), Event()

    def work(prefix: str) -> None:
        with aws_errors(f"list s3://{bucket.name}/{prefix}"):
            pages = _pages(bucket, prefix)
            while room.acquire() and not stopped.is_set() and (page := next(pages, None)) is not None:
                arrived.put(_chosen(bucket, page, choice))
            room.release()

    with ThreadPoolExecutor(listers, thread_name_prefix="list") as pool:
        try:
            for prefix in prefixes:
                pool.submit(work, prefix).add_done_callback(arrived.put)
            for _ in prefixes:
                while not isinstance(page := arrived.get(), Future):
                    yield from page
                    room.release()
                page.result()
        finally:
            stopped.set()
            room.release(listers)
            pool.shutdown(cancel_futures=True)


def _pages(bucket: Bucket, prefix: str) -> Iterator[list[Mapping[str, Any]]]:
    request: dict[str, Any] = {"Bucket": bucket.name, "Prefix": prefix}
    if knows_restores(bucket.client):
        request["OptionalObjectAttributes"] = ["RestoreStatus"]
    while True:
        page = bucket.client.list_objects_v2(**request)
        yield page.get("Contents", [])  # type: ignore[misc]  # a TypedDict is a Mapping
        if not page.get("IsTruncated"):
            return
        token = page.get("NextContinuationToken")
        if not token or token == request.get("ContinuationToken"):
            raise TransientError(f"Could not list s3://{bucket.name}/{prefix}: the store does not say how to go on.")
        request["ContinuationToken"] = token


def _chosen(bucket: Bucket, page: Iterable[Mapping[str, Any]], choice: Choice) -> list[S3Object]:
    found = []
    for entry in page:
        key, size, modified = entry["Key"], entry["Size"], entry["LastModified"].astimezone(UTC)
        if choice.takes_key(key) and choice.takes_facts(key, size, modified):
            item = S3Object(key, size, modified, entry["ETag"].strip('"'))
            archived = entry.get("StorageClass") in ARCHIVES
            found.append(replace(item, storage=_archive(bucket, entry)) if archived else item)
    return found


def _archive(bucket: Bucket, entry: Mapping[str, Any]) -> str | None:
    if knows_restores(bucket.client):
        return archive_of_entry(entry)
    return archive_of_head(bucket.client.head_object(Bucket=bucket.name, Key=entry["Key"]))
