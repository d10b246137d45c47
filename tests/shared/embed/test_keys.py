"""Where a key comes from, and that it goes nowhere but to its service."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from demo.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from tests.servers.embedding_server import KEY, EmbeddingServer
from tests.sessions import signed_in
from tests.shared.embed.services import embedder
from vector_ingest.errors import ConfigError

ENVIRONMENT = {"source": "environment", "variable": "LOOPBACK_KEY"}


def openai(server: EmbeddingServer, **more: Any) -> Any:
    return embedder("openai", base_url=f"{server.url}/v1", dimensions=1024, **more)


@pytest.fixture
def secrets(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """AWS Secrets Manager, and a machine that may read it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    create: Any = signed_in(ACCESS_KEY, SECRET_KEY, REGION).create_client
    client = create("secretsmanager", endpoint_url=s3_server.endpoint)
    yield client
    client.close()


def secret(client: Any, **content: Any) -> dict[str, Any]:
    """The form's part on a new secret."""
    name = f"vectors/{uuid.uuid4().hex}"
    client.create_secret(Name=name, **content)
    endpoint = client.meta.endpoint_url
    return {"source": "aws_secrets_manager", "name": name, "region_name": REGION, "endpoint": endpoint}


def test_a_key_is_taken_from_the_environment(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", f"{KEY}\n")
    with openai(embedding_server, key_from=ENVIRONMENT) as model:
        assert model.embed(["a"])[0].shape == (1, 1024)


def test_a_variable_that_is_not_there_is_named(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(ConfigError, match=r"LOOPBACK_KEY, .* is not set"),
        openai(embedding_server, key_from=ENVIRONMENT),
    ):
        pass
    monkeypatch.setenv("LOOPBACK_KEY", "")
    with pytest.raises(ConfigError, match=r"LOOPBACK_KEY, .* is empty"), openai(embedding_server, key_from=ENVIRONMENT):
        pass


def test_a_key_is_taken_from_a_secret_or_from_a_field_of_it(embedding_server: EmbeddingServer, secrets: Any) -> None:
    whole = secret(secrets, SecretString=KEY)
    part = {**secret(secrets, SecretString=f'{{"api_key": "{KEY}", "other": 1}}'), "field": "api_key"}
    for source in (whole, part):
        with openai(embedding_server, key_from=source) as model:
            assert model.embed(["a"])[0].shape == (1, 1024)


def test_a_secret_that_holds_no_key_says_what_it_holds_but_not_its_values(
    embedding_server: EmbeddingServer, secrets: Any
) -> None:
    fields = secret(secrets, SecretString='{"one": "hush", "two": "hush"}')
    for source, message in (
        ({**fields, "field": "three"}, "Expected the field three with a text in .*, found one, two"),
        ({**secret(secrets, SecretString="hush"), "field": "one"}, "Expected a JSON object with the field one"),
        (secret(secrets, SecretBinary=b"hush"), "found binary data"),
        ({**fields, "name": "not/there"}, "the secret not/there: ResourceNotFoundException. Check its name"),
    ):
        with pytest.raises(ConfigError, match=message) as caught, openai(embedding_server, key_from=source):
            pass
        assert "hush" not in f"{caught.value}{caught.value.__cause__!r}"


def test_in_the_cloud_only_the_form_holds_a_key(
    embedding_server: EmbeddingServer, secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = secret(secrets, SecretString=KEY)
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    monkeypatch.setenv("DEPLOYMENT_MODE", "cloud")
    for source in (ENVIRONMENT, stored):
        with (
            pytest.raises(ConfigError, match=r"can't be taken from .* in the cloud"),
            openai(embedding_server, key_from=source),
        ):
            pass


@pytest.mark.parametrize("mode", ["openai", "voyage"])
def test_white_space_around_a_key_is_no_part_of_it(embedding_server: EmbeddingServer, mode: str) -> None:
    options = {"openai": {"openai_key": f" {KEY}\n", "base_url": f"{embedding_server.url}/v1", "dimensions": 1024}}
    options["voyage"] = {"voyage_key": f"{KEY}\r\n", "base_url": f"{embedding_server.url}/voyage/v1"}
    with embedder(mode, **options[mode]) as model:
        assert model.embed(["a"])[0].shape == (1, 1024)


@pytest.mark.parametrize("key", ["two\nhush", "a\thush", "ü-hush"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", key)
    for given in ({"openai_key": key}, {"key_from": ENVIRONMENT}):
        with (
            pytest.raises(ConfigError, match="a character that no key has") as caught,
            openai(embedding_server, **given),
        ):
            pass
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "name", "more"),
    [
        ("openai", "openai_key", {}),
        ("azure_openai", "openai_key", {"api_base": "https://x", "deployment": "d"}),
        ("cohere", "cohere_key", {}),
        ("voyage", "voyage_key", {}),
    ],
)
def test_a_key_is_given_once(mode: str, name: str, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` is missing: add it, or say in `key_from` where it is"):
        embedder(mode, **more).__enter__()
    with pytest.raises(ConfigError, match=f"both `{name}` and `key_from` are given") as caught:
        embedder(mode, **more, **{name: "hush"}, key_from=ENVIRONMENT).__enter__()
    assert "hush" not in str(caught.value)


def test_every_service_takes_its_key_from_where_it_is(
    embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    azure = {"api_base": embedding_server.url, "deployment": "loopback-deployment", "dimensions": 1024}
    options: dict[str, dict[str, Any]] = {
        "azure_openai": azure,
        "openai_compatible": {"base_url": f"{embedding_server.url}/v1", "dimensions": 1024},
        "cohere": {"base_url": embedding_server.url},
        "voyage": {"base_url": f"{embedding_server.url}/voyage/v1"},
    }
    for mode, more in options.items():
        with embedder(mode, **more, key_from=ENVIRONMENT) as model:
            assert model.embed(["a"])[0].shape == (1, 1024)
