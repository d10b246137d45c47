"""What every provider must do, with its real client; those over HTTP against a service on loopback."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from tests.servers.embedding_server import DEPLOYMENT, DIMENSIONS, KEY, EmbeddingServer, Fault, vectors_of
from vector_ingest.command.spec import parse_config
from vector_ingest.embed.choice import embedder_from
from vector_ingest.embed.embedder import Embedder, Usage
from vector_ingest.embed.options import EmbeddingConfig
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.packing.packer import Packer

OVER_HTTP = ["openai", "azure_openai", "openai_compatible", "cohere", "voyage", "bedrock"]
# botocore's errors go through one place for all services of AWS, which has words of its own.
WRONG_KEY = {"bedrock": "Check the access key ID"}
UNREACHABLE = {"bedrock": "Could not connect to the endpoint"}
SLOW = {"bedrock": "Read timeout"}
COMPUTED = [*OVER_HTTP, "local", "fake"]
ALL = [*COMPUTED, "from_field"]


class Config(BaseModel):
    embedding: EmbeddingConfig


@dataclass(frozen=True, slots=True)
class Service:
    server: EmbeddingServer
    made: list[Embedder] = field(default_factory=list)

    def embedder(self, mode: str, key: str = KEY, **more: Any) -> Embedder:
        url = self.server.url
        options: dict[str, dict[str, Any]] = {
            "openai": {"openai_key": key, "base_url": f"{url}/v1", "dimensions": DIMENSIONS},
            "azure_openai": {
                "openai_key": key,
                "api_base": url,
                "deployment": DEPLOYMENT,
                "dimensions": DIMENSIONS,
            },
            "openai_compatible": {"api_key": key, "base_url": f"{url}/v1", "dimensions": DIMENSIONS},
            "cohere": {"cohere_key": key, "base_url": url},
            "voyage": {"voyage_key": key, "base_url": f"{url}/voyage/v1"},
            "bedrock": {
                "credentials": {"auth_type": "iam_user", "aws_access_key_id": key, "aws_secret_access_key": "s"},
                "region_name": "eu-central-1",
                "endpoint": url,
                "model_name": "cohere.embed-multilingual-v3",
                "normalize": False,
            },
            "from_field": {"field_name": "vector", "dimensions": DIMENSIONS},
        }
        embedding = {"mode": mode, **options.get(mode, {}), **more}
        self.made.append(embedder_from(parse_config(Config, {"embedding": embedding}).embedding))
        return self.made[-1]

    def stop(self) -> None:
        for embedder in self.made:
            embedder.close()
        self.server.stop()


@pytest.fixture
def service() -> Iterator[Service]:
    server = EmbeddingServer()
    server.start()
    service = Service(server)
    yield service
    service.stop()


@pytest.mark.parametrize("mode", ALL)
def test_no_texts_give_no_vectors_and_cost_nothing(service: Service, mode: str) -> None:
    embedder = service.embedder(mode)
    vectors, usage = embedder.embed([])
    assert vectors.shape == (0, embedder.dimensions)
    assert vectors.dtype == np.float32
    assert usage == Usage(tokens=0, requests=0)


@pytest.mark.parametrize("mode", COMPUTED)
def test_vectors_are_float32_in_the_order_of_the_texts(service: Service, mode: str) -> None:
    embedder = service.embedder(mode)
    texts = [f"text {number} about {'cats' if number % 2 else 'stock markets'}" for number in range(9)]
    vectors, usage = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (9, embedder.dimensions)
    assert np.isfinite(vectors).all()
    assert usage.requests == 1
    assert usage.tokens > 0
    backwards = embedder.embed(texts[::-1])[0]
    assert np.allclose(vectors, backwards[::-1], atol=1e-5)


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_vectors_arrive_as_the_service_made_them(service: Service, mode: str) -> None:
    texts = ["one", "two", "zwei Wörter", "三 🙂"]
    assert np.array_equal(service.embedder(mode).embed(texts)[0], vectors_of(texts))
    usage = service.embedder(mode).embed(texts)[1]
    assert usage.requests == 1
    assert usage.tokens == (6 if mode != "bedrock" else sum(map(service.embedder(mode).count_tokens, texts)))


@pytest.mark.parametrize("mode", COMPUTED)
def test_many_threads_get_their_own_vectors(service: Service, mode: str) -> None:
    embedder = service.embedder(mode)
    texts = [f"text {number}" for number in range(24)]
    expected = embedder.embed(texts)[0]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda text: embedder.embed([text])[0][0], texts))
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("mode", ALL)
def test_a_longer_text_has_more_tokens_and_an_empty_one_none(service: Service, mode: str) -> None:
    embedder = service.embedder(mode)
    assert embedder.count_tokens("") == 0
    assert 3 <= embedder.count_tokens("three small words") <= 10
    assert embedder.count_tokens("three small words " * 10) >= 30


@pytest.mark.parametrize("mode", ALL)
def test_the_fingerprint_names_the_provider_and_holds_no_secret(service: Service, mode: str) -> None:
    fingerprint = service.embedder(mode).fingerprint
    assert fingerprint.startswith(mode)
    assert KEY not in fingerprint
    assert fingerprint == service.embedder(mode).fingerprint


@pytest.mark.parametrize("mode", ["openai", "openai_compatible"])
def test_another_model_or_size_has_another_fingerprint(service: Service, mode: str) -> None:
    configured: list[dict[str, Any]] = [{}, {"model_name": "text-embedding-3-small"}, {"dimensions": 512}]
    assert len({service.embedder(mode, **more).fingerprint for more in configured}) == 3


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_a_wrong_key_is_the_users_to_mend_and_is_not_repeated(service: Service, mode: str) -> None:
    wrong = "sk-wrong-0815-secret"
    with pytest.raises(ConfigError, match=WRONG_KEY.get(mode, "refuses the key")) as caught:
        service.embedder(mode, key=wrong).embed(["a"])
    assert wrong not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


@pytest.mark.parametrize("mode", OVER_HTTP)
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Fault(status=403), ConfigError, "403"),
        (Fault(status=402), ConfigError, "402|no quota left"),
        (Fault(status=404), ConfigError, "404"),
        (Fault(status=405), ConfigError, "405"),
        (Fault(status=301), ConfigError, "301"),
        (Fault(status=400), DataError, "the text that begins with 'a'"),
        (Fault(status=408), TransientError, "408"),
        (Fault(status=429), TransientError, "429"),
        (Fault(status=500), TransientError, "500"),
        (Fault(status=503, body="<html>not JSON</html>"), TransientError, "503"),
        (Fault(broken="one vector short"), TransientError, "3 texts with 2 vectors"),
        (Fault(broken="not a number"), DataError, "the text that begins with 'c'"),
        (Fault(broken="other dimension"), ConfigError, "1023 dimensions, expected 1024"),
        (Fault(broken="cut off"), TransientError, "reached|read"),
        (Fault(broken="a page"), TransientError, "can't be read"),
        (Fault(broken="no numbers"), TransientError, "can't be read: a vector is no list of numbers"),
    ],
    ids=lambda value: f"{value.status} {value.broken or ''}".strip() if isinstance(value, Fault) else "",
)
def test_a_fault_says_what_to_do_next(
    service: Service, mode: str, fault: Fault, kind: type[Exception], message: str
) -> None:
    service.server.faults.append(fault)
    with pytest.raises(kind, match=message) as caught:
        service.embedder(mode).embed(["a", "b", "c"])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_what_an_answer_does_not_say_of_its_cost_is_counted_here(service: Service, mode: str) -> None:
    service.server.faults.append(Fault(broken="no cost"))
    embedder = service.embedder(mode)
    vectors, usage = embedder.embed(["a", "two words"])
    assert np.array_equal(vectors, vectors_of(["a", "two words"]))
    assert usage.tokens == sum(map(embedder.count_tokens, ["a", "two words"]))


@pytest.mark.parametrize("mode", ["openai", "azure_openai", "openai_compatible", "voyage"])
def test_two_vectors_of_one_index_are_no_answer(service: Service, mode: str) -> None:
    service.server.faults.append(Fault(broken="one index twice"))
    with pytest.raises(TransientError, match="expected `data`, a list with an `index`"):
        service.embedder(mode).embed(["a", "b"])


@pytest.mark.parametrize("mode", [mode for mode in OVER_HTTP if mode != "bedrock"])  # botocore reads what comes
def test_an_answer_that_is_not_compressed_as_it_says_may_come_whole_the_next_time(service: Service, mode: str) -> None:
    service.server.faults.append(Fault(broken="not compressed"))
    with pytest.raises(TransientError, match="can't be reached"):
        service.embedder(mode).embed(["a"])


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_throttling_hands_on_the_time_that_the_service_names(service: Service, mode: str) -> None:
    service.server.faults += [Fault(status=429, retry_after="2.5"), Fault(status=429), Fault(429, retry_after="soon")]
    named = []
    for _ in range(3):
        with pytest.raises(TransientError) as caught:
            service.embedder(mode).embed(["a"])
        named.append(caught.value.retry_after)
    assert named == [2.5, None, None]


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_an_unreachable_service_may_come_back(mode: str) -> None:
    gone = Service(EmbeddingServer())
    gone.server.start()
    gone.server.stop()
    embedder = gone.embedder(mode)
    with pytest.raises(TransientError, match=UNREACHABLE.get(mode, "can't be reached")):
        embedder.embed(["a"])
    embedder.close()


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_an_answer_is_waited_for_as_long_as_the_environment_says(
    service: Service, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    service.server.latency = 1.2
    monkeypatch.setenv("EMBEDDING_TIMEOUT", "1")
    with pytest.raises(TransientError, match=SLOW.get(mode, "did not answer within 1 seconds")):
        service.embedder(mode).embed(["a"])


@pytest.mark.parametrize("mode", OVER_HTTP)
def test_faults_on_the_way_lose_nothing(service: Service, mode: str) -> None:
    service.server.faults += [
        Fault(status=429, retry_after="0.01"),
        Fault(status=500, retry_after="0.01"),
        Fault(broken="cut off"),
        Fault(broken="one vector short"),
        Fault(broken="slow"),
    ]
    texts = [f"text {number}" for number in range(200)]
    with Packer(service.embedder(mode)) as packer:
        vectors = packer.ask({text.encode(): text for text in texts}).result().vectors
    assert np.array_equal([vectors[text.encode()] for text in texts], vectors_of(texts))
    expected = 400 if mode != "bedrock" else sum(map(service.embedder(mode).count_tokens, texts))
    assert packer.tally.tokens == expected
    assert not service.server.faults


def test_openai_without_quota_is_the_users_to_mend(service: Service) -> None:
    body = '{"error": {"message": "You exceeded your quota", "code": "insufficient_quota", "param": null}}'
    service.server.faults.append(Fault(status=429, body=body))
    with pytest.raises(ConfigError, match="no quota left"):
        service.embedder("openai").embed(["a"])


def test_a_parameter_that_the_model_refuses_is_no_fault_of_the_text(service: Service) -> None:
    body = '{"error": {"message": "This model has no such sizes", "code": null, "param": "dimensions"}}'
    service.server.faults.append(Fault(status=400, body=body))
    with pytest.raises(ConfigError, match="refuses the parameter dimensions"):
        service.embedder("openai").embed(["a"])


@pytest.mark.parametrize(
    ("mode", "most"),
    [("openai", 2048), ("azure_openai", 2048), ("openai_compatible", 32), ("cohere", 96), ("bedrock", 96)],
)
def test_requests_hold_as_many_texts_as_the_service_takes(service: Service, mode: str, most: int) -> None:
    with Packer(service.embedder(mode)) as packer:
        packer.ask({b"%d" % number: f"t{number}" for number in range(most + 1)}).result()
    sizes = [len(body.get("input") or body["texts"]) for _, body in service.server.requests]
    assert sizes == [most, 1]


def test_openai_asks_for_a_size_only_where_one_is_configured(service: Service) -> None:
    service.embedder("openai").embed(["a"])
    with pytest.raises(ConfigError, match="1024 dimensions, expected 1536"):
        service.embedder("openai", dimensions=None).embed(["a"])
    assert [body.get("dimensions") for _, body in service.server.requests] == [1024, None]
    assert {body["encoding_format"] for _, body in service.server.requests} == {"base64"}


def test_an_unknown_model_needs_its_dimensions(service: Service) -> None:
    with pytest.raises(ConfigError, match=r"set `embedding\.dimensions`"):
        service.embedder("openai", model_name="brand-new", dimensions=None)
    with pytest.raises(ConfigError, match=r"embed-english-light-v2\.0"):
        service.embedder("cohere", model_name="brand-new")


def test_cohere_is_told_the_use_of_texts_only_by_models_that_ask(service: Service) -> None:
    service.embedder("cohere").embed(["a"])
    service.embedder("cohere", model_name="embed-english-v3.0").embed(["a"])
    assert [body.get("input_type") for _, body in service.server.requests] == [None, "search_document"]
