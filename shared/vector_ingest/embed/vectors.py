"""What every provider's answer must hold before it goes on: as many vectors as texts, right in size, finite."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vector_ingest.errors import ConfigError, DataError, TransientError

Vectors = npt.NDArray[np.float32]


def checked(vectors: Sequence[npt.ArrayLike], texts: Sequence[str], dimensions: int, provider: str) -> Vectors:
    """As an array of shape (len(texts), dimensions). ConfigError: another dimension. DataError: not a number."""
    if len(vectors) != len(texts):
        raise TransientError(f"{provider} answered {len(texts)} texts with {len(vectors)} vectors")
    rows = [np.asarray(vector, np.float32) for vector in vectors]
    for row in rows:
        if row.shape != (dimensions,):
            raise ConfigError(
                f"{provider} answers with vectors of {row.size} dimensions, expected {dimensions}: "
                "change the model or `embedding.dimensions`"
            )
    array = np.stack(rows) if rows else np.empty((0, dimensions), np.float32)
    for index in np.flatnonzero(~np.isfinite(array).all(axis=1)).tolist():
        raise DataError(excerpt(texts[index]), f"{provider} answered with a vector that holds NaN or infinity")
    return array


def excerpt(text: str) -> str:
    """How an error names a text."""
    return f"the text that begins with {text[:40]!r}"
