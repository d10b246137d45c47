"""Chunks that the model finds too long: cut in two, or embedded in part, until they fit."""

import dataclasses
from collections.abc import Mapping, Sequence

import regex

from vector_ingest.chunk.splitter import hash_of
from vector_ingest.document import Chunk, Document
from vector_ingest.load.reuse import Pieces

SHORTER = 0.75  # of a text that was too long; half would lose more than must be
TRUNCATED = "_ab_truncated_chunks"  # in the metadata: the numbers of the chunks whose vectors stand for their beginning


def split(pieces: Pieces, long: frozenset[bytes]) -> Pieces:
    """Each of these chunks as two, numbered anew. One that can't be cut stays."""
    return [(document, _numbered(chunks, long) if _any(chunks, long) else chunks) for document, chunks in pieces]


def truncate(
    pieces: Pieces, long: frozenset[bytes], embedded: Mapping[bytes, str]
) -> tuple[Pieces, Mapping[bytes, str]]:
    """The documents, and the shorter texts to embed for these chunks, by their new hashes.

    `embedded`: the texts of earlier rounds. A hash of its own says that the vector is not that of the whole text.
    """
    shorter: dict[bytes, str] = {}
    made: list[tuple[Document, Sequence[Chunk]]] = []
    for document, chunks in pieces:
        if not _any(chunks, long):
            made.append((document, chunks))
            continue
        out, numbers = [], set(document.metadata.get(TRUNCATED, ()))
        for chunk in chunks:
            text = embedded.get(chunk.hash, chunk.embedded)
            cut = _cut(text, SHORTER) if chunk.hash in long else None
            if cut is None:
                out.append(chunk)
                continue
            digest = hash_of(f"truncated\0{text[:cut]}")
            shorter[digest] = text[:cut].rstrip()
            numbers.add(chunk.number)
            out.append(dataclasses.replace(chunk, hash=digest))
        metadata = {**document.metadata, **({TRUNCATED: sorted(numbers)} if numbers else {})}
        made.append((dataclasses.replace(document, metadata=metadata), out))
    return made, shorter


def _any(chunks: Sequence[Chunk], long: frozenset[bytes]) -> bool:
    return any(chunk.hash in long for chunk in chunks)


def _numbered(chunks: Sequence[Chunk], long: frozenset[bytes]) -> Sequence[Chunk]:
    halves = [half for chunk in chunks for half in (_halves(chunk) if chunk.hash in long else [chunk])]
    return [dataclasses.replace(chunk, number=number) for number, chunk in enumerate(halves)]


def _halves(chunk: Chunk) -> Sequence[Chunk]:
    text = chunk.text
    cut = _cut(text, 0.5)
    if cut is None:
        return [chunk]
    first, second = text[:cut].rstrip(), text[cut:].lstrip()
    return [_part(chunk, first, chunk.start), _part(chunk, second, chunk.end - len(second))]


def _part(chunk: Chunk, text: str, start: int) -> Chunk:
    part = dataclasses.replace(chunk, text=text, start=start, end=start + len(text))
    return dataclasses.replace(part, hash=hash_of(part.embedded))


def _cut(text: str, share: float) -> int | None:
    """Where to cut, near this share of the text: before a word, else between two graphemes. None: it is but one."""
    aim = int(len(text) * share)
    space = regex.search(r"(?r)\S(?=\s+[^\s\p{M}\u200d])", text, endpos=aim + 2)
    if space and space.end() >= aim // 2 and text[space.end() :].strip():
        return int(space.end())
    ends = [match.end() for match in regex.finditer(r"\X", text, endpos=min(len(text), aim + 256))]
    fitting = [end for end in ends if end < len(text) and not text[end].isspace()]
    return min(fitting, key=lambda end: abs(end - aim), default=None)
