"""Documents as a store gets them: with chunks, and vectors that can be told from the chunks' texts."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from vector_ingest.document import Chunk, Document, Embedded, Vector

DIMENSIONS = 3


def document(
    identity: str,
    *texts: str,
    keep: Sequence[str] = (),
    vector: Vector | None = None,
    tenant: str | None = None,
    **metadata: Any,
) -> Embedded:
    """A document of these chunks. The vectors of the texts in `keep` are those that are stored; `vector`: of all."""
    chunks = [Chunk(number, text, 0, len(text), digest(text)) for number, text in enumerate(texts)]
    vectors = [None if text in keep else vector_of(text) if vector is None else vector for text in texts]
    whole = Document(identity, "\n".join(texts), metadata, digest(repr((texts, metadata))), tenant=tenant)
    return Embedded(whole, chunks, vectors)


def vector_of(text: str) -> Vector:
    return np.frombuffer(digest(text)[:DIMENSIONS], np.uint8).astype(np.float32) + 1


def digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def named(*ids: str) -> list[Document]:
    """To look up or to delete."""
    return [Document(identity, "", {}, b"") for identity in ids]
