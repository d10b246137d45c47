"""The configuration made into the parts of a load (model, splitter, store), and what the commands do with them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from destination_pgvector.config import Config
from destination_pgvector.search import Found, search
from destination_pgvector.store import PgvectorStore
from vector_ingest.catalog import streams_of
from vector_ingest.chunk import splitter_from
from vector_ingest.document import Vector
from vector_ingest.embed import Embedder, embedder_from
from vector_ingest.embed.options import FromField
from vector_ingest.errors import ConfigError
from vector_ingest.fields import document_of
from vector_ingest.lines import RawInput, read_lines
from vector_ingest.load import THREADS, WAKE, Load
from vector_ingest.load_batch import Steps
from vector_ingest.pace import Paced
from vector_ingest.report import Report
from vector_ingest.spec import parse_config


def store_from(config: Config, embedder: Embedder) -> PgvectorStore:
    splitter = splitter_from(config.processing, embedder.count_tokens, embedder.limits.tokens_per_text)
    fingerprint = f"{embedder.fingerprint} {splitter.fingerprint}"
    return PgvectorStore(config.indexing, embedder.dimensions, fingerprint, with_text=not config.omit_raw_text)


def steps_from(config: Config, embedder: Embedder, store: PgvectorStore) -> Steps:
    processing, embedding = config.processing, config.embedding
    return Steps(
        store=store,
        fields=lambda data, where: document_of(data, processing, where),
        split=splitter_from(processing, embedder.count_tokens, embedder.limits.tokens_per_text).split,
        embed=Paced(embedder).embed,
        dimensions=embedder.dimensions,
        chunk_size=processing.chunk_size,
        brought=embedding if isinstance(embedding, FromField) else None,
    )


def check(config: Config) -> None:
    """Prove that a sync can work, by one text embedded and one table made. ConfigError or TransientError if not."""
    embedder = embedder_from(config.embedding)
    store = store_from(config, embedder)
    try:
        store.check()
    finally:
        store.close()
    if not isinstance(config.embedding, FromField):
        embed_one(embedder, "check")


def write_lines(
    config: Mapping[str, Any], catalog: Mapping[str, Any], stdin: RawInput, emit: Callable[[bytes], None]
) -> None:
    """Load what comes on `stdin`; `emit` gets each state when all before it is durable."""
    options = parse_config(Config, config)
    streams = streams_of(catalog)
    embedder = embedder_from(options.embedding)
    store = store_from(options, embedder)
    try:
        targets = [store.prepare(stream) for stream in streams]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="load") as pool:
            load = Load(steps_from(options, embedder, store), targets, emit, pool, Report())
            load.run(read_lines(stdin, WAKE))
    finally:
        store.close()


def find(config: Config, stream: str, namespace: str | None, question: str, limit: int) -> Sequence[Found]:
    """The stored chunks nearest to a question."""
    if isinstance(config.embedding, FromField):
        raise ConfigError("The vectors came with the records, so no model is set that could embed a question.")
    embedder = embedder_from(config.embedding)
    return search(store_from(config, embedder), stream, namespace, embed_one(embedder, question), limit)


def embed_one(embedder: Embedder, text: str) -> Vector:
    vectors, _ = embedder.embed([text])
    if vectors.shape != (1, embedder.dimensions) or not np.isfinite(vectors).all():
        raise ConfigError(
            f"The embedding model {embedder.fingerprint} was expected to give {embedder.dimensions} dimensions, but "
            f"gave an array of shape {vectors.shape}. Set the embedding's dimensions to what the model has."
        )
    vector: Vector = vectors[0]
    return vector
