"""The commands as processes: what they print, how they exit, what lies in the database afterwards."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.destination_commands import acknowledging, assert_that, catalog, config, lines, run, run_program, stream
from tests.destination_pgvector.commands import PROGRAM, command_line, complete, contents, record, state
from vector_ingest.messages import status_line

SECRET = "s3cret-in-the-config"


def test_check_succeeds_on_a_working_configuration_and_leaves_nothing(database: Database, tmp_path: Path) -> None:
    ended = run_program(command_line(tmp_path, "check", config(database.indexing())))
    assert (ended.code, ended.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])
    with database.connect() as conn:
        assert conn.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone() == (0,)


BAD: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "no embedding": ({"embedding": None}, {}, "`embedding`"),
    "unknown mode": ({"embedding": {"mode": "tea leaves"}}, {}, "`embedding`.*expected one of"),
    "no key": ({"embedding": {"mode": "openai"}}, {}, "openai_key` is missing"),
    "chunk size": ({"processing": {"chunk_size": 0}}, {}, "`processing.chunk_size`"),
    "no processing": ({"processing": {}}, {}, "`processing.chunk_size` is required"),
    "port": ({}, {"port": "a lot"}, "`indexing.port`"),
    "credentials": ({}, {"credentials": SECRET}, "`indexing.credentials`"),
    "statement timeout": ({}, {"statement_timeout": 2_147_484}, "`indexing.statement_timeout`.*2147483"),
    "no host": ({}, {"host": ""}, "`indexing.host`"),
    "ssl mode": ({}, {"ssl_mode": "sometimes"}, "`indexing.ssl_mode`"),
    "index": ({}, {"index": {"type": "hnsw", "m": 1}}, "`indexing.index.m`"),
    "ef": ({}, {"index": {"type": "hnsw", "m": 40}}, "ef_construction is 64 and must be at least twice m, 80"),
    "password": ({}, {"credentials": {"password": SECRET}}, "authentication failed.*indexing.credentials.password"),
    "user": ({}, {"username": "nobody-known"}, "indexing.username"),
    "database": ({}, {"database": "nowhere"}, "does not exist.*indexing.database"),
    "ssl": ({}, {"ssl_mode": "require"}, "SSL.*indexing.ssl_mode"),
    "host": ({}, {"host": "no-such-host.invalid"}, "indexing.host"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_fails_the_check_with_a_message_that_names_it(
    database: Database, tmp_path: Path, name: str
) -> None:
    changes, indexing, expected = BAD[name]
    bad = config({**database.indexing(), **indexing}, **changes)
    ended = run(command_line(tmp_path, "check", bad))
    assert ended.code == 0
    (status,) = ended.of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert_that(status["message"], expected)
    assert SECRET not in str(ended.messages) + ended.errors
    assert "Traceback" not in str(ended.messages) + ended.errors


@pytest.mark.parametrize("name", ["no key", "password", "port"])
def test_a_bad_configuration_ends_a_write_with_a_config_error(database: Database, tmp_path: Path, name: str) -> None:
    changes, indexing, expected = BAD[name]
    bad = config({**database.indexing(), **indexing}, **changes)
    ended = run(command_line(tmp_path, "write", bad, catalog(stream("Docs", "append"))), lines(record(1, "a")))
    assert ended.code == 1
    assert ended.error()["failure_type"] == "config_error"
    assert_that(ended.error()["message"], expected)
    assert SECRET not in str(ended.messages) + ended.errors


@pytest.mark.parametrize(
    ("content", "expected"),
    [("[]", "JSON object"), ("{", "can't be read"), ('{"streams": [{}]}', "a `stream` is missing. Make it of")],
)
def test_a_bad_catalog_ends_a_write_with_a_config_error(
    database: Database, tmp_path: Path, content: str, expected: str
) -> None:
    line = command_line(tmp_path, "write", config(database.indexing()), {})
    (tmp_path / "catalog.json").write_text(content)
    ended = run(line)
    assert ended.code == 1
    assert ended.error()["failure_type"] == "config_error"
    assert expected in ended.error()["message"]


def test_properties_that_are_not_known_are_named_in_the_log_without_their_values(
    database: Database, tmp_path: Path
) -> None:
    """A typing error must not go unseen."""
    wrong = config({**database.indexing(), "shema": SECRET}, embeding=SECRET)
    wrong["processing"]["text_splitter"] = {"mode": "separator", "keep_seperator": SECRET}
    ended = run(command_line(tmp_path, "check", wrong))
    assert ended.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    unknown = "embeding, indexing.shema, processing.text_splitter.keep_seperator"
    expected = f"The configuration has properties that are not known and have no effect: {unknown}."
    assert [log["message"] for log in ended.of("LOG")] == [expected]


def test_a_user_without_rights_is_told_which_one_is_missing(database: Database, tmp_path: Path) -> None:
    with database.connect() as conn:
        conn.execute("CREATE EXTENSION vector")
        conn.execute(f"CREATE ROLE {database.name} LOGIN PASSWORD 'x'".encode())
    indexing = {**database.indexing(), "username": database.name, "credentials": {"password": "x"}}
    (status,) = run(command_line(tmp_path, "check", config(indexing))).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "permission denied for schema public" in status["message"]
    with database.connect() as conn:
        conn.execute(f"DROP ROLE {database.name}".encode())


def test_three_syncs_store_change_and_delete_and_search_finds(database: Database, tmp_path: Path) -> None:
    options = config(database.indexing())
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append_dedup")))
    first = run_program(
        write, lines(record(1, "the cat", _ab_source_file_url="a.md"), record(2, "a dog"), state(1), complete())
    )
    assert (first.code, [s["stream"]["stream_state"] for s in first.of("STATE")]) == (0, [{"n": 1}]), first
    assert first.of("STATE")[0]["destinationStats"] == {"recordCount": 2.0}
    assert contents(database) == ["text: the cat", "text: a dog"]
    second = run_program(
        write, lines(record(1, "the cat", _ab_source_file_url="a.md"), record(2, "a wolf"), state(2), complete())
    )
    assert second.code == 0
    assert any("1 unchanged, 1 documents written" in log["message"] for log in second.of("LOG"))
    third = run_program(write, lines(record(2, "", _ab_cdc_deleted_at="2026-01-01"), state(3), complete()))
    assert third.code == 0
    assert contents(database) == ["text: the cat"]
    search = [str(PROGRAM), "search", "--config", str(tmp_path / "config.json"), "--stream", "Docs", "--json"]
    done = subprocess.run([*search, "text: the cat"], capture_output=True, check=True)
    (found,) = json.loads(done.stdout)
    assert (found["document_id"], found["source"], found["text"]) == ("Stream_Docs_Key_1", "a.md", "text: the cat")
    assert abs(found["distance"]) < 1e-6
    plain = subprocess.run([*search[:-1], "anything"], capture_output=True, text=True, check=True)
    assert "1. a.md, chunk 0" in plain.stdout


def test_a_search_by_another_model_is_refused_before_its_vector_is_compared(database: Database, tmp_path: Path) -> None:
    options = config(database.indexing())
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append_dedup")))
    assert run(write, lines(record(1, "the cat"), complete())).code == 0
    line = command_line(tmp_path, "search", {**options, "embedding": {"mode": "local"}})
    ended = run([*line, "--stream", "Docs", "x"])
    assert (ended.code, ended.messages) == (1, [])
    assert_that(ended.errors, "`Docs` was filled by the model fake/1536, but set now is local/all-MiniLM-L6-v2: ")


def test_search_of_an_unknown_stream_says_so_on_stderr(database: Database, tmp_path: Path) -> None:
    with database.connect() as conn:
        conn.execute("CREATE EXTENSION vector")
    line = command_line(tmp_path, "search", config(database.indexing()))
    done = subprocess.run([*line, "--stream", "Nothing", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no table" in done.stderr


def test_a_source_that_breaks_off_is_a_transient_error_and_exit_code_1(database: Database, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(database.indexing()), catalog(stream("Docs", "append_dedup")))
    ended = run(write, lines(status_line("Docs", None, "STARTED"), record(1, "a"), state(1)))
    assert ended.code == 1
    assert ended.error()["failure_type"] == "transient_error"
    assert len(ended.of("STATE")) == 1


def test_a_state_comes_back_while_stdin_stays_open(database: Database, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(database.indexing()), catalog(stream("Docs", "append_dedup")))
    with acknowledging(write, record(1, "a"), state(1)) as process:
        assert contents(database) == ["text: a"]
        process.communicate()
        assert process.returncode == 0


def test_vectors_that_come_in_a_field_are_stored_as_they_are(database: Database, tmp_path: Path) -> None:
    embedding = {"mode": "from_field", "field_name": "v", "dimensions": 2}
    options = config(database.indexing(), embedding=embedding)
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append", None)))
    ended = run(write, lines(record(1, "a", v=[1, 2.5]), state(1)))
    assert ended.code == 0, ended
    with database.connect() as conn:
        assert conn.execute("SELECT embedding::text, metadata FROM docs").fetchall() == [
            ("[1,2.5]", {"id": 1, "_ab_stream": "Docs"})
        ]
    ended = run(write, lines(record(1, "a", v=[1, 2, 3])))
    assert (ended.code, ended.error()["failure_type"]) == (1, "config_error")
    assert "expected an array of 2 numbers in the field v, found 3" in ended.error()["message"]


def test_a_restart_of_the_server_is_waited_for(database: Database, tmp_path: Path) -> None:
    write = command_line(tmp_path, "write", config(database.indexing()), catalog(stream("Docs", "append_dedup")))
    with acknowledging(write, record(1, "a"), state(1)) as process:
        with database.connect() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'airbyte%'"
            )
        told, _ = process.communicate(lines(record(2, "b"), state(2)))
        assert process.returncode == 0
        rest = [json.loads(line) for line in told.splitlines()]
    assert [m["state"]["stream"]["stream_state"] for m in rest if m["type"] == "STATE"] == [{"n": 2}]
    assert contents(database) == ["text: a", "text: b"]
