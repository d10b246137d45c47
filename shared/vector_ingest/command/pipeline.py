"""A configuration made into a pipeline (model, splitter, store), and what the commands do with it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from vector_ingest.catalog import streams_of
from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.command.search import Found, Scope
from vector_ingest.command.spec import parse_config
from vector_ingest.document import Target, Vector
from vector_ingest.embed.choice import embedder_from
from vector_ingest.embed.embedder import Embedder
from vector_ingest.embed.form_pieces import Metered
from vector_ingest.embed.options import FromField
from vector_ingest.errors import ConfigError
from vector_ingest.form import unknown_properties, warn_of_unknown
from vector_ingest.forms.destination_config import DestinationConfig
from vector_ingest.load.batch import Steps
from vector_ingest.load.lines import Lines, RawInput, read_lines
from vector_ingest.load.load import THREADS, WAKE, Load
from vector_ingest.load.quarantine import Quarantine, for_replay
from vector_ingest.load.refused import Refusals
from vector_ingest.load.report import Counts, Report
from vector_ingest.packing.packer import Packer
from vector_ingest.packing.rate import Rate
from vector_ingest.record.fields import contents_from
from vector_ingest.store import VectorStore


class Store(VectorStore, Protocol):
    """What the commands ask of a store beside."""

    @property
    def tenant_field(self) -> str | None:
        """A dotted path into the record: where tenants are kept apart."""

    @property
    def quarantine(self) -> Quarantine:
        """Where refused records are kept aside."""

    def nearest(self, scope: Scope, question: Vector, limit: int) -> Sequence[Found]:
        """The `limit` nearest chunks, nearest first. ConfigError: the stream was never loaded."""

    def close(self) -> None: ...


Config = TypeVar("Config", bound=DestinationConfig)


@dataclass(frozen=True, slots=True)
class Connector(Generic[Config]):
    """A destination: its form, and how its store is made of configuration, dimensions and fingerprint."""

    config: type[Config]
    store_from: Callable[[Config, int, str], Store]


@dataclass(frozen=True, slots=True)
class Pipeline(Generic[Config]):
    """What a configuration is made into."""

    config: Config
    embedder: Embedder
    splitter: Splitter
    store: Store

    def load(
        self,
        targets: Sequence[Target],
        blocks: Iterable[Lines | None],
        emit: Callable[[bytes], None],
        most_skipped: int,
    ) -> Counts:
        """Load these lines; `emit` gets each state when all before it is durable."""
        with self._packer() as packer, ThreadPoolExecutor(THREADS, thread_name_prefix="load") as pool:
            embedding = self.config.embedding
            price = embedding.price_per_million_tokens if isinstance(embedding, Metered) else None
            report = Report(about_model=lambda: packer.tally.told(price))
            Load(self._steps(packer, most_skipped), targets, emit, pool, report).run(blocks)
            return report.total()

    def _packer(self) -> Packer:
        embedding, now = self.config.embedding, time.monotonic()
        if not isinstance(embedding, Metered):
            return Packer(self.embedder)
        return Packer(self.embedder, Rate(embedding.requests_per_minute, embedding.tokens_per_minute, now=now))

    def _steps(self, packer: Packer, most_skipped: int) -> Steps:
        processing, embedding = self.config.processing, self.config.embedding
        return Steps(
            store=self.store,
            content_of=contents_from(processing, self.config.omit_raw_text),
            split=self.splitter.split_document,
            packer=packer,
            dimensions=self.embedder.dimensions,
            chunk_size=processing.chunk_size,
            brought=embedding if isinstance(embedding, FromField) else None,
            tenant_field=self.store.tenant_field,
            refusals=Refusals(self.store.quarantine, most_skipped),
            too_long=self.config.too_long_texts,
        )


@contextmanager
def pipeline_from(connector: Connector[Config], raw: Mapping[str, Any]) -> Iterator[Pipeline[Config]]:
    """Closed at the end. ConfigError: the configuration is not valid."""
    config = parse_config(connector.config, raw)
    warn_of_unknown(unknown_properties(raw, config))
    embedder = embedder_from(config.embedding)
    with ExitStack() as opened:
        opened.callback(embedder.close)
        splitter = splitter_from(config.processing, embedder.count_tokens, embedder.limits.tokens_per_text)
        fingerprint = f"{embedder.fingerprint} {splitter.fingerprint}"
        store = connector.store_from(config, embedder.dimensions, fingerprint)
        opened.callback(store.close)
        yield Pipeline(config, embedder, splitter, store)


def check(connector: Connector[Config], raw: Mapping[str, Any]) -> None:
    """Prove that a sync can work: one text embedded, the store's own proof. ConfigError or TransientError if not."""
    with pipeline_from(connector, raw) as pipeline:
        pipeline.store.check()
        if not isinstance(pipeline.config.embedding, FromField):
            pipeline.embedder.embed(["check"])


def write_lines(
    connector: Connector[Config],
    raw: Mapping[str, Any],
    catalog: Mapping[str, Any],
    stdin: RawInput,
    emit: Callable[[bytes], None],
) -> None:
    """Load what comes on `stdin`; `emit` gets each state when all before it is durable."""
    with pipeline_from(connector, raw) as pipeline:
        targets = [pipeline.store.prepare(stream) for stream in streams_of(catalog)]
        pipeline.load(targets, read_lines(stdin, WAKE), emit, pipeline.config.most_skipped)


def replay(connector: Connector[Config], raw: Mapping[str, Any], dry: bool) -> str:
    """Load what was refused and kept aside, once more; `dry`: only tell what it is. What becomes of it, in words.

    None is passed over, whatever the form says of refused records: it would be forgotten with those that are loaded.
    """
    with pipeline_from(connector, raw) as pipeline:
        quarantine = pipeline.store.quarantine
        kept = list(quarantine.entries())
        if dry:
            told = [f"{entry.stream.name}: {entry.id}: {entry.reason}" for entry in kept]
            return "\n".join([*told, f"{len(kept):,} refused records are kept in {quarantine.place}."])
        streams = {entry.stream.key: entry.stream for entry in kept}  # each as it was when its last one was refused
        targets = [pipeline.store.prepare(for_replay(stream)) for stream in streams.values()]
        lines = (Lines([entry.line]) for entry in kept)
        failed = pipeline.load(targets, lines, lambda _: None, most_skipped=0).failed
        quarantine.forget_replayed(kept)
        again = f", {failed:,} refused again and kept in {quarantine.place}" if failed else ""
        return f"{len(kept):,} records replayed: {len(kept) - failed:,} loaded{again}."


def find(
    connector: Connector[Config], raw: Mapping[str, Any], scope: Scope, question: str, limit: int
) -> Sequence[Found]:
    """The stored chunks nearest to a question."""
    with pipeline_from(connector, raw) as pipeline:
        if isinstance(pipeline.config.embedding, FromField):
            raise ConfigError("The vectors came with the records, so no model is set that could embed a question.")
        vectors, _ = pipeline.embedder.embed([question], "query")
        return pipeline.store.nearest(scope, vectors[0], limit)
