"""What is Bedrock's own: signed requests, two schemas, and what its errors mean."""

import json
from typing import Any

import numpy as np
import pytest

from tests.servers.embedding.bedrock import COHERE_3, NOT_ENABLED, TITAN
from tests.servers.embedding_server import KEY, EmbeddingServer, Fault, vectors_of
from tests.sessions import signed_in
from tests.shared.embed.services import embedder
from vector_ingest.errors import ConfigError, DataError, TransientError

COHERE_4 = "eu.cohere.embed-v4:0"


def asked(server: EmbeddingServer, model: str = TITAN, **more: Any) -> Any:
    keys = {"auth_type": "iam_user", "aws_access_key_id": KEY, "aws_secret_access_key": "s"}
    options = {"credentials": keys, "region_name": "eu-central-1", "endpoint": server.url, "model_name": model}
    return embedder("bedrock", **{**options, **more})


def test_titan_makes_a_request_of_each_text(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server) as titan:
        vectors, usage = titan.embed(["one", "two words"])
        assert titan.limits.texts == 1
    assert np.array_equal(vectors, vectors_of(["one", "two words"]))
    assert (usage.tokens, usage.requests) == (3, 2)
    assert [body for _, body in embedding_server.requests] == [
        {"inputText": text, "dimensions": 1024, "normalize": True} for text in ("one", "two words")
    ]


def test_titan_gives_the_size_and_the_length_that_it_is_asked_for(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, dimensions=256, normalize=False) as titan:
        assert np.allclose(titan.embed(["a"])[0], 3 * vectors_of(["a"], 256))
        assert titan.fingerprint == "bedrock/amazon.titan-embed-text-v2/256/raw"


@pytest.mark.parametrize(("model", "size", "end"), [(COHERE_3, 1024, "END"), (COHERE_4, 1536, "RIGHT")])
def test_cohere_takes_many_texts_and_tells_questions_from_documents(
    embedding_server: EmbeddingServer, model: str, size: int, end: str
) -> None:
    texts = [f"text {number}" for number in range(96)]
    with asked(embedding_server, model, normalize=False) as cohere:
        assert np.array_equal(cohere.embed(texts)[0], vectors_of(texts, size))
        cohere.embed(["a"], "query")
    assert [body["input_type"] for _, body in embedding_server.requests] == ["search_document", "search_query"]
    assert {body["truncate"] for _, body in embedding_server.requests} == {end}


def test_cohere_gives_the_size_asked_for_and_vectors_of_length_1(embedding_server: EmbeddingServer) -> None:
    with asked(embedding_server, COHERE_4, dimensions=512) as cohere:
        vectors = cohere.embed(["a", "b"])[0]
        assert cohere.fingerprint == "bedrock/cohere.embed-v4/512"
    assert vectors.shape == (2, 512)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_text_is_cut_before_it_has_more_characters_than_the_model_takes(embedding_server: EmbeddingServer) -> None:
    few_tokens = "internationalisation " * 110  # 2,310 characters
    with asked(embedding_server, COHERE_3) as cohere:
        assert cohere.count_tokens(few_tokens) > cohere.limits.tokens_per_text
        assert cohere.count_tokens(few_tokens[:2048]) <= 512
        with pytest.raises(DataError, match="expected maxLength: 2048, actual: 2310") as caught:
            cohere.embed([few_tokens])
    assert caught.value.too_long


@pytest.mark.parametrize(
    ("model", "dimensions", "message"),
    [
        ("amazon.titan-embed-text-v1", None, "is not known here: set model_name to one of amazon.titan-embed-text-v2"),
        (TITAN, 1536, "can't be asked for 1536 dimensions: .* one of 1024, 512, 256"),
        (COHERE_3, 256, "can't be asked for 256 dimensions: .* one of 1024"),
    ],
)
def test_what_no_model_has_is_refused_without_a_request(
    embedding_server: EmbeddingServer, model: str, dimensions: int | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message), asked(embedding_server, model, dimensions=dimensions):
        pass


def test_a_model_that_is_not_enabled_is_told_from_a_missing_right(embedding_server: EmbeddingServer) -> None:
    denied = "User: arn:aws:iam::123456789012:user/u is not authorized to perform: bedrock:InvokeModel on resource: x"
    with asked(embedding_server, NOT_ENABLED) as cohere:
        with pytest.raises(ConfigError, match="Ask for access to the model in the console"):
            cohere.embed(["a"])
        embedding_server.faults.append(fault(403, "AccessDeniedException", denied))
        with pytest.raises(ConfigError, match="Grant bedrock:InvokeModel on the model"):
            cohere.embed(["a"])


