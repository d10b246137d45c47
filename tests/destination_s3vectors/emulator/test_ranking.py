"""Nearest first, equal distances by key, and nothing lost at the cut."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_s3vectors.emulator.ranking import ROWS_AT_ONCE, best, distances, fuse, nearest

coordinates = st.lists(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]), min_size=3, max_size=3)


@given(st.lists(coordinates, max_size=20), coordinates, st.sampled_from(["cosine", "euclidean"]), st.integers(1, 25))
def test_the_nearest_are_those_of_a_full_sort(
    rows: list[list[float]], query: list[float], metric: str, most: int
) -> None:
    vectors = np.array(rows, np.float32).reshape(-1, 3)
    keys = [f"key {7 * number % 20:02}" for number in range(len(rows))]
    found = distances(vectors, np.array(query, np.float32), metric)
    for row, distance in zip(rows, found, strict=True):
        cosine = sum(a * b for a, b in zip(row, query, strict=True)) / math.hypot(*row) / math.hypot(*query)
        assert distance == pytest.approx(math.dist(row, query) if metric == "euclidean" else 1 - cosine, abs=1e-6)
    expected = sorted(range(len(rows)), key=lambda row: (found[row], keys[row]))[:most]
    assert nearest(found, np.arange(len(rows)), keys, most) == expected


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equal_vectors_tie_wherever_they_stand(metric: str) -> None:
    generator = np.random.default_rng(5)
    vectors = np.repeat(generator.normal(size=(1, 333)).astype(np.float32), ROWS_AT_ONCE + 77, axis=0)
    found = distances(vectors, generator.normal(size=333).astype(np.float32), metric)
    assert len(set(found.tolist())) == 1


def test_only_the_given_rows_are_ranked() -> None:
    found = np.array([0.1, 0.2, 0.3, 0.0], np.float32)
    assert nearest(found, np.array([0, 1, 2]), ["d", "c", "b", "a"], 2) == [0, 1]


def test_the_best_scores_come_first_and_ties_by_key() -> None:
    assert best({0: 1.0, 1: 2.0, 2: 1.0}, ["b", "c", "a"], 3) == [1, 2, 0]


def test_fusion_prefers_what_two_rankings_have() -> None:
    fused = fuse([[0, 1], [2, 1]])
    assert max(fused, key=lambda row: fused[row]) == 1
    assert fused[1] == pytest.approx(2 / 62)
