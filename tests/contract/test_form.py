"""Every connector's form keeps to what Airbyte's form generator can show."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from tests.contract.form import nodes

CONNECTORS = ["source_s3", "destination_pgvector", "destination_s3vectors"]
UNKNOWN = {"$ref", "anyOf", "allOf", "not", "discriminator", "patternProperties"}


@pytest.fixture(params=CONNECTORS)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(files(request.param).joinpath("spec.json").read_text())
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