def test_a_model_that_needs_a_profile_says_so(embedding_server: EmbeddingServer) -> None:
    with (
        asked(embedding_server, "cohere.embed-v4:0") as cohere,
        pytest.raises(ConfigError, match="ID of an inference profile"),
    ):
        cohere.embed(["a"])
    with (
        asked(embedding_server, "cohere.embed-v4:9") as cohere,
        pytest.raises(ConfigError, match=r"Check `embedding\.model_name`"),
    ):
        cohere.embed(["a"])


# Status, code, what it is to us, whether there were too many requests.
ERRORS: list[tuple[int, str, type[Exception], bool]] = [
    (429, "ThrottlingException", TransientError, True),
    (400, "ServiceQuotaExceededException", TransientError, False),
    (429, "ModelNotReadyException", TransientError, True),
    (408, "ModelTimeoutException", TransientError, False),
    (424, "ModelErrorException", TransientError, False),
    (500, "InternalServerException", TransientError, False),
    (503, "ServiceUnavailableException", TransientError, False),
    (404, "ResourceNotFoundException", ConfigError, False),
    (403, "ExpiredTokenException", ConfigError, False),
    (403, "InvalidSignatureException", ConfigError, False),
    (400, "ValidationException", DataError, False),
]


def test_each_error_says_what_to_do_next(embedding_server: EmbeddingServer) -> None:
    embedding_server.faults.extend(fault(status, code, "too bad") for status, code, _, _ in ERRORS)
    with asked(embedding_server) as titan:  # one client for all: to make one takes longer than to ask
        for status, code, kind, throttled in ERRORS:
            with pytest.raises(kind) as caught:
                titan.embed(["a"])
            told = f"{status} {code}: {caught.value}"
            assert kind is DataError or code in str(caught.value), told
            assert getattr(caught.value, "throttled", False) == throttled, told
    assert not embedding_server.faults  # each was one request: it is not tried again here


def test_a_refused_setting_is_told_from_a_refused_text(embedding_server: EmbeddingServer) -> None:
    malformed = "Malformed input request: #/dimensions: 300 is not a valid enum value, please reformat your input"
    embedding_server.faults.append(fault(400, "ValidationException", malformed))
    with (
        asked(embedding_server) as titan,
        pytest.raises(ConfigError, match=r"Check the model and `embedding\.dimensions`"),
    ):
        titan.embed(["a"])


def test_a_token_of_the_environment_does_not_take_the_place_of_the_sign_in(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "of somebody else")
    with asked(embedding_server) as titan:
        titan.embed(["a"])
    assert embedding_server.headers[0]["Authorization"].startswith("AWS4-HMAC-SHA256 ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"credentials": {"auth_type": "default_credentials"}}, "the machine can't be used in the cloud"),
        ({}, "must begin with https"),
    ],
)
def test_in_the_cloud_a_tenant_brings_its_own_credentials(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], message: str
) -> None:
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    with pytest.raises(ConfigError, match=message), asked(embedding_server, **more):
        pass


def test_a_profile_that_the_machine_lacks_is_a_config_error(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with (
        pytest.raises(ConfigError, match=r"sign in to AWS: .*nobody"),
        asked(embedding_server, credentials={"auth_type": "default_credentials"}),
    ):
        pass


WRONG: list[tuple[str, dict[str, Any]]] = [
    (TITAN, {"inputText": "a", "dimensions": 300}),
    (TITAN, {"inputText": "a", "texts": ["a"]}),
    (TITAN, {"inputText": ""}),
    (TITAN, {"inputText": "a", "normalize": "yes"}),
    (COHERE_3, {"texts": ["a"]}),
    (COHERE_3, {"texts": ["a"] * 97, "input_type": "search_query"}),
    (COHERE_3, {"texts": ["a" * 2049], "input_type": "search_query"}),
    (COHERE_3, {"texts": ["a"], "input_type": "search_query", "output_dimension": 256}),
    (COHERE_4, {"texts": ["a"], "input_type": "search_query", "truncate": "END"}),
]


def test_the_service_checks_what_it_is_sent(embedding_server: EmbeddingServer) -> None:
    """Else these tests would prove nothing."""
    client: Any = signed_in(KEY, "s", "eu-central-1").create_client(
        "bedrock-runtime", endpoint_url=embedding_server.url
    )
    for model, body in WRONG:
        with pytest.raises(client.exceptions.ValidationException):
            client.invoke_model(modelId=model, body=json.dumps(body))
    client.close()


def fault(status: int, code: str, message: str) -> Fault:
    return Fault(status, body=json.dumps({"__type": code, "message": message}))
