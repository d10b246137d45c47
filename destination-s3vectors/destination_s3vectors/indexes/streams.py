"""What is remembered of each stream: which models filled it, and which generation was last whole."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_s3vectors.indexes.account import Account
from destination_s3vectors.vectors.manifest import short
from destination_s3vectors.vectors.names import document_digest, stream_key
from vector_ingest.document import Stream
from vector_ingest.errors import ConfigError

NO_GENERATION = "0"
RUN = "run-"  # what the stamps of overwrites without generations begin with


@dataclass(frozen=True, slots=True)
class Begun:
    """`stamp` goes into the manifest of each document."""

    stamp: str
    replaces: bool  # all that is there, at the end
    first: bool  # nothing of the stream was there
    again: bool  # its generation is whole already


@dataclass(frozen=True, slots=True)
class Streams:
    account: Account
    fingerprint: str  # of the model and chunker that are set
    tenants_written: set[str] = field(default_factory=set)

    def begin(self, stream: Stream, model_found: Callable[[], str | None]) -> Begun:
        """`model_found`: the fingerprint, in its short form, of any vector of the stream that lies there.

        ConfigError: it was filled by another model, and this sync does not replace all of it.
        """
        entry = self._read(stream)
        replaces = stream.mode == "overwrite" or _truncates(stream, entry)
        models = entry.get("models", [])
        first = models != [self.fingerprint] and self._is_empty(stream, model_found, models, replaces)
        again = stream.generation is not None and entry.get("generation") == stream.generation
        stamp = _stamp(stream, str(entry.get("stamp") or ""), replaces, again)
        models = sorted({*([] if first else models), self.fingerprint})
        self._write(stream, {**entry, "models": models, "stamp": stamp})
        return Begun(stamp, replaces, first, again and stamp != entry.get("stamp"))

    def _is_empty(
        self, stream: Stream, model_found: Callable[[], str | None], models: list[str], replaces: bool
    ) -> bool:
        found = model_found()
        if found is None or replaces or (not models and found in (self.fingerprint, short(self.fingerprint))):
            return found is None
        raise ConfigError(
            f"The stream {stream.name} was filled by {' and '.join(models or [found])}, but set now is "
            f"{self.fingerprint}. Vectors of two models or chunk sizes can't be mixed. Refresh the stream and remove "
            "its records (or sync it once in overwrite mode) to embed all anew, or set the model and chunking back."
        )

    def models(self, stream: Stream) -> Sequence[str]:
        """Fingerprints of those that filled it."""
        models: Sequence[str] = self._read(stream).get("models", [])
        return models

    def needs_sweep(self, stream: Stream) -> bool:
        """Whether documents of generations below the minimum may be left."""
        return bool(stream.minimum_generation) and self._read(stream).get("swept", 0) < stream.minimum_generation

    def end(self, stream: Stream, replaced: bool, swept: bool) -> None:
        """The stream is whole. `replaced`: all of it; `swept`: nothing below the minimum generation is left."""
        entry = self._read(stream) | {"generation": stream.generation, "stamp": None}
        entry |= {"models": [self.fingerprint]} if replaced else {}
        entry |= {"swept": stream.minimum_generation or 0} if swept else {}
        self._write(stream, entry)

    def add_tenant(self, stream: Stream, tenant: str) -> None:
        """Durable before the tenant's first document: a sweep must find all."""
        key = f"tenant#{stream_key(stream.name, stream.namespace)}#{document_digest(tenant)}"
        if key not in self.tenants_written:
            self.account.write({key: {"tenant": tenant}})
            self.tenants_written.add(key)

    def tenants(self, stream: Stream) -> Iterator[str]:
        """Those that have or had an index for the stream's documents."""
        for _, entry in self.account.entries(f"tenant#{stream_key(stream.name, stream.namespace)}#"):
            yield entry["tenant"]

    def _read(self, stream: Stream) -> dict[str, Any]:
        return self.account.read(f"stream#{stream_key(stream.name, stream.namespace)}") or {}

    def _write(self, stream: Stream, entry: dict[str, Any]) -> None:
        named = {"stream": stream.name, "namespace": stream.namespace, **entry}
        self.account.write({f"stream#{stream_key(stream.name, stream.namespace)}": named})


def _stamp(stream: Stream, begun: str, replaces: bool, again: bool) -> str:
    """An overwrite of a generation that is whole replaces all once more, and goes on with what was `begun` and cut."""
    if stream.generation is None:
        return f"{RUN}{uuid.uuid4().hex}" if replaces else NO_GENERATION
    if stream.mode == "overwrite" and again:
        return begun if begun.startswith(RUN) else f"{RUN}{uuid.uuid4().hex}"
    return str(stream.generation)


def is_old(stream: Stream, stamp: str) -> Callable[[str], bool]:
    """Which stamps go when the stream is whole. `stamp`: this sync's."""
    if stream.mode == "overwrite":
        return lambda found: found != stamp
    minimum = stream.minimum_generation or 0
    return lambda found: found.startswith(RUN) or int(found) < minimum


def _truncates(stream: Stream, entry: dict[str, Any]) -> bool:
    """Not "minimum = generation, so truncate": some clients send 1/1 in every sync. Once that is whole, it stays."""
    if not stream.generation or stream.minimum_generation != stream.generation:
        return False
    return (entry.get("generation") or 0) < stream.generation
