"""The store in a vector bucket of a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from destination_s3vectors.config import Config
from destination_s3vectors.indexes.account import Account
from destination_s3vectors.indexes.lease import Leases
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import VectorBucket
from tests.embedded_documents import DIMENSIONS
from vector_ingest.document import Stream

DOCS = Stream("docs", None, "append_dedup", (("id",),))


@contextmanager
def opened(
    bucket: VectorBucket, leases: Callable[[Account], Leases] = Leases, index_for: Any = None, **changes: Any
) -> Iterator[S3VectorsStore]:
    indexing = bucket.indexing(**({"index_for": index_for} if index_for else {}))
    config = Config.model_validate(
        {"embedding": {"mode": "fake"}, "processing": {"chunk_size": 100}, "indexing": indexing, **changes}
    )
    store = S3VectorsStore(config, DIMENSIONS, "model/1", leases)
    try:
        yield store
    finally:
        store.close()
