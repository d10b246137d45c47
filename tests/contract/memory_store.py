"""The vector store of the smallest size: what every other one must do, in a dict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target, Vector
from vector_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Row:
    stored: Stored
    vector: Vector
    document_hash: bytes
    generation: int


@dataclass(slots=True)
class Table:
    fingerprint: str
    rows: dict[str, list[Row]] = field(default_factory=dict)  # by document id


@dataclass(slots=True)
class MemoryStore:
    """`tables` outlives the store, as a database outlives a sync."""

    tables: dict[str, Table]
    fingerprint: str
    lock: Lock = field(default_factory=Lock)

    def check(self) -> None: ...

    def close(self) -> None: ...

    def prepare(self, stream: Stream) -> Target:
        name = f"{stream.namespace}.{stream.name}"
        live = self.tables.get(name)
        beside = stream.mode == "overwrite" or self._truncates(stream, live)
        write = f"{name}/{stream.generation}" if beside else name
        for other in [other for other in self.tables if other.startswith(f"{name}/")]:
            if other != write or stream.generation is None:
                del self.tables[other]
        if live and not beside and live.fingerprint != self.fingerprint and live.rows:
            raise ConfigError(f"{name} was filled by {live.fingerprint}, not {self.fingerprint}: refresh the stream.")
        self.tables.setdefault(write, Table(self.fingerprint))
        return Target(stream, name if live or not beside else None, write, self.fingerprint)

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        with self.lock:
            return {document.id: known for document in documents if (known := self._known(target, document.id))}

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        with self.lock:
            for embedded in documents:
                rows = [self._row(target, embedded, place) for place in range(len(embedded.chunks))]
                self.tables[target.write].rows[embedded.document.id] = rows
        return []

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        rows = self.tables[target.write].rows
        with self.lock:
            return sum(rows.pop(document.id, None) is not None for document in documents)

    def scan(self, target: Target) -> Iterator[Stored]:
        for rows in list(self.tables[target.write].rows.values()):
            yield from (row.stored for row in rows)

    def finish(self, target: Target, complete: bool) -> None:
        stream = target.stream
        if not complete:
            return
        if target.write != target.live and self._is_done_already(target):
            del self.tables[target.write]
            return
        if target.write != target.live:
            self.tables[f"{stream.namespace}.{stream.name}"] = self.tables.pop(target.write)
            return
        rows = self.tables[target.write].rows
        for identity in [identity for identity, kept in rows.items() if kept[0].generation < _least(stream)]:
            del rows[identity]

    def _truncates(self, stream: Stream, live: Table | None) -> bool:
        if not live or not live.rows or not stream.generation or stream.minimum_generation != stream.generation:
            return False
        return all(row.generation < stream.generation for rows in live.rows.values() for row in rows)

    def _is_done_already(self, target: Target) -> bool:
        live = self.tables[target.live].rows if target.live else {}
        kept = any(row.generation == target.stream.generation for rows in live.values() for row in rows)
        return target.stream.generation is not None and kept and not self.tables[target.write].rows

    def _places(self, target: Target) -> list[Table]:
        """Where stored vectors can be kept from, the nearer first."""
        names = dict.fromkeys(name for name in (target.write, target.live) if name in self.tables)
        return [self.tables[name] for name in names if self.tables[name].fingerprint == target.fingerprint]

    def _known(self, target: Target, identity: str) -> Known | None:
        places = [rows for table in self._places(target) if (rows := table.rows.get(identity))]
        if not places:
            return None
        mine = self.tables[target.write].rows.get(identity)
        whole = mine and mine[0].generation == (target.stream.generation or 0)
        digest = mine[0].document_hash if mine and whole else None
        return Known(digest, frozenset(row.stored.hash for rows in places for row in rows))

    def _row(self, target: Target, embedded: Embedded, place: int) -> Row:
        document, chunk, vector = embedded.document, embedded.chunks[place], embedded.vectors[place]
        if vector is None:
            vector = next(
                row.vector
                for table in self._places(target)
                for row in table.rows.get(document.id, [])
                if row.stored.hash == chunk.hash
            )
        stored = Stored(
            document.id,
            chunk.number,
            chunk.stored,
            {**document.metadata, **chunk.metadata},
            chunk.hash,
            target.fingerprint,
        )
        return Row(stored, vector, document.hash, target.stream.generation or 0)


def _least(stream: Stream) -> int:
    return stream.minimum_generation or 0
