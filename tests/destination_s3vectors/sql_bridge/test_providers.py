"""The services that embed questions, each as its documentation describes it, on loopback."""

import uuid
from typing import Any

import numpy as np
import pytest

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from destination_s3vectors.sql_bridge.calls import RefusedError
from destination_s3vectors.sql_bridge.embedding import embedded, model_of
from destination_s3vectors.sql_bridge.providers import providers
from tests.servers.embedding_server import DEPLOYMENT, KEY, EmbeddingServer, Fault, vectors_of
from tests.sessions import signed_in

QUESTION = "where do cats sleep?"


def ask(fingerprint: str, environment: dict[str, str], options: dict[str, Any] | None = None) -> list[float]:
    model = model_of(fingerprint, options or {})
    return embedded(model, QUESTION, providers(environment)[model.provider], "eu-central-1", 5)


def at(server: EmbeddingServer, provider: str, path: str = "") -> dict[str, str]:
    return {f"S3VL_{provider}_URL": f"{server.url}{path}", f"S3VL_{provider}_KEY": KEY}


def refused(fingerprint: str, environment: dict[str, str], options: dict[str, Any] | None = None) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        ask(fingerprint, environment, options)
    assert KEY not in caught.value.message
    return caught.value


SERVICES = [
    ("openai/text-embedding-3-small/1536", "/v1", {}),
    ("openai/text-embedding-3-large/256", "/v1", {"dimensions": 256}),
    ("openai_compatible/BAAI/bge-m3/1024/unit", "/v1", {}),
    ("cohere/embed-v4.0/512", "", {"output_dimension": 512, "input_type": "search_query"}),
    ("cohere/embed-english-v3.0/1024", "", {"input_type": "search_query"}),
    ("cohere/embed-english-light-v2.0/1024", "", {}),
    ("voyage/voyage-4/1024", "/voyage/v1", {"input_type": "query"}),
    ("voyage/voyage-4-lite/256", "/voyage/v1", {"output_dimension": 256, "input_type": "query"}),
]


@pytest.mark.parametrize(("fingerprint", "path", "asked"), SERVICES)
def test_a_question_gets_the_vector_of_its_model(
    embedding_server: EmbeddingServer, fingerprint: str, path: str, asked: dict[str, Any]
) -> None:
    provider, size = fingerprint.partition("/")[0].upper(), int(fingerprint.removesuffix("/unit").rpartition("/")[2])
    if provider == "OPENAI" and not asked:  # the server knows no sizes of models: it cuts where it is asked to
        fingerprint, size = fingerprint.replace("1536", "1024"), 1024
    vector = ask(fingerprint, at(embedding_server, provider, path))
    expected = vectors_of([QUESTION], size)[0]
    if fingerprint.endswith("/unit"):
        expected = expected / np.linalg.norm(expected)
    assert np.allclose(vector, expected, atol=1e-6)
    ((_, body),) = embedding_server.requests
    assert asked.items() <= body.items()


def test_a_deployment_in_azure_is_asked_at_the_functions_address_alone(embedding_server: EmbeddingServer) -> None:
    fingerprint = f"azure_openai/{embedding_server.url}/{DEPLOYMENT}/1024"
    assert np.allclose(ask(fingerprint, at(embedding_server, "AZURE_OPENAI")), vectors_of([QUESTION])[0], atol=1e-6)
    elsewhere = refused(fingerprint, {"S3VL_AZURE_OPENAI_URL": "https://other.example", "S3VL_AZURE_OPENAI_KEY": KEY})
    assert (elsewhere.kind, "S3VL_AZURE_OPENAI_URL" in elsewhere.message) == ("model", True)


@pytest.mark.parametrize("model", ["cohere.embed-multilingual-v3/1024", "cohere.embed-v4/512"])
def test_cohere_in_bedrock_is_told_that_it_is_a_question(bedrock: EmbeddingServer, model: str) -> None:
    options = {"model_id": "eu.cohere.embed-v4:0"} if "v4" in model else {}
    vector = np.array(ask(f"bedrock/{model}", {}, options))
    assert np.allclose(np.linalg.norm(vector), 1)
    expected = vectors_of([QUESTION], len(vector))[0]
    assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)
    ((_, body),) = bedrock.requests
    assert body["input_type"] == "search_query"
    if options:
        assert "inference profile" in refused(f"bedrock/{model}", {}).message


