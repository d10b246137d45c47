"""The objects of a manifest: an S3 Inventory, or a list that a user has made, in place of a listing.

An inventory is hours or days old. Its facts tell what is new or changed; what is then read is asked for anew
(`current`): an object that was overwritten since is read as it is now, and one that is gone is left out by name.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from typing import BinaryIO

from source_s3.content.object_file import open_object
from source_s3.listing.choice import Choice, Leave
from source_s3.listing.head import head, in_pool
from source_s3.listing.inventory import Inventory, inventory_mentions
from source_s3.listing.mentions import ADDRESS, Mention, mentions
from source_s3.listing.storage import ARCHIVES
from source_s3.policy.faults import fault_of
from source_s3.s3_object import Bucket, S3Object
from vector_ingest.errors import EXPLAINED, ConfigError, DataError

MENTIONS = 1000  # looked at together
GONE = "stands in the inventory and is there no longer"


def objects_of_manifest(bucket: Bucket, address: str, choice: Choice, leave: Leave) -> Generator[S3Object, None, None]:
    """What the manifest mentions and the selection takes, each once.

    ConfigError: no manifest is there. DataError: it is damaged, or mentions what is not there.
    """
    found = _mentions(bucket, address)
    seen: set[tuple[str, str]] = set()
    while batch := list(islice(found, MENTIONS)):
        chosen = []
        for mention in batch:
            place = mention.bucket or bucket.name, mention.key
            if place not in seen and choice.takes_key(mention.key):
                seen.add(place)
                chosen.append(mention)
        yield from _objects(bucket, chosen, choice, leave)


def current(
    bucket: Bucket, items: Iterable[S3Object], leave: Leave, *, unreadable: bool = False
) -> Generator[S3Object, None, None]:
    """Those with dated facts as they are now, in their order. `leave` is told of those that are gone.

    With `unreadable`, one that can't be asked for comes as it is: who reads it meets the error again.
    """

    def ask(item: S3Object) -> tuple[S3Object, S3Object | None]:
        if not item.dated:
            return item, item
        try:
            return item, head(bucket, bucket.holding(item), item.key, "The inventory")
        except EXPLAINED as error:
            if not unreadable or fault_of(error) is None:
                raise
            return item, item

    with closing(in_pool(items, ask)) as answers:
        for item, answer in answers:
            if answer is None:
                leave(item.name, GONE)
            else:
                yield answer


def _mentions(bucket: Bucket, address: str) -> Iterator[Mention]:
    parts = ADDRESS.fullmatch(address)
    if parts is None:
        raise ConfigError(f"The manifest {address} is no address of an object. Expected s3://bucket/key.")
    open_file = partial(_open, bucket)
    with open_file(parts[1], parts[2], "`manifest`") as file:
        if parts[2].endswith(".json"):
            inventory = Inventory.parse(file.read(), address)
            yield from inventory_mentions(inventory, open_file)
        else:
            yield from mentions(file, address)


def _open(bucket: Bucket, holding: str, key: str, who: str) -> BinaryIO:
    item = head(bucket, holding, key, who)
    if item is None:
        raise ConfigError(f"{who} names s3://{holding}/{key}, which is not there. Check the address.")
    return open_object(bucket, item, read_ahead=False)


def _objects(
    bucket: Bucket, chosen: Iterable[Mention], choice: Choice, leave: Leave
) -> Generator[S3Object, None, None]:
    """First those whose facts are mentioned. Archived ones are asked for, as they may be restored, and zips to open."""
    unknown = []
    for mention in chosen:
        key, size, modified, etag = mention.key, mention.size, mention.modified, mention.etag
        if size is None or modified is None or etag is None or mention.storage in ARCHIVES or choice.opens(key):
            unknown.append(mention)
        elif choice.takes_facts(key, size, modified):
            yield S3Object(key, size, modified, etag, _elsewhere(bucket, mention), dated=True)
    with closing(in_pool(unknown, partial(_fetch_facts, bucket))) as answers:
        for mention, item in answers:
            if item is None:
                _expect_dated(bucket, mention)
                leave(_name(bucket, mention), GONE)
            elif choice.takes_facts(item.key, item.size, item.last_modified):
                yield item


def _fetch_facts(bucket: Bucket, mention: Mention) -> tuple[Mention, S3Object | None]:
    return mention, head(bucket, mention.bucket or bucket.name, mention.key, mention.where)


def _elsewhere(bucket: Bucket, mention: Mention) -> str | None:
    return mention.bucket if mention.bucket != bucket.name else None


def _name(bucket: Bucket, mention: Mention) -> str:
    """As S3Object.name."""
    elsewhere = _elsewhere(bucket, mention)
    return f"s3://{elsewhere}/{mention.key}" if elsewhere else mention.key


def _expect_dated(bucket: Bucket, mention: Mention) -> None:
    """An inventory may mention what is gone since; a user's list is wrong then."""
    if not mention.dated:
        raise DataError(
            mention.where,
            f"names s3://{mention.bucket or bucket.name}/{mention.key}, which is not there. Take it off the list, or "
            "put the object there. (If the line is a header, call its column `uri` or `key`.)",
        )
