"""Finding what was loaded: the command `search` shows the chunks nearest to a question."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from vector_ingest.document import Vector
from vector_ingest.messages import dumps

Nearest = tuple[str, int, float, str | None, Mapping[str, Any] | None]  # id, chunk number, distance, text, metadata
SHOWN = 400  # characters of a chunk on the terminal


@dataclass(frozen=True, slots=True)
class Found:
    """`distance` is the store's, by default the cosine distance: 0 the same direction, 1 at a right angle."""

    document_id: str
    chunk_number: int
    distance: float
    source: str | None
    text: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is searched: a stream, and of one tenant where tenants are kept apart."""

    stream: str
    namespace: str | None = None
    tenant: str | None = None


class Searchable(Protocol):
    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Nearest]:
        """The `limit` nearest chunks, nearest first. ConfigError: the stream was never loaded."""


def search(store: Searchable, scope: Scope, question: Vector, limit: int) -> Sequence[Found]:
    """The `limit` nearest chunks, nearest first. ConfigError: the stream was never loaded."""
    return [
        Found(identity, number, distance, _source(metadata or {}), text, metadata or {})
        for identity, number, distance, text, metadata in store.nearest(scope, question, limit)
    ]


def as_json(found: Sequence[Found]) -> str:
    return dumps([asdict(entry) for entry in found]).decode()


def as_text(found: Sequence[Found]) -> str:
    if not found:
        return "Nothing is stored for this stream."
    return "\n\n".join(_paragraph(number, entry) for number, entry in enumerate(found, 1))


def _paragraph(number: int, found: Found) -> str:
    text = " ".join((found.text or "(the text is not stored)").split())
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    place = f"{found.source or found.document_id}, chunk {found.chunk_number}"
    return f"{number}. {place}, distance {found.distance:.3f}\n   {shown}"


def _source(metadata: Mapping[str, Any]) -> str | None:
    """The object that a record came from, as file sources name it."""
    source = metadata.get("_ab_source_file_url") or metadata.get("document_key")
    return str(source) if source else None
