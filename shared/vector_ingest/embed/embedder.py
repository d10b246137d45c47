"""What every provider gives: vectors of texts, within limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from vector_ingest.allowances import Allowances

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

    def close(self) -> None:
        """Give back what it holds: those over HTTP hold connections."""
