"""The command against an embedding service on loopback: what the check says, and what becomes of refused texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.destination_commands import Ended, catalog, config, lines, run, stream
from tests.destination_pgvector.commands import command_line, complete, contents, record, state
from tests.servers.embedding_server import DIMENSIONS, KEY, EmbeddingServer, Limits
from tests.servers.running import running

MODEL = "text-embedding-3-small"


@pytest.fixture
def embedding_server() -> Iterator[EmbeddingServer]:
    with running(EmbeddingServer(poison="poison", tokens_per_text=30, models=[MODEL])) as server:
        yield server


def with_model(database: Database, server: EmbeddingServer, model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    embedding = {
        "mode": "openai",
        "openai_key": KEY,
        "model_name": MODEL,
        "base_url": f"{server.url}/v1",
        "dimensions": DIMENSIONS,
        **model,
    }
    return config({**database.indexing(), "index": {"type": "none"}}, embedding=embedding, **changes)


def write(folder: Path, options: dict[str, Any], *messages: bytes) -> Ended:
    line = command_line(folder, "write", options, catalog(stream("Docs", "append_dedup")))
    return run(line, lines(*messages))


def told(ended: Ended) -> str:
    return "\n".join(log["message"] for log in ended.of("LOG"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"openai_key": "sk-wrong"}, "refuses the key (status 401)"),
        ({"model_name": "text-embedding-9", "dimensions": DIMENSIONS}, "does not know the model"),
        ({"dimensions": None}, f"{DIMENSIONS} dimensions, expected 1536"),
    ],
    ids=["key", "model", "dimension"],
)
def test_the_check_says_what_is_wrong_with_the_model(
    database: Database, embedding_server: EmbeddingServer, tmp_path: Path, model: dict[str, Any], message: str
) -> None:
    (status,) = run(command_line(tmp_path, "check", with_model(database, embedding_server, model))).of(
        "CONNECTION_STATUS"
    )
    assert status["status"] == "FAILED"
    assert message in status["message"]
    assert len(embedding_server.requests) <= 1


def test_a_record_whose_text_is_refused_is_passed_over_and_what_is_stored_of_it_stays(
    database: Database, embedding_server: EmbeddingServer, tmp_path: Path
) -> None:
    options = with_model(
        database,
        embedding_server,
        {"price_per_million_tokens": 1000, "tokens_per_minute": 10_000_000},
        refused_records={"type": "skip", "most": 1},
    )
    assert write(tmp_path, options, record(1, "one"), record(2, "two"), complete()).code == 0
    ended = write(tmp_path, options, record(1, "now poison"), record(2, "two new"), state(1), complete())
    assert ended.code == 0
    assert len(ended.of("STATE")) == 1
    assert contents(database) == ["text: one", "text: two new"]
    assert "Passed over `Stream_Docs_Key_1` of stream `Docs`" in told(ended)
    assert "1 records failed; 1 texts refused by the model" in told(ended)
    # Two texts in one request, then each alone; the second is charged with its three words.
    assert "3 requests to the model, 0 throttled, 0 tried again, cost 0.0030" in told(ended)
    many = write(tmp_path, options, record(1, "poison a"), record(2, "poison b"), state(2), complete())
    assert many.code == 1
    assert "at most 1 may be" in many.error()["message"]
    assert many.of("STATE") == []


def test_without_a_choice_a_refused_text_ends_the_sync(
    database: Database, embedding_server: EmbeddingServer, tmp_path: Path
) -> None:
    ended = write(
        tmp_path, with_model(database, embedding_server, {}), record(1, "fine"), record(2, "poison"), state(1)
    )
    assert ended.code == 1
    assert "document `Stream_Docs_Key_2` of stream `Docs`" in ended.error()["message"]
    assert "the text that begins with 'text: poison'" in ended.error()["message"]
    assert ended.of("STATE") == []


@pytest.mark.parametrize("policy", ["split", "truncate", "refuse"])
def test_a_text_that_the_model_finds_too_long_is_cut_shortened_or_refused(
    database: Database, embedding_server: EmbeddingServer, tmp_path: Path, policy: str
) -> None:
    words = [f"w{number}" for number in range(70)]  # two or three of our tokens each, one of the service's
    options = with_model(database, embedding_server, {}, too_long_texts=policy)
    ended = write(tmp_path, options, record(1, " ".join(words)), record(2, "short"), state(1), complete())
    found = contents(database)
    if policy == "refuse":
        assert ended.code == 1
        assert "maximum context length is 30 tokens" in ended.error()["message"]
        return
    assert ended.code == 0
    assert " ".join(found) == f"text: {' '.join(words)} text: short"
    with database.connect() as conn:
        query = b"SELECT metadata->'_ab_truncated_chunks' FROM docs ORDER BY document_id, chunk_number"
        marks = [row[0] for row in conn.execute(query)]
    if policy == "split":
        assert len(found) == 5
        assert marks == [None] * 5
    else:
        assert marks == [[0], None]
        assert "1 texts truncated" in told(ended)
    requests = len(embedding_server.requests)
    again = write(tmp_path, options, record(1, " ".join(words)), record(2, "short"), complete())
    assert "2 unchanged" in told(again)
    assert len(embedding_server.requests) == requests


def test_the_limits_of_the_form_are_kept(database: Database, embedding_server: EmbeddingServer, tmp_path: Path) -> None:
    embedding_server.limits = Limits(1_000_000, 60, begin=1 / 60, headers=False)
    options = with_model(database, embedding_server, {"requests_per_minute": 60})
    messages = [record(number, f"text {number} " + "word " * 20) for number in range(5)]
    ended = write(tmp_path, options, *messages, state(1), complete())
    assert ended.code == 0
    assert embedding_server.limits.refused == 0
