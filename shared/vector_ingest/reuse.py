"""Which chunks need a new vector. Embedding is what costs, so nothing is embedded that is known already.

A document whose hash the store knows is not written at all. A chunk whose hash the store has for this document keeps
its vector (None). A text met before in this sync has its vector here. Only the rest is embedded, each text once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from vector_ingest.document import Chunk, Document, Embedded, Known, Vector
from vector_ingest.embed import Usage

Embed = Callable[[Sequence[str]], tuple[npt.NDArray[np.float32], Usage]]
REMEMBERED = 16 * 1024 * 1024  # bytes of vectors: headers and footers repeat soon, if they repeat


@dataclass(frozen=True, slots=True)
class Reused:
    """`embedded` texts went to the model; `reused` chunks did not need to."""

    documents: Sequence[Embedded]
    embedded: int
    reused: int
    usage: Usage


class VectorCache:
    """The vectors of the texts met last, by chunk hash. Shared by the threads of a load."""

    def __init__(self, dimensions: int) -> None:
        self._room = max(1, REMEMBERED // (4 * dimensions + 300))  # 300: the entry's own objects
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = Lock()

    def find(self, hashes: Sequence[bytes]) -> dict[bytes, Vector]:
        with self._lock:
            found = {digest: self._vectors[digest] for digest in hashes if digest in self._vectors}
            for digest in found:
                self._vectors.move_to_end(digest)
        return found

    def keep(self, vectors: Mapping[bytes, Vector]) -> None:
        last = list(vectors.items())[-self._room :]
        copies = [(digest, vector.copy()) for digest, vector in last]  # a view would hold its whole batch in memory
        with self._lock:
            self._vectors.update(copies)
            while len(self._vectors) > self._room:
                self._vectors.popitem(last=False)


def unchanged(document: Document, known: Mapping[str, Known]) -> bool:
    stored = known.get(document.id)
    return stored is not None and stored.hash == document.hash


def add_vectors(
    pieces: Sequence[tuple[Document, Sequence[Chunk]]], known: Mapping[str, Known], cache: VectorCache, embed: Embed
) -> Reused:
    """Each document with its chunks gets its vectors: kept (None), its own, remembered, or from `embed`."""
    wanted = {
        chunk.hash: chunk.text
        for document, chunks in pieces
        if document.vector is None
        for chunk in chunks
        if chunk.hash not in _kept(document, known)
    }
    vectors = cache.find(list(wanted))
    missing = {digest: text for digest, text in wanted.items() if digest not in vectors}
    usage = Usage(0, 0)
    if missing:
        matrix, usage = embed(list(missing.values()))
        fresh = dict(zip(missing, matrix, strict=True))
        cache.keep(fresh)
        vectors |= fresh
    documents = [Embedded(document, chunks, _choose(document, chunks, vectors)) for document, chunks in pieces]
    chunk_count = sum(len(chunks) for document, chunks in pieces if document.vector is None)
    return Reused(documents, len(missing), chunk_count - len(missing), usage)


def _kept(document: Document, known: Mapping[str, Known]) -> frozenset[bytes]:
    stored = known.get(document.id)
    return stored.chunks if stored else frozenset()


def _choose(document: Document, chunks: Sequence[Chunk], vectors: Mapping[bytes, Vector]) -> Sequence[Vector | None]:
    if document.vector is not None:
        return [document.vector] * len(chunks)
    return [vectors.get(chunk.hash) for chunk in chunks]
