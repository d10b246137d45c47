"""The command of every destination before it does anything: its form, its help, and wrong arguments."""

import subprocess
from pathlib import Path

import pytest

from tests.destination_commands import COMMANDS, run_program

PACKAGES = {"destination-pgvector": "destination_pgvector", "destination-s3vectors": "destination_s3vectors"}
HEAVY = {"airbyte_cdk", "psycopg", "botocore", "boto3", "numpy", "orjson", "pydantic"}
HELP = {
    "--help": ["spec", "check", "write", "search", "replay", "examples:", "Exit code: 0 done"],
    "write --help": ["--config", "--catalog"],
    "search --help": ["--config", "--stream", "--tenant", "--limit"],
    "replay --help": ["--config", "--dry-run"],
}


SEARCH = ["search", "--config", "x", "--stream", "s", "a question"]


@pytest.fixture(params=PACKAGES)
def program(request: pytest.FixtureRequest) -> Path:
    return COMMANDS / str(request.param)


def test_spec_is_one_message_and_imports_nothing_heavy(program: Path) -> None:
    ended = run_program([str(program), "spec"])
    assert ended.code == 0
    (spec,) = ended.of("SPEC")
    assert set(spec["supported_destination_sync_modes"]) == {"append", "overwrite", "append_dedup"}
    code = (
        f"import sys; sys.argv = ['x', 'spec']; from {PACKAGES[program.name]}.run import main\n"
        f"try: main()\nexcept SystemExit: sys.exit(bool({HEAVY} & set(sys.modules)))"
    )
    assert subprocess.run([COMMANDS / "python", "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("line", HELP)
def test_help_tells_how_to_use_it(program: Path, line: str) -> None:
    done = subprocess.run([program, *line.split()], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [words for words in HELP[line] if words not in done.stdout] == []


@pytest.mark.parametrize("connector", [*PACKAGES, "source-s3"])
def test_a_reader_that_has_seen_enough_of_the_spec_is_no_error(connector: str) -> None:
    line = [str(COMMANDS / connector), "spec"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_search_for_less_than_one_chunk_is_a_wrong_argument(program: Path, limit: str) -> None:
    line = [str(program), "search", "--config", "x", "--stream", "s", f"--limit={limit}", "question"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"expected a number from 1, found '{limit}'" in done.stderr


@pytest.mark.parametrize("line", [[], ["wrong"], ["check"], ["write", "--config", "x"]])
def test_wrong_arguments_exit_with_2(program: Path, line: list[str]) -> None:
    assert subprocess.run([program, *line], capture_output=True, check=False).returncode == 2
