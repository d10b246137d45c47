"""The store in a vector bucket of a test, and documents for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np

from destination_s3vectors.account import Account
from destination_s3vectors.config import Config
from destination_s3vectors.lease import Leases
from destination_s3vectors.store import S3VectorsStore
from tests.conftest import VectorBucket
from vector_ingest.document import Chunk, Document, Embedded, Stream

DOCS = Stream("docs", None, "append_dedup", (("id",),))


@contextmanager
def opened(
    bucket: VectorBucket, leases: Callable[[Account], Leases] = Leases, index_for: Any = None, **changes: Any
) -> Iterator[S3VectorsStore]:
    indexing = bucket.indexing(**({"index_for": index_for} if index_for else {}))
    config = Config.model_validate(
        {"embedding": {"mode": "fake"}, "processing": {"chunk_size": 100}, "indexing": indexing, **changes}
    )
    store = S3VectorsStore(config, 3, "model/1", leases)
    try:
        yield store
    finally:
        store.close()


def document(identity: str, *texts: str, tenant: str | None = None) -> Embedded:
    chunks = [Chunk(number, text, 0, len(text), _digest(text)) for number, text in enumerate(texts)]
    vectors = [np.frombuffer(_digest(text)[:3], np.uint8).astype(np.float32) + 1 for text in texts]
    return Embedded(Document(identity, "", {}, _digest(repr(texts)), tenant=tenant), chunks, vectors)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
