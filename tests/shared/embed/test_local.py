"""The local model against a plain numpy computation of the same weights, and against meaning."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import erf

import numpy as np
import numpy.typing as npt
import pytest
from tokenizers import Tokenizer

from vector_ingest.embed.local import LAYERS, LocalEmbedder, model_folder, weights
from vector_ingest.errors import DataError

Array = npt.NDArray[np.float64]
HEADS = 12


def normalised(values: Array, at: str, tensors: dict[str, Array]) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    result: Array = scaled * tensors[at + ".weight"] + tensors[at + ".bias"]
    return result


def linear(values: Array, at: str, tensors: dict[str, Array]) -> Array:
    result: Array = values @ tensors[at + ".weight"].T + tensors[at + ".bias"]
    return result


def gelu(values: Array) -> Array:
    return np.asarray(values * (0.5 * (1 + np.vectorize(erf)(values / np.sqrt(2)))))


def attention(hidden: Array, at: str, tensors: dict[str, Array]) -> Array:
    def heads(part: str) -> Array:
        return linear(hidden, f"{at}.self.{part}", tensors).reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return np.asarray(shares @ value).transpose(1, 0, 2).reshape(len(hidden), -1)


@cache
def exact_weights() -> dict[str, Array]:
    return {name: tensor.astype(np.float64) for name, tensor in weights().items()}


def by_numpy(text: str) -> Array:
    """BERT of 6 layers, the mean of its tokens, of length 1: one text, no padding."""
    tensors = exact_weights()
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = tokenizer.encode(text).ids
    hidden = tensors["embeddings.word_embeddings.weight"][ids]
    hidden = hidden + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = hidden + tensors["embeddings.token_type_embeddings.weight"][0]
    hidden = normalised(hidden, "embeddings.LayerNorm", tensors)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        attended = linear(attention(hidden, f"{at}.attention", tensors), f"{at}.attention.output.dense", tensors)
        hidden = normalised(hidden + attended, f"{at}.attention.output.LayerNorm", tensors)
        wide = gelu(linear(hidden, f"{at}.intermediate.dense", tensors))
        hidden = normalised(hidden + linear(wide, f"{at}.output.dense", tensors), f"{at}.output.LayerNorm", tensors)
    mean: Array = hidden.mean(0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_vectors_are_those_of_the_same_weights_computed_plainly() -> None:
    texts = ["short", "The quick brown fox, über-quick, jumps. 日本語!", "many words " * 40, ""]
    vectors, usage = LocalEmbedder().embed(texts)
    for text, vector in zip(texts, vectors, strict=True):
        assert vector @ by_numpy(text) == pytest.approx(1, abs=1e-5)
    assert usage.tokens == 3 + LocalEmbedder().count_tokens(texts[1]) + 2 + 82 + 2


def test_a_paraphrase_is_nearer_than_another_subject() -> None:
    questions = ["How do I get my money back?", "Which animals live in the sea?", "How to cook pasta"]
    answers = [
        "Customers are refunded within ten days.",
        "Whales and sharks swim in the ocean.",
        "Boil water, add salt.",
    ]
    near = LocalEmbedder().embed(questions)[0] @ LocalEmbedder().embed(answers)[0].T
    assert near.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_vector_does_not_depend_on_the_texts_beside_it() -> None:
    texts = [f"text {number} " * (number % 17 + 1) for number in range(40)]
    together = LocalEmbedder().embed(texts)[0]
    alone = np.vstack([LocalEmbedder().embed([text])[0] for text in texts])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_threads_get_their_own_vectors() -> None:
    texts = [f"text {number}" for number in range(32)]
    expected = LocalEmbedder().embed(texts)[0]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: LocalEmbedder().embed([text])[0][0], texts))
    assert np.allclose(found, expected, atol=1e-6)


def test_a_text_longer_than_the_model_reads_is_refused_not_cut_silently() -> None:
    with pytest.raises(DataError, match=r"302 tokens, marks and prefix included, .* reads 256") as caught:
        LocalEmbedder().embed(["fits", "word " * 300])
    assert caught.value.too_long  # so that it is split, or shortened, as the form says
    assert LocalEmbedder().embed(["word " * 254])[0].shape == (1, 384)


def test_a_run_of_letters_counts_more_than_the_one_token_the_model_makes_of_it() -> None:
    assert LocalEmbedder().count_tokens("x" * 10_000) >= 600
