"""Which chunks need a new vector. Embedding is what costs, so nothing is embedded that is known already.

A document whose hash the store knows is not written at all. A chunk whose hash the store has for this document keeps
its vector (None). The rest is asked of the packer, each text once; it remembers what it met before in this sync.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from vector_ingest.document import Chunk, Document, Embedded, Known, Refused, Vector
from vector_ingest.errors import DataError

Pieces: TypeAlias = Sequence[tuple[Document, Sequence[Chunk]]]


def unchanged(document: Document, known: Mapping[str, Known]) -> bool:
    stored = known.get(document.id)
    return stored is not None and stored.hash == document.hash


def wanted(pieces: Pieces, known: Mapping[str, Known]) -> Mapping[bytes, str]:
    """The texts to embed, by the hashes of their chunks."""
    texts: dict[bytes, str] = {}
    for document, chunks in pieces:
        if document.vector is None:
            stored = kept(document, known)
            texts |= {chunk.hash: chunk.embedded for chunk in chunks if chunk.hash not in stored}
    return texts


def kept(document: Document, known: Mapping[str, Known]) -> frozenset[bytes]:
    """The hashes of the chunks whose vectors the store has."""
    stored = known.get(document.id)
    return stored.chunks if stored else frozenset()


def with_vectors(
    pieces: Pieces, vectors: Mapping[bytes, Vector], refused: Mapping[bytes, DataError]
) -> tuple[Sequence[Embedded], Sequence[Refused]]:
    """Each document with what was found for its chunks; and those of which the model refuses a chunk.

    Nothing is stored of a document that is refused in part: what the store has of it stays.
    """
    documents, out = [], []
    for document, chunks in pieces:
        reasons = [refused[chunk.hash] for chunk in chunks if chunk.hash in refused] if refused else []
        if reasons:
            out.append(Refused(document.id, _why(reasons)))
        else:
            documents.append(Embedded(document, chunks, _choose(document, chunks, vectors)))
    return documents, out


def _why(reasons: Sequence[DataError]) -> str:
    more = f" (and {len(reasons) - 1:,} more of its chunks)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}"


def _choose(document: Document, chunks: Sequence[Chunk], vectors: Mapping[bytes, Vector]) -> Sequence[Vector | None]:
    if document.vector is not None:
        return [document.vector] * len(chunks)
    return [vectors.get(chunk.hash) for chunk in chunks]
