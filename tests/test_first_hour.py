"""The guide docs/first-hour.md, done to a copy of the tree as it says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "first-hour.md"
COPIED = ("shared", "source-s3", "destination-pgvector", "destination-s3vectors", "demo", "tests")
# A block of the guide, or the file that those after it belong to.
PART = re.compile(
    r"^`(?P<file>[\w./-]+)`[^\n]*:$|^```(?P<language>diff|python|sh)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks() -> Iterator[tuple[str, str, str]]:
    """The language and the text of each block, and the file that it belongs to."""
    file = ""
    for part in PART.finditer(GUIDE.read_text()):
        if part["file"]:
            file = part["file"]
        else:
            yield part["language"], part["text"], file


def changed(before: str, diff: str) -> str:
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] or line for line in lines if line[0] != sign) for sign in "+-")
    assert before.count(old) == 1, f"expected this once in the file, found it {before.count(old)} times:\n{old}"
    return before.replace(old, new)


def run(folder: Path, command: str) -> str:
    """In the copy, whose packages come before those that are installed."""
    paths = [*(folder / name for name in COPIED[:4]), folder]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    line = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S602
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_exercise_works_as_the_guide_says(tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns("files", "*.pyc.*")  # the latter are being written by other tests' processes
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    outputs = []
    for language, text, file in blocks():
        path = tmp_path / file
        if language == "diff":
            path.write_text(changed(path.read_text(), text))
        elif language == "python":
            assert not path.exists(), f"{file} is new in the guide"
            path.write_text(text)
        else:
            outputs.append(run(tmp_path, text))
    renewed, tested = outputs
    assert renewed.count("Written: ") == 1, renewed
    assert '"json_arrays"' in (tmp_path / "source-s3/source_s3/spec.json").read_text()
    assert re.search(r"\b2\d passed", tested), tested
    run(tmp_path, ".venv/bin/ruff check . && .venv/bin/ruff format --check .")
