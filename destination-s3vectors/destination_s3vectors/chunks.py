"""A batch of embedded documents, made into what is written: each chunk with its account and its metadata."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from destination_s3vectors.documents import NewChunk, NewDocument, StoredDocument
from destination_s3vectors.manifest import ChunkAccount, encode, short
from destination_s3vectors.metadata import DocumentMetadata, Layout, of_document
from destination_s3vectors.metadata_size import string_bytes
from destination_s3vectors.names import document_digest
from destination_s3vectors.render import unacceptable
from vector_ingest.document import Chunk, Embedded


@dataclass(frozen=True, slots=True)
class Rules:
    """What an index takes, and what is written into it. `model`: the fingerprint in its short form."""

    layout: Layout
    model: str
    metric: Literal["cosine", "euclidean"]
    dimensions: int


def compose(embedded: Embedded, stored: StoredDocument | None, stamp: str, rules: Rules) -> NewDocument:
    """Its chunks are at least one."""
    document, chunks = embedded.document, embedded.chunks
    longest = max(string_bytes(chunk.text) for chunk in chunks)
    where = f"document `{document.id}`"
    metadata = of_document(document.metadata, rules.layout, where, len(chunks), longest)
    # Those after the last piece of the overflow have all the same.
    distinct = min(len(chunks), metadata.pieces + 1)
    common = [short(metadata.of_chunk("", "", number)) for number in range(distinct)]
    accounts = [
        ChunkAccount(document.id, chunk.hash, rules.model, common[min(number, distinct - 1)], None, None)
        for number, chunk in enumerate(chunks)
    ]
    new = [NewChunk(account, vector) for account, vector in zip(accounts, embedded.vectors, strict=True)]
    return NewDocument(document_digest(document.id), document.hash, stamp, new, _renderer(metadata, chunks), stored)


def unacceptable_vectors(documents: Sequence[Embedded], rules: Rules) -> Mapping[str, str]:
    """Why the service would refuse a vector, by document id."""
    owners = [(each.document.id, vector) for each in documents for vector in each.vectors if vector is not None]
    reasons = unacceptable([vector for _, vector in owners], rules.metric, rules.dimensions)
    return {identity: reason for (identity, _), reason in zip(owners, reasons, strict=True) if reason is not None}


def _renderer(metadata: DocumentMetadata, chunks: Sequence[Chunk]) -> Callable[[int, ChunkAccount], bytes]:
    return lambda number, account: metadata.of_chunk(chunks[number].text, encode(account), number)
