"""A command in a fork is the command: what it says and does is what the real program says and does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.conftest import Bucket, Database
from tests.destination_commands import COMMANDS, Ended, catalog, config, run, run_program, stream
from tests.destination_pgvector.commands import command_line
from tests.fork_server import BEFORE_IMPORTS
from tests.forks import READ_AT_START, Command
from tests.source_s3 import commands
from vector_ingest.messages import record_line, state_line, status_line

SOURCE = str(COMMANDS / "source-s3")
PRELOAD = """
import os
class Seen(type(os.environ)):
    def __getitem__(self, name):
        print(name)
        return super().__getitem__(name)
os.environ.__class__ = Seen
import sys
from tests.fork_server import preload, threads
preload()
sys.exit(f"{threads()} threads" if threads() > 1 else "pandas" if "pandas" in sys.modules else 0)
"""


def said(ended: Ended) -> tuple[int, list[Any], str]:
    """All of it but the moments."""
    messages = [
        {**message, message["type"].lower(): _timeless(message[message["type"].lower()])}
        for message in ended.messages
        if message["type"] in ("RECORD", "STATE", "TRACE", "CATALOG", "SPEC")
    ]
    return ended.code, messages, ended.errors


def _timeless(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "emitted_at"}


def test_what_is_loaded_before_a_fork_starts_no_thread_and_reads_nothing_that_a_test_may_set() -> None:
    line = [sys.executable, "-c", PRELOAD]
    done = subprocess.run(line, env={**os.environ, **BEFORE_IMPORTS}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = set(done.stdout.split())
    assert "ARROW_DEFAULT_MEMORY_POOL" in read
    assert not [name for name in read if not name.startswith((*READ_AT_START, "HOME"))]  # HOME: of Python's own paths


@pytest.mark.parametrize("line", [[], ["wrong"], ["read", "--config", "x"], ["spec"], ["check", "--config", "none"]])
def test_arguments_are_answered_as_by_the_program(line: list[str]) -> None:
    assert said(run([SOURCE, *line])) == said(run_program([SOURCE, *line]))


def test_a_read_says_what_the_program_says(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("a.csv", "id,text\n" + "".join(f"{number},text {number}\n" for number in range(5000)))
    line = commands.arguments(tmp_path, "read", commands.config(bucket), commands.catalog())
    fork, program = said(run(line)), said(run_program(line))
    assert fork == program
    assert len(fork[1]) > 5000


def test_a_write_says_what_the_program_says(database: Database, tmp_path: Path) -> None:
    line = command_line(tmp_path, "write", config(database.indexing()), catalog(stream("Docs", "append_dedup")))
    records = [record_line("Docs", None, {"id": number, "text": "a" * 1000}, 1) for number in range(300)]
    end = [state_line("Docs", None, {"n": 1}, 300), status_line("Docs", None, "COMPLETE"), b""]
    stdin = b"\n".join([*records, *end])  # more than a pipe holds
    fork = said(run(line, stdin))
    assert fork == said(run_program(line, stdin))
    assert (fork[0], len(fork[1])) == (0, 1)


def test_each_fork_has_its_own_environment(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("a.csv", "id\n1\n")
    line = commands.arguments(tmp_path, "check", commands.config(bucket))
    assert "S3_READ_TIMEOUT_SECONDS is 'soon'" in str(run(line, S3_READ_TIMEOUT_SECONDS="soon").messages)
    assert run(line).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    monkeypatch.setenv("S3_READ_TIMEOUT_SECONDS", "never")
    assert "S3_READ_TIMEOUT_SECONDS is 'never'" in str(run(line).messages)


def test_what_python_reads_at_its_start_is_refused() -> None:
    with pytest.raises(ValueError, match=r"PYTHONPROFILEIMPORTTIME.*start the real program"):
        run([SOURCE, "spec"], PYTHONPROFILEIMPORTTIME="1")


def test_forks_run_beside_each_other_in_folders_of_their_own_and_can_be_killed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"path": str(folder)}))
        os.mkfifo(folder / "waits.json")
    line = [SOURCE, "check", "--config", "config.json"]
    waiting = [SOURCE, "check", "--config", "waits.json"]  # a configuration that nobody writes
    with Command(waiting, folder=folders[0]) as first, Command(waiting, folder=folders[1]) as second:
        assert first.pid != second.pid
        assert (first.poll(), second.poll()) == (None, None)
        first.kill()
        assert first.wait() == -9
        assert second.poll() is None
        with Command(line, folder=folders[1]) as third:
            assert json.loads(third.stdout.readlines()[-1])["type"] == "CONNECTION_STATUS"
            assert third.wait() == 0
        second.kill()
        assert second.wait() == -9


def test_a_fork_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waits.json")
    line = [SOURCE, "check", "--config", str(tmp_path / "waits.json")]
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run(line, b"", dict(os.environ), 0.5)
