"""What every provider's answer must hold before it goes on: as many vectors as texts, right in size, finite."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vector_ingest.errors import ConfigError, DataError, TransientError

Vectors = npt.NDArray[np.float32]

# As said by OpenAI and vLLM: "maximum context length is 8192 tokens", text-embeddings-inference "must have less than
# 512 tokens", Ollama "input length exceeds maximum context length", Cohere "too many tokens", Bedrock "Too many input
# tokens", Voyage "does not fit into the model's context window", Cohere in Bedrock "expected maxLength: 2048".
_TOO_LONG = re.compile(
    r"context (length|window)|maxLength|less than \d+ tokens|input length|too many (input )?tokens|too long",
    re.IGNORECASE,
)


def checked(vectors: Sequence[npt.ArrayLike], texts: Sequence[str], dimensions: int, provider: str) -> Vectors:
    """As an array of shape (len(texts), dimensions). ConfigError: another dimension. DataError: not a number."""
    if len(vectors) != len(texts):
        raise TransientError(f"{provider} answered {len(texts)} texts with {len(vectors)} vectors")
    array = np.empty((len(texts), dimensions), np.float32)
    for row, vector in zip(array, vectors, strict=True):
        numbers = np.asarray(vector, np.float32)
        if numbers.shape != row.shape:
            raise ConfigError(
                f"{provider} answers with vectors of {numbers.size} dimensions, expected {dimensions}: "
                "change the model or `embedding.dimensions`"
            )
        row[:] = numbers
    # A sum is finite if all of it is, and faster to look at; a rare one that overflows is looked at closely.
    for index in np.flatnonzero(~np.isfinite(array.sum(axis=1))).tolist():
        if not np.isfinite(array[index]).all():
            raise DataError(excerpt(texts[index]), f"{provider} answered with a vector that holds NaN or infinity")
    return array


def excerpt(text: str) -> str:
    """How an error names a text."""
    return f"the text that begins with {text[:40]!r}"


def is_too_long(said: str) -> bool:
    """Whether a provider refuses a text for its length, by what it says."""
    return _TOO_LONG.search(said) is not None
