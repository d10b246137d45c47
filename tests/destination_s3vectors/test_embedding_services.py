"""A destination with a real provider's client: what is asked of it when, and what is stored when it is wrong."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from destination_s3vectors.connector import CONNECTOR
from tests.conftest import VectorBucket
from tests.destination_commands import COMMANDS, arguments, catalog, config, run, stream
from tests.servers.embedding_server import KEY, EmbeddingServer
from vector_ingest.command.pipeline import find, write_lines
from vector_ingest.command.search import Scope
from vector_ingest.errors import ConfigError

RECORD = {"stream": "docs", "emitted_at": 1, "data": {"id": 1, "text": "Rye is sown in autumn."}}
LINE = json.dumps({"type": "RECORD", "record": RECORD}).encode() + b"\n"


def with_voyage(bucket: VectorBucket, server: EmbeddingServer, **more: Any) -> dict[str, Any]:
    voyage = {"mode": "voyage", "voyage_key": KEY, "base_url": f"{server.url}/voyage/v1", **more}
    return config(bucket.indexing(), embedding=voyage)


def write(options: dict[str, Any]) -> None:
    write_lines(CONNECTOR, options, catalog(stream("docs", "append_dedup")), BytesIO(LINE), lambda _: None)


def test_a_sync_embeds_documents_and_a_search_a_question(
    vector_bucket: VectorBucket, embedding_server: EmbeddingServer
) -> None:
    options = with_voyage(vector_bucket, embedding_server)
    write(options)
    (found,) = find(CONNECTOR, options, Scope("docs"), "When is rye sown?", 3)
    assert found.text == "text: Rye is sown in autumn."
    assert [body["input_type"] for _, body in embedding_server.requests] == ["document", "query"]


def test_nothing_is_stored_where_the_model_has_other_dimensions(
    vector_bucket: VectorBucket, embedding_server: EmbeddingServer
) -> None:
    compatible = {
        "mode": "openai_compatible",
        "base_url": f"{embedding_server.url}/ollama/v1",
        "model_name": "all-minilm",
    }
    wrong = config(vector_bucket.indexing(), embedding={**compatible, "dimensions": 384})
    with pytest.raises(ConfigError, match="1024 dimensions, expected 384"):
        write(wrong)
    shortened = {**compatible, "dimensions": 384, "shorten": True}
    assert find(CONNECTOR, {**wrong, "embedding": shortened}, Scope("docs"), "rye", 3) == []


def test_a_key_of_the_environment_is_in_nothing_that_is_printed(
    vector_bucket: VectorBucket, embedding_server: EmbeddingServer, tmp_path: Path
) -> None:
    """The service repeats the key in its message."""
    wrong = "sk-wrong-0815-hush"
    source = {"source": "environment", "variable": "LOOPBACK_KEY"}
    openai = {"mode": "openai", "key_from": source, "base_url": f"{embedding_server.url}/v1"}
    options = config(vector_bucket.indexing(), embedding=openai)
    ended = run(arguments(COMMANDS / "destination-s3vectors", tmp_path, "check", options), LOOPBACK_KEY=wrong)
    (status,) = ended.of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "refuses the key" in status["message"]
    assert wrong not in json.dumps(ended.messages) + ended.errors
