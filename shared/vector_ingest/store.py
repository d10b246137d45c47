"""What a vector store must do for the load loop. Implementations need not inherit.

`prepare` and `finish` run once a sync, in the main thread. `known`, `replace` and `delete` run in many threads on
disjoint documents; they are idempotent and return when the change is durable. Errors leave as one of the three
kinds of `vector_ingest.errors`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target


class VectorStore(Protocol):
    def check(self) -> None:
        """Prove that a sync can work: connection, rights (by doing), dimensions. ConfigError says what is missing."""

    def prepare(self, stream: Stream) -> Target:
        """Make the place to write to, or find it. ConfigError where what is there was made by another model."""

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        """What is stored of these documents, by id, in `target.write` or `target.live`; unknown ones are left out.

        A store may leave out the chunks of a document whose hash it has: nothing of it will be written.
        """

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        """Store each document whole, in place of all that was there of it. Ids are unique within one call.

        A reader never sees a document missing, doubled, or of two versions. A chunk whose vector is None keeps
        the vector stored for its hash, in `target.write` or `target.live`.
        """

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        """Take these documents out; how many of them were there."""

    def scan(self, target: Target) -> Iterator[Stored]:
        """Every chunk of `target.write`, in any order."""

    def finish(self, target: Target, complete: bool) -> None:
        """End the sync of one stream. `complete`: the source has sent all of it.

        Then `write` becomes what readers query, and generations below the minimum go. Otherwise what is live stays
        live, and what was filled beside it waits for the next attempt of the same generation.
        """
