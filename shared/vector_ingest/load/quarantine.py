"""Records that can't be stored, kept aside until somebody replays them. An implementation belongs to its store."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vector_ingest.document import Stream


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was refused. `id` is its document's, or stands for the line where the record gives none."""

    stream: Stream
    id: str
    reason: str
    line: bytes  # the whole RECORD message


class Quarantine(Protocol):
    """Used by all threads. An id has one entry: the last that was refused."""

    @property
    def most(self) -> int:
        """Refused records of one sync; one more stops it. With 0, none is kept."""

    @property
    def place(self) -> str:
        """Where they lie, in words for the user."""

    def keep(self, rejected: Sequence[Rejected]) -> None:
        """Durable when it returns."""

    def forget(self, stream: Stream, ids: Sequence[str]) -> None:
        """These documents were stored or deleted since: what was refused of them is out of date."""

    def forget_replayed(self, replayed: Sequence[Rejected]) -> None:
        """These entries were loaded, unless they were refused once more and kept anew."""

    def entries(self) -> Iterator[Rejected]:
        """All that is kept."""


def id_of_line(line: bytes) -> str:
    return f"Line_{hashlib.sha256(line).hexdigest()}"


def for_replay(stream: Stream) -> Stream:
    """The stream as replayed records are written: among what is there, and nothing is swept in the end."""
    return replace(stream, mode="append_dedup" if stream.primary_key else "append", minimum_generation=None)
