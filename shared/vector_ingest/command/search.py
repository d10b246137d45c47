"""Finding what was loaded: the command `search` shows the chunks nearest to a question."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vector_ingest.errors import ConfigError
from vector_ingest.messages import dumps

SHOWN = 400  # characters of a chunk on the terminal


class Found(NamedTuple):
    """A stored chunk. `distance` is the store's: of cosine, 0 is the same direction, 1 a right angle."""

    document_id: str
    chunk_number: int
    distance: float
    text: str | None
    metadata: Mapping[str, Any]

    @property
    def source(self) -> str | None:
        """The object that the record came from, as file sources name it."""
        source = self.metadata.get("_ab_source_file_url") or self.metadata.get("document_key")
        return str(source) if source else None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is searched: a stream, and of one tenant where tenants are kept apart."""

    stream: str
    namespace: str | None = None
    tenant: str | None = None


def require_same_model(stream: str, models: Iterable[str], ours: str) -> None:
    """`models` filled the stream, `ours` is set: fingerprints of model and chunker, which is no matter of a question.

    ConfigError: distances between vectors of two models mean nothing, and may look like answers.
    """
    others = sorted({_embedder(model) for model in models} - {_embedder(ours)})
    if others:
        raise ConfigError(
            f"The stream `{stream}` was filled by the model {' and '.join(others)}, but set now is {_embedder(ours)}: "
            "vectors of two models can't be compared. Set the model that filled it, or refresh the stream."
        )


def _embedder(fingerprint: str) -> str:
    return fingerprint.rpartition(" ")[0] or fingerprint


def as_json(found: Sequence[Found]) -> str:
    return dumps([{**entry._asdict(), "source": entry.source} for entry in found]).decode()


def as_text(found: Sequence[Found]) -> str:
    if not found:
        return "Nothing is stored for this stream."
    return "\n\n".join(_paragraph(number, entry) for number, entry in enumerate(found, 1))


def _paragraph(number: int, found: Found) -> str:
    text = " ".join((found.text or "(the text is not stored)").split())
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    place = f"{found.source or found.document_id}, chunk {found.chunk_number}"
    return f"{number}. {place}, distance {found.distance:.3f}\n   {shown}"
