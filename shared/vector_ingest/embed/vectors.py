"""What every provider's answer must hold before it goes on: as many vectors as texts, right in size, finite."""

import re
from binascii import a2b_base64
from collections.abc import Sequence
from typing import Any

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


def checked(vectors: Any, texts: Sequence[str], dimensions: int, provider: str) -> Vectors:
    """As an array of shape (len(texts), dimensions). `vectors` is what the answer holds in their place, whatever it is.

    ConfigError: another dimension. DataError: NaN or infinity. TransientError: no numbers, or not one for each text.
    """
    if not isinstance(vectors, list):
        raise TransientError(f"{provider} sent an answer that can't be read: expected a list of vectors")
    if len(vectors) != len(texts):
        raise TransientError(f"{provider} answered {len(texts)} texts with {len(vectors)} vectors")
    array = np.empty((len(texts), dimensions), np.float32)
    with np.errstate(over="ignore"):  # too large for float32 is infinite, and found below
        for row, vector in zip(array, vectors, strict=True):
            numbers = _numbers(vector, provider)
            if numbers.size != dimensions:
                raise ConfigError(
                    f"{provider} answers with vectors of {numbers.size} dimensions, expected {dimensions}: "
                    "change the model or `embedding.dimensions`"
                )
            row[:] = numbers
    return finite(array, texts, provider)


def finite(vectors: Vectors, texts: Sequence[str], provider: str) -> Vectors:
    """The same vectors. DataError: one holds NaN or infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = vectors.sum(axis=1)
    # A sum is finite if all of it is, and faster to look at; a rare one that overflows is looked at closely.
    for index in np.flatnonzero(~np.isfinite(sums)).tolist():
        if not np.isfinite(vectors[index]).all():
            raise DataError(excerpt(texts[index]), f"{provider} answered with a vector that holds NaN or infinity")
    return vectors


def _numbers(vector: Any, provider: str) -> npt.NDArray[np.float32]:
    """Base64 of float32 in little-endian order, where it was asked for; else a list."""
    try:
        numbers = (
            np.frombuffer(a2b_base64(vector), "<f4") if isinstance(vector, str) else np.asarray(vector, np.float32)
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise TransientError(f"{provider} sent an answer that can't be read: a vector is no list of numbers") from error
    if numbers.ndim != 1:
        raise TransientError(f"{provider} sent an answer that can't be read: a vector is no list of numbers")
    return numbers


def excerpt(text: str) -> str:
    """How an error names a text."""
    return f"the text that begins with {text[:40]!r}"


def is_too_long(said: str) -> bool:
    """Whether a provider refuses a text for its length, by what it says."""
    return _TOO_LONG.search(said) is not None
