from typing import Annotated, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, SecretStr

from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.errors import ConfigError


class Keys(BaseModel):
    kind: Literal["keys"] = "keys"
    key: SecretStr = Field(title="Key")


class Nothing(BaseModel):
    kind: Literal["nothing"] = "nothing"
    properties: str | None = Field(None, title="A property of an unlucky name")


class Form(BaseModel):
    """A form with one choice."""

    sign_in: Annotated[Keys | Nothing, Field(discriminator="kind", title="Sign-in", json_schema_extra={"order": 0})]
    region: str | None = Field(None, title="Region", json_schema_extra={"order": 1})


def test_a_choice_is_a_oneof_of_objects_with_a_required_constant() -> None:
    spec = connection_specification(Form, {})
    choice = spec["properties"]["sign_in"]
    assert choice["type"] == "object"
    assert choice["title"] == "Sign-in"
    assert [branch["properties"]["kind"]["const"] for branch in choice["oneOf"]] == ["keys", "nothing"]
    assert all("kind" in branch["required"] for branch in choice["oneOf"])


def test_a_secret_is_marked_and_an_optional_field_is_plain() -> None:
    spec = connection_specification(Form, {})
    assert spec["properties"]["sign_in"]["oneOf"][0]["properties"]["key"] == {
        "title": "Key",
        "type": "string",
        "airbyte_secret": True,
    }
    assert spec["properties"]["region"] == {"title": "Region", "type": "string", "order": 1}


def test_a_property_may_be_called_like_a_keyword() -> None:
    nothing = connection_specification(Form, {})["properties"]["sign_in"]["oneOf"][1]
    assert nothing["properties"]["properties"] == {"title": "A property of an unlucky name", "type": "string"}


def test_the_form_is_draft_7_without_what_the_form_generator_cannot_read() -> None:
    spec = connection_specification(Form, {"advanced": "Advanced"})
    jsonschema.Draft7Validator.check_schema(spec)
    text = str(spec)
    assert not any(word in text for word in ("$ref", "$defs", "anyOf", "discriminator", "additionalProperties"))
    assert spec["groups"] == [{"id": "advanced", "title": "Advanced"}]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "`sign_in` is required and missing: add it"),
        ({"sign_in": {"key": "s3cr3t"}}, "`sign_in` lacks 'kind'"),
        ({"sign_in": {"kind": "magic", "key": "s3cr3t"}}, "expected one of 'keys', 'nothing'"),
        ({"sign_in": {"kind": "keys"}}, "`sign_in.key` is required"),
        ({"sign_in": {"kind": "keys", "key": ["s3cr3t"]}}, "`sign_in.key`: input should be a valid string"),
        ({"sign_in": {"kind": "nothing"}, "region": 5}, "`region`: .* \\(found a value of type int\\)"),
    ],
)
def test_a_wrong_configuration_names_the_property_and_no_secret(config: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(Form, config)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__
