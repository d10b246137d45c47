"""What is Cohere's own: two versions of its API, sizes, and the use of a text."""

from typing import Any

import numpy as np
import pytest

from tests.servers.embedding_server import KEY, EmbeddingServer, Fault, vectors_of
from tests.shared.embed.services import embedder
from vector_ingest.errors import ConfigError, DataError

OLD, NEW, LATEST = "embed-english-light-v2.0", "embed-multilingual-v3.0", "embed-v4.0"


def asked(server: EmbeddingServer, model: str, **more: Any) -> Any:
    return embedder("cohere", cohere_key=KEY, base_url=server.url, model_name=model, **more)


def test_models_of_version_2_are_asked_by_version_1_of_the_api_and_the_others_by_version_2(
    embedding_server: EmbeddingServer,
) -> None:
    for model, size in ((OLD, 1024), (NEW, 1024), (LATEST, 1536)):
        with asked(embedding_server, model) as cohere:
            assert np.array_equal(cohere.embed(["a", "b"])[0], vectors_of(["a", "b"], size))
    assert [path for path, _ in embedding_server.requests] == ["/v1/embed", "/v2/embed", "/v2/embed"]


@pytest.mark.parametrize("model", [NEW, LATEST])
def test_questions_are_told_from_documents(embedding_server: EmbeddingServer, model: str) -> None:
    with asked(embedding_server, model) as cohere:
        cohere.embed(["a"])
        cohere.embed(["a"], "query")
    assert [body["input_type"] for _, body in embedding_server.requests] == ["search_document", "search_query"]


def test_only_the_latest_is_asked_for_another_size(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, LATEST, dimensions=256) as cohere:
        assert cohere.embed(["a"])[0].shape == (1, 256)
        assert cohere.fingerprint == "cohere/embed-v4.0/256"
    with asked(embedding_server, LATEST) as cohere:
        cohere.embed(["a"])
    assert [body.get("output_dimension") for _, body in embedding_server.requests] == [256, None]
    with (
        pytest.raises(ConfigError, match="has 1024 dimensions and can't be asked for 256"),
        asked(embedding_server, NEW, dimensions=256),
    ):
        pass


def test_a_request_holds_what_the_models_read() -> None:
    with embedder("cohere", cohere_key=KEY, model_name=NEW) as cohere:
        assert (cohere.limits.texts, cohere.limits.tokens_per_text) == (96, 512)
    with embedder("cohere", cohere_key=KEY, model_name=LATEST) as cohere:
        assert (cohere.limits.texts, cohere.limits.tokens, cohere.limits.tokens_per_text) == (96, 128_000, 128_000)


def test_vectors_are_brought_to_length_1_on_request(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, NEW, normalize=True) as cohere:
        vectors = cohere.embed(["a", "b"])[0]
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        assert np.allclose(vectors * np.linalg.norm(vectors_of(["a", "b"]), axis=1)[:, None], vectors_of(["a", "b"]))
        assert cohere.fingerprint == "cohere/embed-multilingual-v3.0/1024/unit"


def test_a_refused_setting_is_told_from_a_refused_text(embedding_server: EmbeddingServer) -> None:
    refusal = "invalid request: valid input_type must be provided with the provided model"
    embedding_server.faults.append(Fault(400, body=f'{{"message": "{refusal}"}}'))
    embedding_server.faults.append(
        Fault(400, body='{"message": "too many tokens: total number of tokens must be at most 512"}')
    )
    with asked(embedding_server, NEW) as cohere:
        with pytest.raises(ConfigError, match=r"refuses a setting.*input_type"):
            cohere.embed(["a"])
        with pytest.raises(DataError, match="too many tokens") as caught:
            cohere.embed(["a"])
    assert caught.value.too_long


def test_the_service_checks_what_it_is_sent(embedding_server: EmbeddingServer) -> None:
    """Else these tests would prove nothing."""
    import httpx

    body: dict[str, Any] = {"model": NEW, "texts": ["a"], "input_type": "search_query", "embedding_types": ["float"]}
    for wrong in (
        {"texts": ["a"] * 97},
        {"input_type": "no"},
        {"truncate": "MIDDLE"},
        {"output_dimension": 256},
        {"x": 1},
    ):
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{embedding_server.url}/v2/embed", json={**body, **wrong}, headers=headers)
        assert (answer.status_code, list(answer.json())) == (400, ["id", "message"])
