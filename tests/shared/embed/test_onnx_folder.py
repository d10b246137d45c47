"""A model in a folder: the carried weights, written as exporters write them, against the carried model itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.shared.embed.model_folder import NORMALIZE, POOLING, TRANSFORMER, variant, write_model
from tests.shared.embed.services import embedder
from vector_ingest.embed.embedder import Embedder
from vector_ingest.embed.local import LocalEmbedder
from vector_ingest.errors import ConfigError, DataError

TEXTS = ["short", "The quick brown fox, über-quick, jumps. 日本語!", "many words " * 40, ""]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "minilm")


@pytest.fixture(scope="module")
def made(model: Path) -> Embedder:
    with embedder("local", model_path=str(model)) as made:
        return made


def of(folder: Path, **more: Any) -> Embedder:
    with embedder("local", model_path=str(folder), **more) as made:
        return made


def test_vectors_are_those_of_the_same_weights_in_the_connector(made: Embedder) -> None:
    vectors, usage = made.embed(TEXTS)
    expected, counted = LocalEmbedder().embed(TEXTS)
    assert vectors.dtype == np.float32
    assert (vectors * expected).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    assert (made.dimensions, usage) == (384, counted)
    assert made.limits.tokens_per_text == 254
    assert [made.count_tokens(text) for text in TEXTS] == [LocalEmbedder().count_tokens(text) for text in TEXTS]


def test_a_text_longer_than_the_model_reads_is_refused_not_cut_silently(made: Embedder) -> None:
    with pytest.raises(DataError, match=r"302 tokens, marks and prefix included, .* reads 256") as caught:
        made.embed(["fits", "word " * 300])
    assert caught.value.too_long


@pytest.mark.parametrize(
    "config",
    [
        {"word_embedding_dimension": 384, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        {"embedding_dimension": 384, "pooling_mode": "cls"},  # since version 5 of sentence-transformers
    ],
)
def test_the_files_of_the_folder_say_how_to_pool(model: Path, tmp_path: Path, config: dict[str, Any]) -> None:
    """The first token, and no length of 1: another vector than the mean's."""
    folder = variant(model, tmp_path / "cls", modules=[TRANSFORMER, POOLING], **{"1_Pooling__config": config})
    vector = of(folder).embed(["one two three"])[0][0]
    assert np.linalg.norm(vector) == pytest.approx(np.linalg.norm(by_definition(model, "one two three")), rel=1e-4)
    assert np.allclose(vector, by_definition(model, "one two three"), atol=1e-4)


def test_without_a_word_on_pooling_it_is_the_mean_as_it_comes(model: Path, made: Embedder, tmp_path: Path) -> None:
    vectors = of(variant(model, tmp_path / "bare", modules=None)).embed(TEXTS)[0]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (abs(lengths - 1) > 0.01).all()
    assert np.allclose(vectors / lengths, made.embed(TEXTS)[0], atol=1e-5)


def test_prefixes_are_those_of_the_folder_unless_the_form_has_others(model: Path, tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    folder = variant(model, tmp_path / "prompts", config_sentence_transformers=prompts)
    told, changed = of(folder), of(folder, query_prefix="", document_prefix="text: ")
    plain = LocalEmbedder()
    assert np.allclose(told.embed(["a"])[0], plain.embed(["passage: a"])[0], atol=1e-5)
    assert np.allclose(told.embed(["a"], "query")[0], plain.embed(["query: a"])[0], atol=1e-5)
    assert np.allclose(changed.embed(["a"])[0], plain.embed(["text: a"])[0], atol=1e-5)
    assert np.allclose(changed.embed(["a"], "query")[0], plain.embed(["a"])[0], atol=1e-5)
    assert told.limits.tokens_per_text == 254 - plain.count_tokens("passage: ")
    assert len({told.fingerprint, changed.fingerprint, of(model).fingerprint}) == 3


def test_the_carried_model_takes_prefixes_too() -> None:
    with embedder("local", document_prefix="passage: ", query_prefix="query: ") as made:
        assert np.array_equal(made.embed(["a"])[0], LocalEmbedder().embed(["passage: a"])[0])
        assert np.array_equal(made.embed(["a"], "query")[0], LocalEmbedder().embed(["query: a"])[0])
        assert made.limits.tokens_per_text == 252
        assert made.fingerprint != LocalEmbedder().fingerprint == "local/all-MiniLM-L6-v2"


def test_other_weights_have_another_fingerprint_and_another_place_has_not(
    model: Path, made: Embedder, tmp_path: Path
) -> None:
    moved = variant(model, tmp_path / "moved")
    assert of(moved).fingerprint == made.fingerprint
    content = bytearray((model / "model.onnx_data").read_bytes())
    content[1000] ^= 1
    (moved / "model.onnx_data").unlink()
    (moved / "model.onnx_data").write_bytes(content)
    assert of(moved).fingerprint != made.fingerprint


def test_a_folder_that_can_not_be_used_says_why(model: Path, tmp_path: Path) -> None:
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    both = {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}
    broken = variant(model, tmp_path / "broken")
    (broken / "model.onnx").unlink()
    (broken / "model.onnx").write_bytes(b"no graph")
    for folder, message in (
        (tmp_path / "nowhere", r"found no model\.onnx or onnx/model\.onnx"),
        (variant(model, tmp_path / "no_tokens", tokenizer=None), r"found no tokenizer\.json"),
        (variant(model, tmp_path / "dense", modules=[TRANSFORMER, POOLING, dense, NORMALIZE]), "a module Dense"),
        (variant(model, tmp_path / "both", **{"1_Pooling__config": both}), "Expected one of .*, found cls, max"),
        (broken, "can't be loaded"),
        (variant(model, tmp_path / "object", modules={"0": TRANSFORMER}), r"a list of JSON objects in .*modules\.json"),
        (variant(model, tmp_path / "word", config_sentence_transformers="word"), "a JSON object in .*found str"),
    ):
        with pytest.raises(ConfigError, match=message):
            of(folder)


def test_a_vector_that_is_no_number_is_that_of_one_text(model: Path, tmp_path: Path) -> None:
    """As graphs of half precision give it."""
    folder = variant(model, tmp_path / "nan")
    weights = folder / "model.onnx_data"
    size = weights.stat().st_size
    weights.unlink()
    weights.write_bytes(b"\xff" * size)
    with pytest.raises(DataError, match=r"begins with 'a'.*model\.onnx answered with a vector that holds NaN"):
        of(folder).embed(["a"])


def test_a_text_without_a_token_is_refused(model: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((model / "tokenizer.json").read_bytes())
    folder = variant(model, tmp_path / "no_marks", tokenizer={**tokenizer, "post_processor": None})
    with pytest.raises(DataError, match="makes no token of it"):
        of(folder).embed(["a", "\u0301"])


def test_in_the_cloud_no_folder_is_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with pytest.raises(ConfigError, match="can't be read from a folder in the cloud"):
        of(model)


def by_definition(model: Path, text: str) -> Any:
    """The vector of the first token, from the same graph run without anything of ours around it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model / "model.onnx"), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    ids = np.array([tokenizer.encode(text).ids])
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return session.run(["last_hidden_state"], feed)[0][0, 0]
