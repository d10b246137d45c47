"""OpenAI, Azure, and the servers that speak the same API, each in its own way."""

from typing import Any

import numpy as np
import pytest

from tests.servers.embedding_server import DEPLOYMENT, KEY, EmbeddingServer, vectors_of
from tests.shared.embed.services import embedder
from vector_ingest.errors import ConfigError, DataError

OF_THE_ENVIRONMENT = {"OPENAI_ORG_ID": "org-other", "OPENAI_PROJECT_ID": "proj-other", "OPENAI_BASE_URL": "http://x"}


def compatible(server: EmbeddingServer, name: str, **more: Any) -> Any:
    options = {"base_url": f"{server.url}/{name}/v1", "model_name": "all-minilm", "dimensions": 384}
    return embedder("openai_compatible", **{**options, **more})


def test_the_organization_and_project_that_pay_are_named(embedding_server: EmbeddingServer) -> None:
    options = {"openai_key": KEY, "base_url": f"{embedding_server.url}/v1", "dimensions": 1024}
    with embedder("openai", **options, organization="org-1", project="proj_2") as openai:
        openai.embed(["a"])
    (headers,) = embedding_server.headers
    named = {name.lower(): value for name, value in headers.items()}
    assert (named["openai-organization"], named["openai-project"]) == ("org-1", "proj_2")


def test_variables_of_the_environment_decide_nothing(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OF_THE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "of somebody else")
    options: dict[str, dict[str, Any]] = {
        "openai": {"openai_key": KEY, "base_url": f"{embedding_server.url}/v1"},
        "azure_openai": {"openai_key": KEY, "api_base": embedding_server.url, "deployment": DEPLOYMENT},
        "openai_compatible": {"api_key": KEY, "base_url": f"{embedding_server.url}/v1"},
    }
    for mode, more in options.items():
        with embedder(mode, **more, dimensions=1024) as model:
            model.embed(["a"])
    assert len(embedding_server.headers) == 3
    for headers in embedding_server.headers:
        assert not {"openai-organization", "openai-project"} & {name.lower() for name in headers}
        assert "of somebody else" not in str(headers)


def test_azure_is_asked_for_a_version_and_for_a_size_only_on_request(embedding_server: EmbeddingServer) -> None:
    options = {"openai_key": KEY, "api_base": embedding_server.url, "deployment": DEPLOYMENT}
    with embedder("azure_openai", **options, dimensions=1024, api_version="2023-05-15") as azure:
        azure.embed(["a"])
    with embedder("azure_openai", **options, dimensions=256, shorten=True) as azure:
        assert azure.embed(["a"])[0].shape == (1, 256)
    assert [path.partition("?")[2] for path, _ in embedding_server.requests] == [
        "api-version=2023-05-15",
        "api-version=2024-10-21",
    ]
    assert [body.get("dimensions") for _, body in embedding_server.requests] == [None, 256]


@pytest.mark.parametrize("name", ["ollama", "tei", "lm-studio"])
def test_each_server_is_understood(embedding_server: EmbeddingServer, name: str) -> None:
    texts = ["one", "two words"]
    with compatible(embedding_server, name, dimensions=1024) as model:
        vectors, usage = model.embed(texts)
        assert np.array_equal(vectors, vectors_of(texts))
        assert usage.tokens == (3 if name != "lm-studio" else sum(map(model.count_tokens, texts)))
    ((_, body),) = embedding_server.requests
    assert body == {"model": "all-minilm", "input": texts, "encoding_format": "float"}


def test_ollama_shortens_vectors_and_vllm_says_which_models_can_not(embedding_server: EmbeddingServer) -> None:
    with compatible(embedding_server, "ollama", shorten=True, dimensions=256) as model:
        assert model.embed(["a"])[0].shape == (1, 256)
    refused = pytest.raises(ConfigError, match=r"can't be asked for 256 dimensions: set `embedding\.shorten` to false")
    with compatible(embedding_server, "vllm", shorten=True, dimensions=256) as model, refused:
        model.embed(["a"])
    with compatible(embedding_server, "vllm", dimensions=1024) as model:
        assert np.array_equal(model.embed(["a"])[0], vectors_of(["a"]))


def test_a_model_that_ollama_has_not_pulled_is_named(embedding_server: EmbeddingServer) -> None:
    refused = pytest.raises(ConfigError, match=r'404.*"bge-m3" not found, try pulling it first')
    with compatible(embedding_server, "ollama", model_name="bge-m3") as model, refused:
        model.embed(["a"])


def test_more_texts_or_tokens_than_the_server_takes_are_a_matter_of_the_texts(
    embedding_server: EmbeddingServer,
) -> None:
    with compatible(embedding_server, "tei") as model:
        assert model.limits.texts == 32
        with pytest.raises(DataError, match="maximum allowed batch size 32"):
            model.embed(["a"] * 33)
        with pytest.raises(DataError, match="must have less than 512 tokens") as caught:
            model.embed(["word " * 600])
    assert caught.value.too_long


def test_prefixes_go_before_the_texts_and_not_into_the_counts(embedding_server: EmbeddingServer) -> None:
    with compatible(
        embedding_server, "ollama", query_prefix="query: ", document_prefix="passage: ", dimensions=1024
    ) as model:
        assert np.array_equal(model.embed(["a"])[0], vectors_of(["passage: a"]))
        assert np.array_equal(model.embed(["a"], "query")[0], vectors_of(["query: a"]))
        assert model.count_tokens("") == 0


def test_what_changes_stored_vectors_changes_the_fingerprint(embedding_server: EmbeddingServer) -> None:
    changes: list[dict[str, Any]] = [{}, {"document_prefix": "a"}, {"document_prefix": "b"}, {"normalize": True}]
    found = []
    for change in [*changes, {"query_prefix": "a"}]:
        with compatible(embedding_server, "ollama", **change) as model:
            found.append(model.fingerprint)
    assert len(set(found)) == 4
    assert found[0] == found[-1] == "openai_compatible/all-minilm/384"  # a question's prefix changes no document


def test_vectors_are_brought_to_length_1_on_request(embedding_server: EmbeddingServer) -> None:
    with compatible(embedding_server, "ollama", normalize=True, dimensions=1024) as model:
        assert np.allclose(np.linalg.norm(model.embed(["a", "b"])[0], axis=1), 1, atol=1e-6)
