import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from destination_pgvector.config import GROUPS, Config
from vector_ingest.command.spec import connection_specification, parse_config
from vector_ingest.errors import ConfigError

SPEC = json.loads(files("destination_pgvector").joinpath("spec.json").read_text())
FORM = SPEC["connectionSpecification"]
# The configuration of Airbyte's destination-pgvector 0.1.13, with all that its form has.
PEER: dict[str, Any] = {
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
    """To renew it: `make spec`."""
    assert connection_specification(Config, GROUPS) == FORM


def test_the_configuration_of_airbytes_own_connector_is_taken_as_it_is() -> None:
    jsonschema.Draft7Validator(FORM).validate(PEER)
    config = parse_config(Config, PEER)
    assert config.indexing.index.type == "hnsw"
    assert config.indexing.ssl_mode.mode == "prefer"
    assert config.processing.chunk_overlap == 10


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"text_search": "english"}, "text_search needs the texts, and omit_raw_text leaves them out"),
        ({"table_for": {"type": "all", "name": "n" * 64}}, "a name of at most 63 bytes, found 64"),
    ],
)
def test_tables_that_can_not_be_are_refused_with_the_remedy(tables: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config(Config, {**PEER, "omit_raw_text": True, "indexing": {**PEER["indexing"], "tables": tables}})
