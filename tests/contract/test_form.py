"""Every connector's form keeps to what Airbyte's form generator can show."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from tests.contract.form import nodes

KEYS = {"api_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
OF_PROVIDERS = {"cohere_key", "openai_key", "voyage_key"}
CERTIFICATES = {"ca_certificate", "client_certificate", "client_key", "client_key_password"}
# What no log may show.
SECRETS = {
    "source_s3": KEYS,
    "destination_pgvector": {*KEYS, *OF_PROVIDERS, *CERTIFICATES, "password", "url", "ssh_key", "tunnel_user_password"},
    "destination_s3vectors": KEYS | OF_PROVIDERS,
}
UNKNOWN = {"$ref", "anyOf", "allOf", "not", "discriminator", "patternProperties"}


@pytest.fixture(params=SECRETS)
def connector(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def form(connector: str) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(files(connector).joinpath("spec.json").read_text())
    found: dict[str, Any] = spec["connectionSpecification"]
    return found


def test_the_form_is_draft_7_without_keywords_that_the_form_generator_can_not_show(form: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(form)
    for node in nodes(form):
        assert not UNKNOWN & set(node)


def test_each_branch_of_a_choice_has_a_title_and_a_required_constant(form: dict[str, Any]) -> None:
    choices = [node for node in nodes(form) if "oneOf" in node]
    assert choices
    for choice in choices:
        assert choice["type"] == "object"
        for branch in choice["oneOf"]:
            assert branch["title"]
            assert any("const" in branch["properties"][name] for name in branch["required"])


def test_properties_have_an_order_of_their_own_in_their_group(form: dict[str, Any]) -> None:
    for node in nodes(form):
        if isinstance(node.get("properties"), dict) and "title" in node:
            values = [value for value in node["properties"].values() if "const" not in value and "order" in value]
            orders = [(value.get("group"), value["order"]) for value in values]
            assert len(orders) == len(set(orders)), node["title"]


def test_every_property_has_a_title_and_belongs_to_a_group(form: dict[str, Any]) -> None:
    groups = {group["id"] for group in form["groups"]}
    for name, node in form["properties"].items():
        assert node["title"], name
        assert node["group"] in groups, name


def test_secrets_are_marked_wherever_they_are_asked_for(connector: str, form: dict[str, Any]) -> None:
    properties = [
        (name, value)
        for node in nodes(form)
        for name, value in node.items()
        if isinstance(value, dict) and "title" in value
    ]
    assert {name for name, value in properties if value.get("airbyte_secret")} == SECRETS[connector]
    assert all(value.get("airbyte_secret") for name, value in properties if name in SECRETS[connector])
