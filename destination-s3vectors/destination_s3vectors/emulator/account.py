"""The buckets and indexes of one account in one Region, and who may change them when.

One lock for what exists, one for each index's vectors. A write is in the file before it is in memory, and in memory
before it is answered: every read sees all that was acknowledged.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from destination_s3vectors.emulator.errors import ServiceError, not_found
from destination_s3vectors.emulator.index_view import IndexView
from destination_s3vectors.emulator.names import Owner
from destination_s3vectors.emulator.records import Records
from destination_s3vectors.emulator.storage import Storage
from destination_s3vectors.emulator.vectors import Vectors
from destination_s3vectors.service import limits

Mode = Literal["CLASSIC", "ENHANCED"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """`created`: seconds since 1970. `mode` is that of new indexes."""

    name: str
    arn: str
    created: int
    encryption: Mapping[str, str]
    mode: Mode
    policy: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_be_classic(self) -> bool:
        """Whether it is old enough to make CLASSIC indexes, and to turn ENHANCED ones back."""
        return self.created < limits.ENHANCED_SINCE.timestamp()


@dataclass(frozen=True, slots=True)
class Settings:
    """All of an index but its vectors. `number` marks its rows in the file; `text`: metadata key -> language.

    `uid` is never given twice, so it tells an index from a later one of the same name.
    """

    number: int
    uid: str
    bucket: str
    name: str
    arn: str
    created: int
    dimension: int
    metric: Literal["cosine", "euclidean"]
    encryption: Mapping[str, str]
    mode: Mode
    non_filterable: Sequence[str]
    text: Mapping[str, str | None]
    tags: Mapping[str, str]


class Index:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.vectors = Vectors(settings.dimension)
        self.lock = threading.RLock()

    def view(self) -> IndexView:
        """The index at this moment. To be called while the lock is held, to be read without it."""
        snapshot = self.vectors.snapshot()
        return IndexView(
            uid=self.settings.uid,
            dimension=self.settings.dimension,
            metric=self.settings.metric,
            mode=self.settings.mode,
            non_filterable=frozenset(self.settings.non_filterable),
            text_keys=self.settings.text,
            keys=snapshot.keys,
            vectors=snapshot.matrix,
            metadata=snapshot.metadata,
        )


class Account:
    def __init__(self, owner: Owner, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        """With all that the file of `storage` holds. `clock` says when things are made, in seconds since 1970."""
        self.owner = owner
        self._clock = clock
        self.lock = threading.RLock()
        self._storage = storage
        self._buckets: dict[str, Bucket] = {}
        self._indexes: dict[str, Index] = {}
        self._load()

    def bucket(self, arn: str) -> Bucket:
        found = self._buckets.get(arn)
        if found is None:
            raise not_found("The specified vector bucket could not be found")
        return found

    def index(self, arn: str) -> Index:
        found = self._indexes.get(arn)
        if found is None:
            raise _no_index()
        return found

    @contextmanager
    def locked(self, arn: str) -> Iterator[Index]:
        """The index, with no other thread in it."""
        with self.still(self.index(arn)) as index:
            yield index

    @contextmanager
    def still(self, index: Index) -> Iterator[Index]:
        """This index, with no other thread in it: not found if it was deleted, also if another has its name now."""
        with index.lock:
            if self._indexes.get(index.settings.arn) is not index:
                raise _no_index()
            yield index

    def has_bucket(self, arn: str) -> bool:
        return arn in self._buckets

    def has_index(self, arn: str) -> bool:
        return arn in self._indexes

    def buckets(self) -> list[Bucket]:
        with self.lock:
            return sorted(self._buckets.values(), key=lambda bucket: bucket.name)

    def indexes(self, bucket: str) -> list[Settings]:
        """Of the bucket of that name."""
        with self.lock:
            found = [index.settings for index in self._indexes.values() if index.settings.bucket == bucket]
        return sorted(found, key=lambda settings: settings.name)

    def save_bucket(self, bucket: Bucket) -> None:
        self._storage.save("bucket", bucket.arn, asdict(bucket))
        self._buckets[bucket.arn] = bucket

    def drop_bucket(self, bucket: Bucket) -> None:
        self._storage.drop_bucket(bucket.arn)
        del self._buckets[bucket.arn]

    def save_index(self, settings: Settings) -> None:
        """A new index, or new settings of one that is locked by the caller."""
        known = self._indexes.get(settings.arn)
        self._storage.save("index", settings.arn, asdict(settings))
        if known is None:
            self._indexes[settings.arn] = Index(settings)
        else:
            known.settings = settings

    def drop_index(self, arn: str) -> None:
        with self.lock, self.locked(arn) as index:
            self._storage.drop_index(arn, index.settings.number)
            del self._indexes[arn]

    def put(self, index: Index, records: Records) -> None:
        """The index is locked by the caller."""
        sequences = index.vectors.sequences(records.keys)
        self._storage.put(index.settings.number, sequences, records)
        index.vectors.put(records, sequences)

    def delete(self, index: Index, keys: Sequence[str]) -> None:
        """The index is locked by the caller."""
        self._storage.delete(index.settings.number, index.vectors.known(keys))
        index.vectors.delete(keys)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock())

    def next_number(self) -> int:
        return max((index.settings.number for index in self._indexes.values()), default=0) + 1

    def tags(self, arn: str) -> Mapping[str, str]:
        return self._tagged(arn).tags

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        resource = self._tagged(arn)
        if isinstance(resource, Bucket):
            self.save_bucket(replace(resource, tags=tags))
        else:
            with self.locked(arn) as index:
                self.save_index(replace(index.settings, tags=tags))

    def _tagged(self, arn: str) -> Bucket | Settings:
        if arn in self._buckets:
            return self._buckets[arn]
        if arn in self._indexes:
            return self._indexes[arn].settings
        raise not_found("The specified resource could not be found")

    def _load(self) -> None:
        for record in self._storage.load("bucket"):
            bucket = Bucket(**record)
            self._buckets[bucket.arn] = bucket
        for record in self._storage.load("index"):
            index = Index(Settings(**record))
            for sequences, records in self._storage.rows(index.settings.number, index.settings.dimension):
                index.vectors.put(records, sequences)
            self._indexes[index.settings.arn] = index


def new_uid() -> str:
    return uuid.uuid4().hex


def _no_index() -> ServiceError:
    return not_found("The specified index could not be found")
