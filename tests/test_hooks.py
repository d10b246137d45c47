"""`make hooks`, in a small repository of its own with our Makefile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "source-s3", "destination-pgvector", "destination-s3vectors")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE"))}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_commit_that_the_checks_refuse_is_not_made(tmp_path: Path) -> None:
    for name in (
        "Makefile",
        ".ci/pre-commit",
        "pyproject.toml",
        *(f"{package}/pyproject.toml" for package in PACKAGES),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("boot.lock", "requirements.lock"):
        (tmp_path / name).touch()
    for name in ("demo", "tests"):
        (tmp_path / name).mkdir()
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))  # older than the environment, which make would else put in order
    assert (Path(sys.prefix) / ".ok").exists(), "expected the tests to run from .venv as make makes it"
    (tmp_path / ".venv").symlink_to(sys.prefix)
    run(tmp_path, "git", "init", "-q")
    made = run(tmp_path, "make", "hooks")
    assert (made.returncode, made.stdout) == (0, ".git/hooks/pre-commit\n"), made.stderr

    (tmp_path / "tests/test_nothing.py").write_text("import json\n")
    run(tmp_path, "git", "add", "tests")
    commit = run(tmp_path, "git", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-m", "Import")
    assert commit.returncode != 0
    assert "`json` imported but unused" in commit.stdout + commit.stderr
    assert run(tmp_path, "git", "log").returncode != 0  # there is none
