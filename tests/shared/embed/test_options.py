"""The form, and that a configuration of Airbyte's own destination is taken as it is."""

from typing import Any

import pytest
from pydantic import BaseModel

from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.embed.options import EmbeddingConfig
from vector_ingest.errors import ConfigError
from vector_ingest.forms.processing import ProcessingConfig


class Config(BaseModel):
    embedding: EmbeddingConfig
    processing: ProcessingConfig


FORM = connection_specification(Config, {})["properties"]
CHOICES = {choice["properties"]["mode"]["const"]: choice for choice in FORM["embedding"]["oneOf"]}


@pytest.mark.parametrize(
    "embedding",
    [
        {"mode": "openai", "openai_key": "k"},
        {"mode": "azure_openai", "openai_key": "k", "api_base": "https://x.openai.azure.com", "deployment": "d"},
        {"mode": "openai_compatible", "base_url": "http://127.0.0.1", "dimensions": 3},
        {"mode": "openai_compatible", "api_key": "k", "base_url": "http://u", "model_name": "m", "dimensions": 3},
        {"mode": "cohere", "cohere_key": "k"},
        {"mode": "fake"},
        {"mode": "from_field", "field_name": "vector", "dimensions": 3},
    ],
    ids=lambda embedding: embedding["mode"],
)
def test_what_airbytes_destinations_take_is_taken(embedding: dict[str, Any]) -> None:
    splitter = {"mode": "separator", "separators": ['"\\n"'], "keep_separator": True}
    mappings = [{"from_field": "a", "to_field": "b"}]
    processing = {"chunk_size": 512, "text_fields": None, "metadata_fields": ["a"], "text_splitter": splitter}
    config = {"embedding": embedding, "processing": {**processing, "field_name_mappings": mappings}}
    assert parse_config(Config, config).embedding.mode == embedding["mode"]


@pytest.mark.parametrize("address", ["api.example.com/v1", "localhost:11434", "ftp://x", "", "https://"])
@pytest.mark.parametrize(
    ("mode", "name", "more"),
    [
        ("azure_openai", "api_base", {"openai_key": "k", "deployment": "d"}),
        ("openai_compatible", "base_url", {"dimensions": 3}),
        ("cohere", "base_url", {"cohere_key": "k"}),
    ],
)
def test_an_address_that_no_client_can_reach_is_named(address: str, mode: str, name: str, more: dict[str, Any]) -> None:
    config = {"embedding": {"mode": mode, name: address, **more}, "processing": {"chunk_size": 1}}
    if mode == "cohere" and not address:  # left empty in the form: the service's own
        empty: Any = parse_config(Config, config).embedding
        assert empty.base_url is None
        return
    with pytest.raises(
        ConfigError, match=f"embedding.*{name}.*expected an address that begins with https:// .*{address}"
    ):
        parse_config(Config, config)


def test_an_address_is_taken_without_white_space_and_its_password_is_not_repeated() -> None:
    embedding = {"mode": "openai_compatible", "dimensions": 3, "base_url": " http://x:1/v1\n"}
    found: Any = parse_config(Config, {"embedding": embedding, "processing": {"chunk_size": 1}}).embedding
    assert found.base_url == "http://x:1/v1"
    with pytest.raises(ConfigError) as caught:
        parse_config(Config, {"embedding": {**embedding, "base_url": "me:hush@x"}, "processing": {"chunk_size": 1}})
    assert "hush" not in str(caught.value)


def test_keys_are_secrets_in_the_form_and_everywhere_else() -> None:
    secrets = {
        (mode, name)
        for mode, choice in CHOICES.items()
        for name, option in choice["properties"].items()
        if option.get("airbyte_secret")
    }
    assert secrets == {
        ("openai", "openai_key"),
        ("azure_openai", "openai_key"),
        ("openai_compatible", "api_key"),
        ("cohere", "cohere_key"),
        ("voyage", "voyage_key"),
    }
    config = parse_config(
        Config, {"embedding": {"mode": "cohere", "cohere_key": "hush"}, "processing": {"chunk_size": 1}}
    )
    assert "hush" not in repr(config)


def test_every_option_has_a_title_and_a_place_of_its_own() -> None:
    forms = [*CHOICES.values(), FORM["processing"], *FORM["processing"]["properties"]["text_splitter"]["oneOf"]]
    for form in forms:
        options = {name: option for name, option in form["properties"].items() if name != "mode"}
        assert all(option.get("title") for option in options.values())
        orders = [option["order"] for option in options.values()]
        assert len(set(orders)) == len(orders)
        assert form["title"]
        assert form is FORM["processing"] or form["description"]


def test_a_mode_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="openai_compatible"):
        parse_config(Config, {"embedding": {"mode": "bert"}, "processing": {"chunk_size": 1}})
