"""One batch of documents made durable: what the pool runs, and what workers elsewhere can run."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Semaphore

from vector_ingest.document import Chunk, Document, Known, Refused, Stream, Target
from vector_ingest.embed.options import FromField
from vector_ingest.errors import DataError
from vector_ingest.forms.destination_config import TooLong
from vector_ingest.load.refused import Refusals
from vector_ingest.load.report import Counts
from vector_ingest.load.reuse import Pieces, unchanged, wanted, with_vectors
from vector_ingest.load.too_long import TRUNCATED, split, truncate
from vector_ingest.messages import Record
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.requests import Given
from vector_ingest.record.compose import ContentOf, compose, compose_with_vector, content_hash, tenant_of
from vector_ingest.record.identity import Identify, has_stable_ids
from vector_ingest.store import VectorStore

PER_DOCUMENT = 2048  # bytes of Python objects: document, chunk, metadata, their dicts
BYTES_PER_TOKEN = 3  # of the text of a chunk: English has four, less the gaps that chunks leave
TIMES_LINE = 3  # a line is in memory as text, as metadata and in the buffer for the store
AT_WORK = 4  # threads that cut and store at a time: each holds a connection, and Python runs one of them


@dataclass(frozen=True, slots=True)
class Steps:
    """What a load is made of. `brought`: where the records bring their vectors, and no model is asked."""

    store: VectorStore
    content_of: ContentOf
    split: Callable[[Document], Sequence[Chunk]]
    packer: Packer
    dimensions: int
    chunk_size: int  # tokens
    brought: FromField | None = None
    tenant_field: str | None = None  # a dotted path: where tenants are kept apart
    refusals: Refusals = field(default_factory=Refusals)
    too_long: TooLong = "split"
    at_work: Semaphore = field(default_factory=lambda: Semaphore(AT_WORK))


def compose_document(
    steps: Steps, record: Record, stream: Stream, identify: Identify, line: bytes
) -> tuple[Document, int]:
    """The record as a document, and how many characters had to be replaced. DataError: it can't be one."""
    tenant = tenant_of(record, steps.tenant_field) if steps.tenant_field else None
    try:
        if steps.brought is None:
            document, replaced = compose(record, stream, identify, steps.content_of)
        else:
            document, replaced = compose_with_vector(record, stream, identify, steps.content_of, steps.brought)
    except RecursionError as error:
        raise DataError(
            f"a record of stream `{stream.name}`",
            "expected objects and arrays within each other to a depth of some 200, found more. Leave the field out of "
            "`processing.text_fields` and `processing.metadata_fields`, or mend the source",
        ) from error
    if tenant is not None or steps.refusals.keeps:
        document = replace(document, tenant=tenant, line=line if steps.refusals.keeps else b"")
    return document, replaced


def weigh(steps: Steps, document: Document, record: Record) -> int:
    """Bytes that the document takes until it is stored, the vectors to come included."""
    if document.vector is not None:
        chunks, text = 1, len(document.text)  # the line was mostly the vector's digits
    else:
        chunks, text = 1 + len(document.text) // (BYTES_PER_TOKEN * steps.chunk_size), record.size
    return TIMES_LINE * text + len(document.line) + (PER_DOCUMENT + 4 * steps.dimensions) * chunks


def load_batch(steps: Steps, target: Target, documents: Sequence[Document]) -> Counts:
    """Make these documents durable. Ids are unique, and in no other batch in flight."""
    kept = [document for document in documents if not document.deleted]
    gone = [document for document in documents if document.deleted]
    with steps.at_work, steps.packer.bringing():
        known = steps.store.known(target, kept) if has_stable_ids(target.stream) else {}
        changed = [document for document in kept if not unchanged(document, known)]
        pieces, uncut = _split_all(changed, steps)
        asked = steps.packer.ask(wanted(pieces, known))
    pieces, given = _until_they_fit(steps, pieces, known, asked.result())
    embedded, unmade = with_vectors(pieces, given.vectors, given.refused)
    refused = [*uncut, *unmade]
    with steps.at_work:
        if embedded:
            refused += steps.store.replace(target, embedded)
        deleted = steps.store.delete(target, gone) if gone else 0
        steps.refusals.account_for(target.stream, refused, documents)
    chunks = sum(len(chunks) for document, chunks in pieces if document.vector is None)
    return Counts(
        unchanged=len(kept) - len(changed),
        written=len(changed) - len(refused),
        deleted=deleted,
        failed=len(refused),
        chunks=sum(len(each.chunks) for each in embedded),
        embedded=given.embedded,
        reused=chunks - given.embedded - len(given.refused),
        tokens=given.tokens,
        refused_texts=len(given.refused),
        truncated_texts=sum(len(each.document.metadata.get(TRUNCATED, ())) for each in embedded),
    )


def _until_they_fit(steps: Steps, pieces: Pieces, known: Mapping[str, Known], given: Given) -> tuple[Pieces, Given]:
    """Chunks that the model found too long are cut or shortened, and asked for again, as long as that helps."""
    shortened: dict[bytes, str] = {}
    while long := frozenset(digest for digest, error in given.refused.items() if error.too_long):
        if steps.too_long == "refuse":
            break
        if steps.too_long == "split":
            pieces = split(pieces, long)
        else:
            pieces, shorter = truncate(pieces, long, shortened)
            shortened |= shorter
        texts = wanted(pieces, known)
        refused = {digest: error for digest, error in given.refused.items() if digest in texts}
        given = dataclasses.replace(given, refused=refused)
        missing = {
            digest: shortened.get(digest, text)
            for digest, text in texts.items()
            if digest not in given.vectors and digest not in refused
        }
        if not missing:  # what is still refused is a single letter
            break
        given = given.plus(steps.packer.ask(missing).result())
    return pieces, given


def _split_all(documents: Sequence[Document], steps: Steps) -> tuple[Pieces, Sequence[Refused]]:
    """Each with its chunks; and those that can't be cut, since what is embedded around a chunk leaves no room."""
    pieces, refused = [], []
    for document in documents:
        try:
            pieces.append((document, _split(document, steps)))
        except DataError as error:
            refused.append(Refused(document.id, error.reason))
    return pieces, refused


def _split(document: Document, steps: Steps) -> Sequence[Chunk]:
    if document.vector is None:
        return steps.split(document)
    text = document.text
    return [Chunk(0, text, 0, len(text), content_hash(text.encode(), document.vector.tobytes()))]
