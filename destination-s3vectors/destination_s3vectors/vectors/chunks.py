"""A batch of embedded documents, made into what is written: each chunk with its account and its metadata."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from destination_s3vectors.service.render import unacceptable
from destination_s3vectors.vectors.documents import NewChunk, NewDocument, StoredDocument
from destination_s3vectors.vectors.manifest import ChunkAccount, encode, short
from destination_s3vectors.vectors.metadata import DocumentMetadata, Layout, Members, Own, of_document, own_of
from destination_s3vectors.vectors.metadata_size import string_bytes
from destination_s3vectors.vectors.names import document_digest
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
    longest = max(string_bytes(chunk.stored) for chunk in chunks)
    where = f"document `{document.id}`"
    owns = [own_of(chunk.metadata) for chunk in chunks]
    metadata = of_document(document.metadata, rules.layout, where, len(chunks), longest, _largest(owns))

    @cache
    def common(number: int, own: Members) -> str:
        return short(metadata.of_chunk("", "", number, own))

    accounts = [
        # Chunks after the last piece of the overflow have all the same.
        ChunkAccount(
            document.id, chunk.hash, rules.model, common(min(number, metadata.pieces), own.members), None, None
        )
        for number, (chunk, own) in enumerate(zip(chunks, owns, strict=True))
    ]
    new = [NewChunk(account, vector) for account, vector in zip(accounts, embedded.vectors, strict=True)]
    return NewDocument(
        document_digest(document.id), document.hash, stamp, new, _renderer(metadata, chunks, owns), stored
    )


def unacceptable_vectors(documents: Sequence[Embedded], rules: Rules) -> Mapping[str, str]:
    """Why the service would refuse a vector, by document id."""
    owners = [(each.document.id, vector) for each in documents for vector in each.vectors if vector is not None]
    reasons = unacceptable([vector for _, vector in owners], rules.metric, rules.dimensions)
    return {identity: reason for (identity, _), reason in zip(owners, reasons, strict=True) if reason is not None}


def _largest(owns: Sequence[Own]) -> Own:
    """Room for the largest of them, and the names of all."""
    size = max(own.members.size for own in owns)
    names = frozenset(name for own in owns for name in own.names)
    return Own(Members(b"", size), max(own.most for own in owns), names)


def _renderer(
    metadata: DocumentMetadata, chunks: Sequence[Chunk], owns: Sequence[Own]
) -> Callable[[int, ChunkAccount], bytes]:
    return lambda number, account: metadata.of_chunk(
        chunks[number].stored, encode(account), number, owns[number].members
    )
