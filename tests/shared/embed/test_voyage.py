"""What is Voyage's own: the use of a text, sizes, the tokens of a request, and its errors."""

from typing import Any

import httpx
import numpy as np
import pytest

from tests.servers.embedding_server import KEY, EmbeddingServer, Fault, vectors_of
from tests.shared.embed.services import embedder
from vector_ingest.embed.embedder import Embedder
from vector_ingest.errors import ConfigError, DataError
from vector_ingest.packing.packer import Packer


def asked(server: EmbeddingServer, **more: Any) -> Any:
    return embedder("voyage", voyage_key=KEY, base_url=f"{server.url}/voyage/v1", **more)


def pack(model: Embedder, texts: list[str]) -> None:
    with Packer(model) as packer:
        packer.ask({text.encode(): text for text in texts}).result()


def test_questions_are_told_from_documents_and_nothing_is_cut(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server) as voyage:
        voyage.embed(["a"])
        voyage.embed(["a"], "query")
    assert [body["input_type"] for _, body in embedding_server.requests] == ["document", "query"]
    assert [body["truncation"] for _, body in embedding_server.requests] == [False, False]


def test_numbers_come_as_bytes_and_in_the_size_asked_for(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, dimensions=256) as voyage:
        assert np.array_equal(voyage.embed(["a", "b"])[0], vectors_of(["a", "b"], 256))
        assert voyage.fingerprint == "voyage/voyage-4/256"
    ((_, body),) = embedding_server.requests
    assert (body["encoding_format"], body["output_dtype"], body["output_dimension"]) == ("base64", "float", 256)


def test_a_model_of_one_size_is_not_asked_for_another(embedding_server: EmbeddingServer) -> None:
    law = asked(embedding_server, model_name="voyage-law-2", dimensions=256)
    with pytest.raises(ConfigError, match=r"voyage-law-2 can't be asked for 256 dimensions: .*one of 1024"), law:
        pass
    unknown = asked(embedding_server, model_name="voyage-9")
    with (
        pytest.raises(ConfigError, match="voyage-9 is not known here: set model_name to one of voyage-4"),
        unknown,
    ):
        pass


def test_requests_are_kept_to_the_texts_and_tokens_of_the_model(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, model_name="voyage-3-large") as voyage:
        pack(voyage, [f"t{number}" for number in range(1_001)])
        assert [len(body["input"]) for _, body in embedding_server.requests] == [1_000, 1]
        embedding_server.requests.clear()
        texts = ["word " * 30_000 + str(number) for number in range(5)]
        pack(voyage, texts)  # the server would refuse more than 120,000 words
    assert sum(len(body["input"]) for _, body in embedding_server.requests) == 5
    assert len(embedding_server.requests) > 1


@pytest.mark.parametrize(
    ("detail", "kind", "message"),
    [
        ("Model voyage-4 is not supported. Supported models are ['voyage-3'].", ConfigError, "refuses a setting"),
        ("The model does not support output_dimension set to 9.", ConfigError, "refuses a setting"),
        ("The example at index 0 does not fit into the model's context window of 32000.", DataError, "refuses it"),
    ],
)
def test_a_refused_setting_is_told_from_a_refused_text(
    embedding_server: EmbeddingServer, detail: str, kind: type[Exception], message: str
) -> None:
    embedding_server.faults.append(Fault(400, body=f'{{"detail": "{detail}"}}'))
    with asked(embedding_server) as voyage, pytest.raises(kind, match=message) as caught:
        voyage.embed(["a"])
    if isinstance(caught.value, DataError):
        assert caught.value.too_long


def test_the_service_checks_what_it_is_sent(embedding_server: EmbeddingServer) -> None:
    """Else these tests would prove nothing."""
    headers = {"Authorization": f"Bearer {KEY}"}
    for wrong in (
        {"input": ["a"] * 1_001},
        {"input": [1]},
        {"input": ["word " * 400_000]},
        {"input_type": "passage"},
        {"output_dimension": 300},
        {"encoding_format": "float"},
        {"truncate": True},
    ):
        body = {"model": "voyage-4", "input": ["a"], **wrong}
        answer = httpx.post(f"{embedding_server.url}/voyage/v1/embeddings", json=body, headers=headers)
        assert (answer.status_code, list(answer.json())) == (400, ["detail"])
