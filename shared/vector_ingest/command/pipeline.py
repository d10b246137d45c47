"""The configuration made into the parts of a load (model, splitter, store), and what the commands do with them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from vector_ingest.catalog import streams_of
from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.command.search import Found, Scope, Searchable, search
from vector_ingest.command.spec import parse_config
from vector_ingest.document import Stream, Target, Vector
from vector_ingest.embed.choice import embedder_from
from vector_ingest.embed.embedder import Embedder, Purpose
from vector_ingest.embed.form_pieces import Metered
from vector_ingest.embed.options import FromField
from vector_ingest.errors import ConfigError
from vector_ingest.form import unknown_properties, warn_of_unknown
from vector_ingest.forms.destination_config import DestinationConfig
from vector_ingest.load.batch import Steps
from vector_ingest.load.lines import Lines, RawInput, read_lines
from vector_ingest.load.load import THREADS, WAKE, Load
from vector_ingest.load.quarantine import Quarantine, Rejected, for_replay
from vector_ingest.load.refused import Refusals
from vector_ingest.load.report import Report
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.rate import Rate
from vector_ingest.record.fields import contents_from
from vector_ingest.store import VectorStore


class Store(VectorStore, Searchable, Protocol):
    @property
    def tenant_field(self) -> str | None:
        """A dotted path into the record: where tenants are kept apart."""

    @property
    def quarantine(self) -> Quarantine | None:
        """Where refused records are kept aside, if they can be."""

    def close(self) -> None: ...


Config = TypeVar("Config", bound=DestinationConfig)


@dataclass(frozen=True, slots=True)
class Connector(Generic[Config]):
    """A destination: its form, and how its store is made of configuration, dimensions and fingerprint."""

    config: type[Config]
    store_from: Callable[[Config, int, str], Store]


@dataclass(frozen=True, slots=True)
class Parts(Generic[Config]):
    config: Config
    embedder: Embedder
    splitter: Splitter
    store: Store

    def load(
        self, targets: Sequence[Target], emit: Callable[[bytes], None], report: Report, blocks: Iterable[Lines | None]
    ) -> None:
        """Load these lines; `emit` gets each state when all before it is durable."""
        with self._packer() as packer, ThreadPoolExecutor(THREADS, thread_name_prefix="load") as pool:
            embedding = self.config.embedding
            price = embedding.price_per_million_tokens if isinstance(embedding, Metered) else None
            report.about_model = lambda: packer.tally.told(price)
            Load(self._steps(packer), targets, emit, pool, report).run(blocks)

    def _packer(self) -> Packer:
        embedding, now = self.config.embedding, time.monotonic()
        if not isinstance(embedding, Metered):
            return Packer(self.embedder)
        return Packer(self.embedder, Rate(embedding.requests_per_minute, embedding.tokens_per_minute, now=now))

    def _steps(self, packer: Packer) -> Steps:
        processing, embedding = self.config.processing, self.config.embedding
        return Steps(
            store=self.store,
            fields=contents_from(processing, self.config.omit_raw_text),
            split=self.splitter.split_document,
            model=packer,
            dimensions=self.embedder.dimensions,
            chunk_size=processing.chunk_size,
            brought=embedding if isinstance(embedding, FromField) else None,
            tenant_field=self.store.tenant_field,
            refusals=Refusals(self.store.quarantine, self.config.most_skipped),
            too_long=self.config.too_long_texts,
        )


@contextmanager
def parts_from(connector: Connector[Config], raw: Mapping[str, Any]) -> Iterator[Parts[Config]]:
    """The parts, closed at the end. ConfigError: the configuration is not valid."""
    config = parse_config(connector.config, raw)
    warn_of_unknown(unknown_properties(raw, config))
    embedder = embedder_from(config.embedding)
    with ExitStack() as opened:
        opened.callback(embedder.close)
        splitter = splitter_from(config.processing, embedder.count_tokens, embedder.limits.tokens_per_text)
        fingerprint = f"{embedder.fingerprint} {splitter.fingerprint}"
        store = connector.store_from(config, embedder.dimensions, fingerprint)
        opened.callback(store.close)
        yield Parts(config, embedder, splitter, store)


def check(connector: Connector[Config], raw: Mapping[str, Any]) -> None:
    """Prove that a sync can work: one text embedded, the store's own proof. ConfigError or TransientError if not."""
    with parts_from(connector, raw) as parts:
        parts.store.check()
        if not isinstance(parts.config.embedding, FromField):
            embed_one(parts.embedder, "check")


def write_lines(
    connector: Connector[Config],
    raw: Mapping[str, Any],
    catalog: Mapping[str, Any],
    stdin: RawInput,
    emit: Callable[[bytes], None],
) -> None:
    """Load what comes on `stdin`; `emit` gets each state when all before it is durable."""
    with parts_from(connector, raw) as parts:
        targets = [parts.store.prepare(stream) for stream in streams_of(catalog)]
        parts.load(targets, emit, Report(), read_lines(stdin, WAKE))


def replay(connector: Connector[Config], raw: Mapping[str, Any], dry: bool) -> str:
    """Load what was refused and kept aside, once more; `dry`: only tell what it is. What becomes of it, in words."""
    with parts_from(connector, raw) as parts:
        quarantine = parts.store.quarantine
        if quarantine is None:
            raise ConfigError("This destination keeps no refused records.")
        kept = list(quarantine.entries())
        if dry:
            told = [f"{entry.stream.name}: {entry.id}: {entry.reason}" for entry in kept]
            return "\n".join([*told, f"{len(kept):,} refused records are kept in {quarantine.place}."])
        report = Report()
        _load_again(parts, kept, report)
        quarantine.forget_replayed(kept)
        failed = report.total().failed
        again = f", {failed:,} refused again and kept in {quarantine.place}" if failed else ""
        return f"{len(kept):,} records replayed: {len(kept) - failed:,} loaded{again}."


def _load_again(parts: Parts[Config], kept: Sequence[Rejected], report: Report) -> None:
    targets = [parts.store.prepare(for_replay(stream)) for stream in _streams_of(kept)]
    parts.load(targets, lambda _: None, report, (Lines([entry.line]) for entry in kept))


def _streams_of(kept: Sequence[Rejected]) -> Sequence[Stream]:
    """Each once, as it was when the last of them was refused."""
    return list({(entry.stream.namespace, entry.stream.name): entry.stream for entry in kept}.values())


def find(
    connector: Connector[Config], raw: Mapping[str, Any], scope: Scope, question: str, limit: int
) -> Sequence[Found]:
    """The stored chunks nearest to a question."""
    with parts_from(connector, raw) as parts:
        if isinstance(parts.config.embedding, FromField):
            raise ConfigError("The vectors came with the records, so no model is set that could embed a question.")
        return search(parts.store, scope, embed_one(parts.embedder, question, "query"), limit)


def embed_one(embedder: Embedder, text: str, purpose: Purpose = "document") -> Vector:
    vectors, _ = embedder.embed([text], purpose)
    if vectors.shape != (1, embedder.dimensions) or not np.isfinite(vectors).all():
        raise ConfigError(
            f"The embedding model {embedder.fingerprint} was expected to give {embedder.dimensions} dimensions, but "
            f"gave an array of shape {vectors.shape}. Set the embedding's dimensions to what the model has."
        )
    vector: Vector = vectors[0]
    return vector
