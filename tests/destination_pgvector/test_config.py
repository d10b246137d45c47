import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

from destination_pgvector.config import GROUPS, Config
from tests.contract.form import nodes
from vector_ingest.spec import connection_specification, parse_config

SPEC = json.loads(files("destination_pgvector").joinpath("spec.json").read_text())
FORM = SPEC["connectionSpecification"]
CONNECTOR = Path(__file__).parents[2] / "destination-pgvector"
# The configuration of Airbyte's destination-pgvector 0.1.13, with all that its form has.
PEER = {
    "embedding": {
        "mode": "openai_compatible",
        "base_url": "http://x",
        "dimensions": 3,
        "api_key": "",
        "model_name": "m",
    },
    "processing": {
        "chunk_size": 512,
        "chunk_overlap": 10,
        "text_fields": ["text", "users.*.name"],
        "metadata_fields": [],
        "text_splitter": {"mode": "separator", "separators": ['"\\n\\n"'], "keep_separator": False},
        "field_name_mappings": [{"from_field": "a", "to_field": "b"}],
    },
    "omit_raw_text": False,
    "indexing": {
        "host": "h",
        "port": 5432,
        "database": "d",
        "default_schema": "public",
        "username": "u",
        "credentials": {"password": "p"},
    },
}


def test_the_committed_spec_is_that_of_the_model() -> None:
    """To renew it: write `connection_specification(Config, GROUPS)` into spec.json."""
    assert connection_specification(Config, GROUPS) == FORM


def test_the_configuration_of_airbytes_own_connector_is_taken_as_it_is() -> None:
    jsonschema.Draft7Validator(FORM).validate(PEER)
    config = parse_config(Config, PEER)
    assert config.indexing.index.type == "hnsw"
    assert config.indexing.ssl_mode.mode == "prefer"
    assert config.processing.chunk_overlap == 10


def test_every_property_of_the_form_has_a_title_and_belongs_to_a_group() -> None:
    groups = {group["id"] for group in FORM["groups"]}
    for name, node in FORM["properties"].items():
        assert node["title"], name
        assert node["group"] in groups, name


@pytest.mark.parametrize("name", ["password", "openai_key", "api_key", "cohere_key"])
def test_secrets_are_marked(name: str) -> None:
    found = [node[name] for node in nodes(FORM) if isinstance(node.get(name), dict) and "title" in node[name]]
    assert found
    assert all(node["airbyte_secret"] is True for node in found)


def test_metadata_is_what_the_registry_expects_and_asks_for_refreshes() -> None:
    metadata = yaml.safe_load((CONNECTOR / "metadata.yaml").read_text())
    ConnectorMetadataDefinitionV0.model_validate(metadata)
    assert metadata["data"]["supportsRefreshes"] is True
    assert (CONNECTOR / metadata["data"]["icon"]).exists()
