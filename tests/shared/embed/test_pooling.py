"""Each way to make one vector of many, against its definition, whichever side the padding is on."""

import numpy as np
import pytest

from vector_ingest.embed.pooling import POOLINGS

TOKENS = np.array([[[1, -1], [2, 5], [3, 0]], [[4, 4], [0, 9], [7, 7]]], np.float32)
RIGHT = np.array([[1, 1, 1], [1, 1, 0]])
LEFT = np.array([[1, 1, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    ("name", "right", "left"),
    [
        ("cls", [[1, -1], [4, 4]], [[1, -1], [0, 9]]),
        ("mean", [[2, 4 / 3], [2, 6.5]], [[2, 4 / 3], [3.5, 8]]),
        ("max", [[3, 5], [4, 9]], [[3, 5], [7, 9]]),
        ("lasttoken", [[3, 0], [0, 9]], [[3, 0], [7, 7]]),
    ],
)
def test_padding_counts_for_nothing(name: str, right: list[list[float]], left: list[list[float]]) -> None:
    assert np.allclose(POOLINGS[name](TOKENS, RIGHT), right)
    assert np.allclose(POOLINGS[name](TOKENS, LEFT), left)
