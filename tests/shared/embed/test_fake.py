import numpy as np

from vector_ingest.embed.fake import FakeEmbedder


def test_the_text_alone_decides_the_vector() -> None:
    together = FakeEmbedder().embed(["a", "b", "a"])[0]
    assert np.array_equal(together[0], together[2])
    assert np.array_equal(together[1], FakeEmbedder().embed(["b"])[0][0])


def test_vectors_are_the_same_on_every_machine() -> None:
    vector = FakeEmbedder().embed(["hello"])[0][0]
    assert np.allclose(vector[:3], [-0.00185275, 0.05829248, 0.00085507], atol=1e-6)


def test_vectors_have_length_1_and_lie_far_apart() -> None:
    vectors = FakeEmbedder().embed([f"text {number}" for number in range(300)])[0]
    likeness = vectors @ vectors.T
    assert np.allclose(np.diag(likeness), 1, atol=1e-5)
    assert np.abs(likeness - np.eye(300)).max() < 0.2
