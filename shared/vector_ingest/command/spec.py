"""A pydantic model as Airbyte's connectionSpecification, and a configuration as that model.

The form generator reads draft-07 without $ref, anyOf and discriminators; a choice is a oneOf of objects that share
one required `const`. SecretStr becomes `airbyte_secret`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vector_ingest.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def connection_specification(model: type[BaseModel], groups: Mapping[str, str]) -> dict[str, Any]:
    """The form of `model`; `groups` are its sections: id -> title."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    spec: dict[str, Any] = _plain(schema, definitions)
    spec["$schema"] = "http://json-schema.org/draft-07/schema#"
    spec["groups"] = [{"id": name, "title": title} for name, title in groups.items()]
    return spec


def parse_config(model: type[Model], config: Mapping[str, Any]) -> Model:
    """ConfigError names each wrong property, what was expected, and the remedy; it shows no values of secrets."""
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems = "; ".join(_problem(config, detail) for detail in error.errors(include_url=False))
        raise ConfigError(f"The configuration is not valid. {problems}.") from None  # the cause holds the values


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**definitions[name], **siblings}, definitions)  # what stands beside a $ref wins
    if "anyOf" in node:
        kept = [option for option in node["anyOf"] if option != {"type": "null"}]
        if len(kept) == 1:
            siblings = {key: value for key, value in node.items() if key != "anyOf"}
            return _plain({**kept[0], **siblings}, definitions)
    if "properties" in node:  # names of properties are no keywords
        properties = {name: _plain(value, definitions) for name, value in node["properties"].items()}
        rest = {key: _plain(value, definitions) for key, value in node.items() if key != "properties"}
        return _finish({**rest, "properties": properties})
    return _finish({key: _plain(value, definitions) for key, value in node.items()})


def _finish(node: dict[str, Any]) -> dict[str, Any]:
    node.pop("discriminator", None)
    node.pop("additionalProperties", None)
    if node.get("default", "") is None:
        del node["default"]
    if node.pop("writeOnly", False):
        node.pop("format", None)
        node["airbyte_secret"] = True
    if "oneOf" in node:
        node["type"] = "object"
        for branch in node["oneOf"]:
            _require_constants(branch)
    return node


def _require_constants(branch: dict[str, Any]) -> None:
    """The constant of a branch tells which one was chosen; pydantic does not require what has a default."""
    constants = [name for name, value in branch["properties"].items() if "const" in value]
    missing = [name for name in constants if name not in branch.get("required", [])]
    branch["required"] = [*branch.get("required", []), *missing]


def _problem(config: Mapping[str, Any], detail: ErrorDetails) -> str:
    """One sentence on one error."""
    place = _place(config, detail["loc"])
    match detail["type"]:
        case "missing":
            return f"`{place}` is required and missing: add it"
        case "union_tag_not_found":
            return f"`{place}` lacks {detail['ctx']['discriminator']}, which says which kind it is: add it"
        case "union_tag_invalid":
            return f"`{place}` is of a kind that is not known: expected one of {detail['ctx']['expected_tags']}"
        case _:
            message = detail["msg"].removeprefix("Value error, ").rstrip(".")
            found = (
                "" if detail["type"] == "value_error" else f" (found a value of type {type(detail['input']).__name__})"
            )
            return f"`{place}`: {message[:1].lower()}{message[1:]}{found}"


def _place(config: Mapping[str, Any], location: tuple[int | str, ...]) -> str:
    """A path as the user wrote it, such as `streams.0.format.delimiter`: pydantic adds the kind of each choice."""
    node: Any = config
    path: list[str] = []
    for part in location:
        if isinstance(node, Mapping) and part not in node and part in node.values():
            continue
        path.append(str(part))
        node = _step(node, part)
    return ".".join(path) or "configuration"


def _step(node: Any, part: int | str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
