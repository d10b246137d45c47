"""One batch of documents made durable: what the pool runs, and what workers elsewhere can run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vector_ingest.compose import Fields, content_hash
from vector_ingest.document import Chunk, Document, Target
from vector_ingest.embed.options import FromField
from vector_ingest.errors import DataError
from vector_ingest.identity import has_stable_ids
from vector_ingest.report import Counts
from vector_ingest.reuse import Embed, VectorCache, add_vectors, unchanged
from vector_ingest.store import VectorStore


@dataclass(frozen=True, slots=True)
class Steps:
    """What a load is made of. `brought`: where the records bring their vectors, and no model is asked."""

    store: VectorStore
    fields: Fields
    split: Callable[[str], Sequence[Chunk]]
    embed: Embed
    dimensions: int
    chunk_size: int  # tokens
    brought: FromField | None = None


def load_batch(steps: Steps, cache: VectorCache, target: Target, documents: Sequence[Document]) -> Counts:
    """Make these documents durable. Ids are unique, and in no other batch in flight."""
    kept = [document for document in documents if not document.deleted]
    gone = [document for document in documents if document.deleted]
    known = steps.store.known(target, kept) if has_stable_ids(target.stream) else {}
    changed = [document for document in kept if not unchanged(document, known)]
    pieces = [(document, _split(document, steps)) for document in changed]
    result = add_vectors(pieces, known, cache, steps.embed)
    refused = steps.store.replace(target, result.documents) if changed else []
    if refused:
        raise DataError(f"document `{refused[0].document_id}` of stream `{target.stream.name}`", refused[0].reason)
    return Counts(
        unchanged=len(kept) - len(changed),
        written=len(changed),
        deleted=steps.store.delete(target, gone) if gone else 0,
        chunks=sum(len(chunks) for _, chunks in pieces),
        embedded=result.embedded,
        reused=result.reused,
        tokens=result.usage.tokens,
    )


def _split(document: Document, steps: Steps) -> Sequence[Chunk]:
    if document.vector is None:
        return steps.split(document.text)
    text = document.text
    return [Chunk(0, text, 0, len(text), content_hash(text.encode(), document.vector.tobytes()))]
