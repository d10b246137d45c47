"""A record becomes a document: its id, the text to embed, the metadata, and a hash that shows whether it changed."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from vector_ingest.document import Document, Stream
from vector_ingest.embed.from_field import vector_of
from vector_ingest.embed.options import FromField
from vector_ingest.errors import DataError
from vector_ingest.messages import Record, dumps
from vector_ingest.record.fields import RECORD_ID_FIELD, STREAM_FIELD, Content
from vector_ingest.record.identity import Identify, is_keyed, key_of
from vector_ingest.record.storable import is_storable, storable, storable_json

DELETED = "_ab_cdc_deleted_at"
HASH_BYTES = 16
ContentOf = Callable[[Mapping[str, Any], str], Content]  # of record data, and where it is for an error's text


def compose(record: Record, stream: Stream, identify: Identify, content_of: ContentOf) -> tuple[Document, int]:
    """The document, and how many characters had to be replaced because no store can hold them."""
    if _is_gone(record, stream):
        return Document(identify(record.data), "", {}, b"", deleted=True), 0
    identity = identify(record.data)
    content = content_of(record.data, f"a record of stream `{stream.name}`")
    text, in_text = storable(content.text)
    metadata = content.metadata
    source = f"{stream.namespace}_{stream.name}" if stream.namespace else stream.name
    metadata[STREAM_FIELD] = source
    if is_keyed(stream):
        metadata[RECORD_ID_FIELD] = f"{source}_{key_of(stream, record.data)}"
    dumped = dumps(metadata)
    clean, in_metadata = storable_json(metadata, dumped)
    frame, parts = content.frame, [text.encode(), dumped]
    if content.sections or frame or content.keeps:
        frame = tuple(storable(part)[0] if isinstance(part, str) else part for part in frame)
        parts.append(repr((content.sections, frame, content.keeps)).encode())
    document = Document(identity, text, clean, content_hash(*parts), sections=content.sections, frame=frame)
    return document, in_text + in_metadata


def compose_with_vector(
    record: Record, stream: Stream, identify: Identify, content_of: ContentOf, option: FromField
) -> tuple[Document, int]:
    """The same where the record brings its vector, which is then no part of text and metadata."""
    if _is_gone(record, stream):
        return compose(record, stream, identify, content_of)
    vector = vector_of(record.data, option, f"a record of stream `{stream.name}`")
    del record.data[option.field_name]
    document, replaced = compose(record, stream, identify, content_of)
    digest = content_hash(document.hash, vector.tobytes())
    return Document(document.id, document.text, document.metadata, digest, vector=vector), replaced


def _is_gone(record: Record, stream: Stream) -> bool:
    """Whether it says that its document was deleted. In append it is a row as others are."""
    return stream.mode != "append" and record.data.get(DELETED) is not None


def tenant_of(record: Record, field: str) -> str:
    """The value at a dotted path. DataError: there is none, or one that could be stored only as another tenant's."""
    value: Any = record.data
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None or value == "":
        raise DataError(
            f"a record of stream `{record.stream}`",
            f"expected its tenant in the field `{field}`, found none. Choose a field that every record has",
        )
    tenant = value if isinstance(value, str) else dumps(value).decode()
    if not is_storable(tenant):
        raise DataError(
            f"a record of stream `{record.stream}`",
            f"expected a tenant that can be stored in the field `{field}`, found {tenant[:60]!r}: NUL or a lone "
            "surrogate is in it. Mend the source",
        )
    return tenant


def content_hash(*parts: bytes) -> bytes:
    """16 bytes; each part's length counts, so that moving text from one part to the next changes the hash."""
    measured = [piece for part in parts for piece in (len(part).to_bytes(8, "little"), part)]
    return hashlib.blake2b(b"".join(measured), digest_size=HASH_BYTES).digest()
