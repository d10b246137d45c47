"""What travels between the steps of a load. All frozen: a step makes new ones and changes none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vector_ingest.messages import StreamKey
from vector_ingest.template import Parts

# What is known of a chunk alone, in its metadata.
PAGE_FIELD = "_ab_page"
HEADINGS_FIELD = "_ab_headings"
START_FIELD = "_ab_start"
END_FIELD = "_ab_end"

Vector = npt.NDArray[np.float32]  # shape (dimensions,)
Mode = Literal["append", "overwrite", "append_dedup"]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of the configured catalog, as the destination sees it.

    `primary_key` holds paths into the record; it is empty where neither user nor source set one.
    `generation` and `minimum_generation` are None for clients that know no refreshes.
    """

    name: str
    namespace: str | None
    mode: Mode
    primary_key: tuple[tuple[str, ...], ...] = ()
    json_schema: Mapping[str, Any] = field(default_factory=dict)
    generation: int | None = None
    minimum_generation: int | None = None

    @property
    def key(self) -> StreamKey:
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Target:
    """Where one stream is written during one sync. Picklable: workers elsewhere use it."""

    stream: Stream
    live: str | None  # what readers query now; None before the first sync is whole
    write: str  # the same, or what is being filled beside it
    fingerprint: str  # embedding model and chunker: chunks of two fingerprints are never mixed


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document's text, in characters, and where it stands in what the text was taken from."""

    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A record on its way to the store. `deleted` means: take the document `id` out.

    `hash` (16 bytes) covers all that is stored of it: equal hash, equal document.
    `vector` is set where the vector comes from a field of the record; then the text is one chunk.
    `sections` are in the text's order, where the record brings some. `frame` is what is embedded around each chunk.
    `tenant` is set where tenants are kept apart. `line` is the record as it came, where refused ones are kept aside.
    """

    id: str
    text: str
    metadata: Mapping[str, Any]
    hash: bytes
    deleted: bool = False
    vector: Vector | None = None
    tenant: str | None = None
    line: bytes = b""
    sections: Sequence[Section] = ()
    frame: Parts = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text: `document.text[start:end]`, counted in characters.

    `text` is the same, but where a setting asks for the peer's chunks, which lack some white space.
    `hash` (16 bytes) covers what is embedded: equal hash and equal fingerprint, equal vector.
    """

    number: int  # 0, 1, … in the document's order
    text: str
    start: int
    end: int
    hash: bytes
    page: int | None = None
    headings: tuple[str, ...] = ()
    before: str = ""  # what is embedded before the text, and after it
    after: str = ""
    stores_embedded: bool = False  # whether the store keeps `before` and `after`, too
    places: bool = False  # whether it keeps `start` and `end`

    @property
    def embedded(self) -> str:
        return self.before + self.text + self.after if self.before or self.after else self.text

    @property
    def stored(self) -> str:
        return self.embedded if self.stores_embedded else self.text

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What a store keeps of this chunk beside the document's metadata."""
        found: dict[str, Any] = {}
        if self.page is not None:
            found[PAGE_FIELD] = self.page
        if self.headings:
            found[HEADINGS_FIELD] = list(self.headings)
        if self.places:
            found |= {START_FIELD: self.start, END_FIELD: self.end}
        return found


@dataclass(frozen=True, slots=True)
class Embedded:
    """A document ready to be stored. `vectors[i]` belongs to `chunks[i]`; None means: keep the stored one."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: Sequence[Vector | None]


@dataclass(frozen=True, slots=True)
class Known:
    """What a store already has of a document.

    `hash` is the document's, or None where it is not whole in `Target.write` at the present generation
    and so must be written even if unchanged. `chunks` are the chunk hashes whose vectors can be kept.
    """

    hash: bytes | None
    chunks: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Stored:
    """A chunk as it lies in a store (for scans)."""

    document_id: str
    number: int
    text: str | None
    metadata: Mapping[str, Any]
    hash: bytes
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that the store can't take, and why. Nothing of it was written; what was there stands."""

    document_id: str
    reason: str
