"""One batch of documents made durable: what the pool runs, and what workers elsewhere can run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vector_ingest.compose import Fields, compose, compose_with_vector, content_hash, tenant_of
from vector_ingest.document import Chunk, Document, Refused, Stream, Target
from vector_ingest.embed.options import FromField
from vector_ingest.errors import DataError
from vector_ingest.identity import Identify, has_stable_ids
from vector_ingest.messages import Record
from vector_ingest.quarantine import Quarantine, Rejected
from vector_ingest.report import Counts
from vector_ingest.reuse import Embed, VectorCache, add_vectors, unchanged
from vector_ingest.store import VectorStore

PER_DOCUMENT = 2048  # bytes of Python objects: document, chunk, metadata, their dicts
BYTES_PER_TOKEN = 3  # of the text of a chunk: English has four, less the gaps that chunks leave
TIMES_LINE = 3  # a line is in memory as text, as metadata and in the buffer for the store


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
    tenant_field: str | None = None  # a dotted path: where tenants are kept apart
    quarantine: Quarantine | None = None

    @property
    def keeps_refused(self) -> bool:
        return self.quarantine is not None and self.quarantine.most > 0


def compose_document(
    steps: Steps, record: Record, stream: Stream, identify: Identify, line: bytes
) -> tuple[Document, int]:
    """The record as a document, and how many characters had to be replaced. DataError: it can't be one."""
    tenant = tenant_of(record, steps.tenant_field) if steps.tenant_field else None
    if steps.brought is None:
        document, replaced = compose(record, stream, identify, steps.fields)
    else:
        document, replaced = compose_with_vector(record, stream, identify, steps.fields, steps.brought)
    if tenant is not None or steps.keeps_refused:
        document = replace(document, tenant=tenant, line=line if steps.keeps_refused else b"")
    return document, replaced


def weigh(steps: Steps, document: Document, record: Record) -> int:
    """Bytes that the document takes until it is stored, the vectors to come included."""
    if document.vector is not None:
        chunks, text = 1, len(document.text)  # the line was mostly the vector's digits
    else:
        chunks, text = 1 + len(document.text) // (BYTES_PER_TOKEN * steps.chunk_size), record.size
    return TIMES_LINE * text + len(document.line) + (PER_DOCUMENT + 4 * steps.dimensions) * chunks


def load_batch(steps: Steps, cache: VectorCache, target: Target, documents: Sequence[Document]) -> Counts:
    """Make these documents durable. Ids are unique, and in no other batch in flight."""
    kept = [document for document in documents if not document.deleted]
    gone = [document for document in documents if document.deleted]
    known = steps.store.known(target, kept) if has_stable_ids(target.stream) else {}
    changed = [document for document in kept if not unchanged(document, known)]
    pieces = [(document, _split(document, steps)) for document in changed]
    result = add_vectors(pieces, known, cache, steps.embed)
    refused = steps.store.replace(target, result.documents) if changed else []
    deleted = steps.store.delete(target, gone) if gone else 0
    _account_for(steps, target, refused, documents)
    return Counts(
        unchanged=len(kept) - len(changed),
        written=len(changed) - len(refused),
        deleted=deleted,
        failed=len(refused),
        chunks=sum(len(chunks) for _, chunks in pieces),
        embedded=result.embedded,
        reused=result.reused,
        tokens=result.usage.tokens,
    )


def _account_for(steps: Steps, target: Target, refused: Sequence[Refused], documents: Sequence[Document]) -> None:
    """Refused documents are kept aside, or end the sync; what was kept of the others is out of date."""
    stream = target.stream
    if refused and not steps.keeps_refused:
        raise DataError(f"document `{refused[0].document_id}` of stream `{stream.name}`", refused[0].reason)
    if steps.quarantine is not None:
        lines = {document.id: document.line for document in documents}
        reasons = {each.document_id: each.reason for each in refused}
        steps.quarantine.keep([Rejected(stream, identity, why, lines[identity]) for identity, why in reasons.items()])
        steps.quarantine.forget(stream, [identity for identity in lines if identity not in reasons])


def _split(document: Document, steps: Steps) -> Sequence[Chunk]:
    if document.vector is None:
        return steps.split(document.text)
    text = document.text
    return [Chunk(0, text, 0, len(text), content_hash(text.encode(), document.vector.tobytes()))]