def test_a_question_has_its_prefix_where_documents_had_theirs(embedding_server: EmbeddingServer) -> None:
    fingerprint = "openai_compatible/intfloat/e5/1024/prefix-0123456789abcdef"
    environment = at(embedding_server, "OPENAI_COMPATIBLE", "/v1")
    assert "query_prefix" in refused(fingerprint, environment).message
    ask(fingerprint, environment, {"query_prefix": "query: "})
    assert embedding_server.requests[0][1]["input"] == [f"query: {QUESTION}"]


def test_a_key_may_be_in_a_secret_of_the_function(
    embedding_server: EmbeddingServer, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", s3_server.endpoint)
    create: Any = signed_in(ACCESS_KEY, SECRET_KEY, REGION).create_client
    client = create("secretsmanager", endpoint_url=s3_server.endpoint)
    arn = client.create_secret(Name=f"s3vl/{uuid.uuid4().hex}", SecretString=KEY)["ARN"]
    client.close()
    environment = {"S3VL_VOYAGE_URL": f"{embedding_server.url}/voyage/v1", "S3VL_VOYAGE_KEY_SECRET": arn}
    assert len(ask("voyage/voyage-4/1024", environment)) == 1024
    environment["S3VL_VOYAGE_KEY_SECRET"] = arn[:-6] + "nothing"
    assert refused("voyage/voyage-4/1024", environment).kind == "missing"


@pytest.mark.parametrize(
    ("fingerprint", "environment", "said"),
    [
        ("voyage/voyage-4/1024", {}, "S3VL_VOYAGE_KEY"),
        ("openai_compatible/m/3", {}, "S3VL_OPENAI_COMPATIBLE_URL"),
        ("openai", {}, "no fingerprint"),
        ("openai/text-embedding-3-small", {}, "does not say what to ask"),
        ("bedrock/1024", {}, "does not say what to ask"),
    ],
)
def test_what_is_not_set_up_is_refused_with_the_setting(
    fingerprint: str, environment: dict[str, str], said: str
) -> None:
    error = refused(fingerprint, environment)
    assert (error.kind, said in error.message) == ("model", True)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=401, body=f"wrong key {KEY}"), "sign_in"),
        (Fault(status=404), "missing"),
        (Fault(status=429), "throttled"),
        (Fault(status=400), "invalid"),
        (Fault(status=503), "unavailable"),
        (Fault(broken="reset"), "unavailable"),
        (Fault(broken="cut off"), "unavailable"),
    ],
)
def test_an_error_of_a_service_has_a_kind_and_no_key(
    embedding_server: EmbeddingServer, fault: Fault, kind: str
) -> None:
    embedding_server.faults.append(fault)
    assert refused("voyage/voyage-4/1024", at(embedding_server, "VOYAGE", "/voyage/v1")).kind == kind


def test_a_slow_service_is_given_up_in_time(embedding_server: EmbeddingServer) -> None:
    embedding_server.latency = 0.4
    model = model_of("voyage/voyage-4/1024", {})
    with pytest.raises(RefusedError) as caught:
        embedded(
            model, QUESTION, providers(at(embedding_server, "VOYAGE", "/voyage/v1"))["voyage"], "eu-central-1", 0.1
        )
    assert caught.value.kind == "timeout"


def test_other_dimensions_than_the_fingerprint_says_are_refused(embedding_server: EmbeddingServer) -> None:
    fingerprint = "openai_compatible/m/512"
    error = refused(fingerprint, at(embedding_server, "OPENAI_COMPATIBLE", "/v1"))
    assert "1024 numbers, expected 512" in error.message
    assert len(ask(fingerprint, at(embedding_server, "OPENAI_COMPATIBLE", "/v1"), {"shorten": True})) == 512
