"""Vectors of length 1, so that cosine, dot product and Euclidean distance put them in the same order."""

import numpy as np

from vector_ingest.embed.vectors import Vectors


def unit_length(vectors: Vectors) -> Vectors:
    """Each divided by its length; one of zeros stays as it is, since it has no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
