"""Documents that other programs made (tests/files/documents/make.py), held against what is known to be in them."""

import json
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from source_s3.documents import read_document
from source_s3.documents.version import VERSION
from tests.source_s3.documents.quality import Quality, quality

FOLDER = Path(__file__).parents[2] / "files" / "documents"
DOCUMENTS = sorted(file for file in FOLDER.iterdir() if file.suffix not in {".py", ".json"})

DIGESTS = {5: "37b2caf289c62b70"}  # of all that is made of them, by version
SHEETS, SLIDES, PLAIN = (".xlsx", ".ods"), (".pptx",), ("mail.eml",)


@cache
def truths() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads((FOLDER / "truth.json").read_text())
    return found


def truth_of(file: Path) -> list[Any]:
    """What the kind can hold of it: sheets have tables alone, slides titles of one level, plain mail words."""
    truth = truths()[file.name.partition("-")[0]]
    if file.suffix in SHEETS:
        return [block for block in truth if block[0] == "table"]
    if file.suffix in SLIDES:
        return [["h", 1, block[2]] if block[0] == "h" else block for block in truth]
    if file.name.endswith(PLAIN):
        return [["p", " ".join(_texts(block))] for block in truth]
    return truth


def _texts(block: Any) -> list[str]:
    if block[0] in {"h", "p"}:
        return [block[-1]]
    return list(block[1]) if block[0] == "ul" else [cell for row in block[1] for cell in row]


@cache
def measured(file: Path) -> Quality:
    return quality(read_document(file.name, file.read_bytes()).content, truth_of(file))


def test_another_text_has_another_version() -> None:
    """Raise VERSION where this fails, and add what it found: connections with `reparse_on_change` read again then."""
    found = blake2b(digest_size=8)
    for file in DOCUMENTS:
        found.update(repr(read_document(file.name, file.read_bytes())).encode())
    assert DIGESTS[VERSION] == found.hexdigest()


def test_there_are_forty_of_them() -> None:
    assert len(DOCUMENTS) >= 40


@pytest.mark.parametrize("file", DOCUMENTS, ids=[file.name for file in DOCUMENTS])
def test_words_tables_and_headings_are_kept(file: Path) -> None:
    found = measured(file)
    assert found.words >= 0.99
    assert found.cells is None or found.cells >= 0.9
    assert found.headings is None or found.headings >= 0.95
    assert found.extra <= 0.05
