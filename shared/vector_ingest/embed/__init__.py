"""Texts to vectors. A provider is one module here with one class, and one line in `embedder_from`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.options import (
    AzureOpenAI,
    Bedrock,
    Cohere,
    EmbeddingConfig,
    Fake,
    FromField,
    Local,
    OpenAI,
    OpenAICompatible,
    Voyage,
)

# What a text is for. Some models make other vectors of a question than of the texts that answer it.
Purpose = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. None: the provider sets no such limit."""

    texts: int
    tokens: int | None  # of all texts of a request together
    tokens_per_text: int | None
    at_once: int = 32  # requests in flight: fewer where the work is done in this process


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer says of one limit: its size a minute, what is left of it, the seconds until it is whole again."""

    limit: float
    remaining: float
    reset: float | None = None


@dataclass(frozen=True, slots=True)
class Allowances:
    """Those of requests and tokens, as far as the provider tells them."""

    requests: Allowance | None = None
    tokens: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost, as the provider reported it, else as counted here; and what it leaves."""

    tokens: int
    requests: int
    allowances: Allowances | None = None


class Embedder(Protocol):
    """`embed` may be called from many threads at once, each time within `limits`."""

    fingerprint: str  # provider, model, dimensions, parameters: equal fingerprints, comparable vectors
    dimensions: int
    limits: Limits

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[npt.NDArray[np.float32], Usage]:
        """Vectors of shape (len(texts), dimensions), in the order of the texts, all finite.

        ConfigError: wrong key, model or dimension. TransientError: throttled or unreachable past the retries.
        DataError: a text that the provider refuses.
        """

    def count_tokens(self, text: str) -> int:
        """Tokens of the model's own tokenizer; more than that where it is not known (`tokens.unknown_tokens`)."""


def embedder_from(config: EmbeddingConfig) -> Embedder:
    """The provider that the configuration chooses. Its client is imported only here: `openai` alone takes a second."""
    match config:
        case OpenAI():
            from vector_ingest.embed.openai import OpenAIEmbedder

            return OpenAIEmbedder(config)
        case AzureOpenAI():
            from vector_ingest.embed.azure_openai import AzureOpenAIEmbedder

            return AzureOpenAIEmbedder(config)
        case OpenAICompatible():
            from vector_ingest.embed.openai_compatible import OpenAICompatibleEmbedder

            return OpenAICompatibleEmbedder(config)
        case Cohere():
            from vector_ingest.embed.cohere import CohereEmbedder

            return CohereEmbedder(config)
        case Voyage():
            from vector_ingest.embed.voyage import VoyageEmbedder

            return VoyageEmbedder(config)
        case Bedrock():
            from vector_ingest.embed.bedrock import BedrockEmbedder

            return BedrockEmbedder(config)
        case Local():
            return _local_embedder(config)
        case FromField():
            from vector_ingest.embed.from_field import FromFieldEmbedder

            return FromFieldEmbedder(config)
        case Fake():
            from vector_ingest.embed.fake import FakeEmbedder

            return FakeEmbedder()


def _local_embedder(config: Local) -> Embedder:
    if config.model_path:
        from vector_ingest.embed.onnx_folder import OnnxEmbedder

        return OnnxEmbedder(config)
    from vector_ingest.embed.local import LocalEmbedder

    return LocalEmbedder(config)
