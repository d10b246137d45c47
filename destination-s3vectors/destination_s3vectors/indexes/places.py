"""Where a stream's documents go: the vector bucket, and an index for a stream, a namespace or a tenant."""

from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from destination_s3vectors.config import Indexing, PerNamespace, PerTenant
from destination_s3vectors.indexes import account
from destination_s3vectors.indexes.account import Account
from destination_s3vectors.indexes.index import (
    IndexFacts,
    IndexSettings,
    ensure_bucket,
    ensure_index,
    find_bucket,
    find_index,
    prove_right_to_create,
)
from destination_s3vectors.indexes.lease import GOOD_FOR
from destination_s3vectors.service import limits
from destination_s3vectors.service.client import THREADS, client_for
from destination_s3vectors.service.patience import PATIENCE
from destination_s3vectors.service.transport import Transport
from destination_s3vectors.vectors.documents import Place
from destination_s3vectors.vectors.metadata import Layout
from destination_s3vectors.vectors.names import Location, checked_kms_key, index_name, location_of, stream_key
from vector_ingest.aws.sign_in import session
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

DEFAULT_PREFIX = "airbyte"
ACCOUNT_THREADS = 2
ACCOUNT = "ingest--account"  # a plain name has no two hyphens, and a hash is longer


class Places:
    """Everything is made, or compared with what is there, when it is first asked for. Used by all threads."""

    def __init__(self, indexing: Indexing, layout: Layout, dimensions: int, patience: float = PATIENCE) -> None:
        """`patience`: seconds without success until a request is given up.

        ConfigError: an index can't have so many dimensions.
        """
        if dimensions > limits.DIMENSIONS:
            raise ConfigError(
                f"The embedding model gives {dimensions:,} dimensions: an index of S3 Vectors has at most "
                f"{limits.DIMENSIONS:,}. Choose a smaller model, or set fewer dimensions if it can shorten its vectors."
            )
        self._indexing = indexing
        self._patience = patience
        self._settings = IndexSettings(
            dimensions, indexing.distance_metric, layout.reserved_keys, self.location.kms_key_arn, self._tags
        )
        self._indexes: dict[str, IndexFacts] = {}
        self._lock = Lock()

    @cached_property
    def location(self) -> Location:
        """ConfigError: the address and what is set beside it don't agree."""
        indexing = self._indexing
        text = indexing.vector_bucket
        found = location_of(text if "://" in text else f"s3vectors://{text}")
        prefix = _agreed("index prefix", found.prefix or None, indexing.index_prefix) or DEFAULT_PREFIX
        key = indexing.kms_key_arn and checked_kms_key(indexing.kms_key_arn)
        return Location(found.bucket, prefix, _agreed("KMS key", found.kms_key_arn, key))

    @cached_property
    def transport(self) -> Transport:
        return Transport(self._client, THREADS, patience=self._patience)

    @cached_property
    def account(self) -> Account:
        facts = self._ensure(self._account_name, self._account_settings)
        return Account(self._transport_of_account, facts.arn, self._account_name)

    def account_if_there(self) -> Account | None:
        """Makes nothing. ConfigError: it is not there, and may not be made."""
        bucket = self.location.bucket
        is_there = find_bucket(self.transport, bucket) and find_index(self.transport, bucket, self._account_name)
        return self.account if is_there or not self._indexing.create_missing else None

    def prove_right_to_create(self) -> None:
        """ConfigError: indexes are to be created, and the right is missing. `account` must be there."""
        if self._indexing.create_missing and not self._indexes[self._account_name].created:
            prove_right_to_create(self.transport, self.location.bucket, self._account_name, self._account_settings)

    def of(self, stream: Stream, tenant: str | None = None) -> Place:
        """ConfigError: the index is not as the configuration has it, or can't be made."""
        facts = self._ensure(self.name_of(stream, tenant), self._settings)
        return Place(facts.arn, stream_key(stream.name, stream.namespace))

    def to_search(self, stream: Stream, tenant: str | None) -> Place:
        """Makes nothing. ConfigError: the stream was never loaded, or it is not said of which tenant."""
        if self.tenant_field and tenant is None:
            raise ConfigError(
                f"The stream `{stream.name}` has an index for each value of `{self.tenant_field}`: say which tenant's "
                "to search (--tenant)."
            )
        bucket, name = self.location.bucket, self.name_of(stream, tenant)
        if find_index(self.transport, bucket, name) is None:
            raise ConfigError(
                f"The stream `{stream.name}` was never loaded: the vector bucket `{bucket}` has no index `{name}` in "
                f"the region {self.transport.client.meta.region_name}. Check the names of stream and namespace, bucket "
                "and prefix, or load it first."
            )
        return self.of(stream, tenant)

    def name_of(self, stream: Stream, tenant: str | None = None) -> str:
        if isinstance(self._indexing.index_for, PerNamespace):
            return index_name(self.location.prefix, stream.namespace or "default", None, None)
        return index_name(self.location.prefix, stream.name, stream.namespace, tenant)

    @cached_property
    def _client(self) -> "S3VectorsClient":
        indexing = self._indexing
        signed_in = session(indexing.credentials, indexing.region_name)
        threads = THREADS + ACCOUNT_THREADS
        return client_for(signed_in, indexing.region_name, indexing.endpoint, indexing.use_fips, threads)

    @cached_property
    def _transport_of_account(self) -> Transport:
        """Of its own: a lease that waits behind 10 MB of vectors could run out."""
        return Transport(self._client, ACCOUNT_THREADS, patience=min(self._patience, GOOD_FOR))

    @property
    def tenant_field(self) -> str | None:
        chosen = self._indexing.index_for
        return chosen.tenant_field if isinstance(chosen, PerTenant) else None

    def close(self) -> None:
        for name in ("transport", "_transport_of_account"):
            if name in self.__dict__:
                getattr(self, name).close()

    @property
    def _account_name(self) -> str:
        return f"{self.location.prefix}.{ACCOUNT}"

    @property
    def _account_settings(self) -> IndexSettings:
        return account.settings(self.location.kms_key_arn, self._tags)

    @property
    def _tags(self) -> Mapping[str, str]:
        return {tag.key: tag.value for tag in self._indexing.tags}

    def _ensure(self, name: str, settings: IndexSettings) -> IndexFacts:
        with self._lock:
            if name not in self._indexes:
                may_create, bucket = self._indexing.create_missing, self.location.bucket
                if not self._indexes:
                    ensure_bucket(self.transport, self.location, self._tags, may_create)
                self._indexes[name] = ensure_index(self.transport, bucket, name, settings, may_create)
            return self._indexes[name]


def _agreed(what: str, of_address: str | None, beside: str | None) -> str | None:
    if of_address and beside and of_address != beside:
        raise ConfigError(f"Two values are set for the {what}: {of_address} in the address, and {beside}. Set it once.")
    return of_address or beside
