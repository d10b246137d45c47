"""One vector from those of a text's tokens, as sentence-transformers defines it.

https://sbert.net/docs/package_reference/sentence_transformer/modules.html#sentence_transformers.sentence_transformer.modules.Pooling
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from vector_ingest.embed.vectors import Vectors

Mask = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.float32]  # (texts, tokens, dimensions)


def _first(tokens: Tokens, mask: Mask) -> Vectors:
    return np.asarray(tokens[np.arange(len(tokens)), mask.argmax(axis=1)])  # padding may be on the left


def _last(tokens: Tokens, mask: Mask) -> Vectors:
    last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
    return np.asarray(tokens[np.arange(len(tokens)), last])


def _mean(tokens: Tokens, mask: Mask) -> Vectors:
    kept = mask[:, :, None].astype(np.float32)
    return np.asarray((tokens * kept).sum(axis=1) / kept.sum(axis=1), np.float32)


def _max(tokens: Tokens, mask: Mask) -> Vectors:
    return np.asarray(np.where(mask[:, :, None] > 0, tokens, -np.inf).max(axis=1), np.float32)


POOLINGS: Mapping[str, Callable[[Tokens, Mask], Vectors]] = {
    "cls": _first,
    "mean": _mean,
    "max": _max,
    "lasttoken": _last,
}
