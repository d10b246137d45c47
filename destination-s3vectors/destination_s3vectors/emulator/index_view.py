"""One index as it stands at one moment: what an answer to QueryVectors is computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class IndexView:
    """Rows of `keys`, `vectors` and `metadata` belong together. Nothing in it changes while it is read.

    `text_keys`: metadata key of each text search configuration -> its language, None for the standard analyzer.
    `vectors`: float32, shape (n, dimension).
    `uid` tells the index from any other, also from one that had its name before. `metadata` is the same object in
    all views between two writes.
    """

    uid: str
    dimension: int
    metric: Literal["cosine", "euclidean"]
    mode: Literal["CLASSIC", "ENHANCED"]
    non_filterable: frozenset[str]
    text_keys: Mapping[str, str | None]
    keys: Sequence[str]
    vectors: NDArray[np.float32]
    metadata: Sequence[Mapping[str, Any] | None]
