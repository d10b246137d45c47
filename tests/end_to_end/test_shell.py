"""The page for users of a shell does what it shows: its configurations and its commands, in their order."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bucket, Database

PAGE = (Path(__file__).parents[2] / "docs" / "shell.md").read_text()
CONFIGURATIONS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq makes the small files of the page")


def shell(folder: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """As they stand, in one shell that ends at the first that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-ec", commands], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def write_configurations(folder: Path, bucket: Bucket, database: Database) -> None:
    """Those of the page, but for who signs in where, and for a model that needs no service."""
    source, destination, *_ = CONFIGURATIONS
    (folder / "source.json").write_text(json.dumps({**source, **bucket.sign_in()}))
    here: dict[str, Any] = {"embedding": {"mode": "fake"}, "indexing": database.indexing()}
    (folder / "pgvector.json").write_text(json.dumps({**destination, **here}))


def test_the_commands_of_the_page_make_two_syncs_and_a_search(
    tmp_path: Path, bucket: Bucket, database: Database
) -> None:
    bucket.put("handbook/keys.md", "# Keys\n\nThey are rotated in March.\n")
    write_configurations(tmp_path, bucket, database)
    checks, discover, first, second, search, failed = COMMANDS
    done = shell(tmp_path, checks)
    assert (done.returncode, done.stdout.count('"SUCCEEDED"')) == (0, 2), done
    done = shell(tmp_path, discover + first)
    assert done.returncode == 0, done
    assert "1 documents written" in (tmp_path / "answers.jsonl").read_text()
    done = shell(tmp_path, second + search)
    assert done.returncode == 0, done
    assert "0 records, 0 unchanged" in (tmp_path / "answers.jsonl").read_text()
    assert "They are rotated in March." in done.stdout
    assert "1 in 1 chunks" in done.stdout

    (tmp_path / "source.json").write_text("{")
    assert shell(tmp_path, first).returncode == 1
    assert "source.json can't be read as JSON" in shell(tmp_path, failed).stdout
