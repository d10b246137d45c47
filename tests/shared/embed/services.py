"""An embedder as a configuration makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from vector_ingest.command.spec import parse_config
from vector_ingest.embed.choice import embedder_from
from vector_ingest.embed.embedder import Embedder
from vector_ingest.embed.options import EmbeddingConfig


class Config(BaseModel):
    embedding: EmbeddingConfig


@contextmanager
def embedder(mode: str, **more: Any) -> Iterator[Embedder]:
    """Closed at the end: those over HTTP hold connections."""
    made = embedder_from(parse_config(Config, {"embedding": {"mode": mode, **more}}).embedding)
    try:
        yield made
    finally:
        made.close()
