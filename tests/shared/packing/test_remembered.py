"""Vectors that were embedded last: those that are asked for stay longest, and hold no more memory than their own."""

import numpy as np

from vector_ingest.packing.remembered import REMEMBERED, VectorCache

TWO = REMEMBERED // 8 - 300  # dimensions of which there is room for two vectors


def test_what_was_asked_for_stays_and_what_was_not_goes() -> None:
    cache = VectorCache(TWO)
    cache.keep({b"a": np.zeros(1, np.float32), b"b": np.zeros(1, np.float32)})
    cache.find([b"a"])
    cache.keep({b"c": np.zeros(1, np.float32)})
    assert cache.find([b"a", b"b", b"c"]).keys() == {b"a", b"c"}


def test_one_vector_that_stays_does_not_hold_its_whole_answer() -> None:
    cache = VectorCache(TWO)
    answer = np.arange(4, dtype=np.float32).reshape(2, 2)
    cache.keep({b"a": answer[0], b"b": answer[1]})
    assert cache.find([b"a"])[b"a"].tolist() == [0, 1]
    assert cache.find([b"a"])[b"a"].base is None
