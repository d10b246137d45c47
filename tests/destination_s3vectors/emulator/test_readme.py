"""The README says of the emulator what its code says."""

import re
from collections import Counter
from pathlib import Path

from destination_s3vectors import emulator
from destination_s3vectors.emulator.probe.command import CHECKS

FOLDER = Path(emulator.__file__).parent
README = (FOLDER / "README.md").read_text()


def test_every_guess_in_the_code_has_its_row() -> None:
    marks = {file.name: len(re.findall(r"\bGuess\b", file.read_text())) for file in FOLDER.glob("*.py")}
    table = README.partition("**Guesses.**")[2]
    rows = Counter(re.findall(r"\| `(\w+\.py)` \|$", table, re.MULTILINE))
    assert rows == Counter({name: count for name, count in marks.items() if count})


def test_the_number_of_checks_is_the_one_shown() -> None:
    assert f"\n{len(CHECKS)} checks of http://127.0.0.1:8765: {len(CHECKS)} ok, 0 differs, 0 skipped" in README
