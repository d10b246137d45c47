"""Broken and hostile documents in the processes that read them: each is one error, and none is more than that."""

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from source_s3.documents import Limits
from source_s3.documents.parsers import Parsers
from tests.contract.document_files import pdf_file
from tests.source_s3.documents.hostile_files import CASES, HANGING, attached, nested_mails, said, word
from vector_ingest.errors import TransientError

LIMITS = Limits(
    seconds=60,
    memory=600 * 1024 * 1024,
    pages=50,
    characters=200_000,
    unpacked=32 * 1024 * 1024,
    entries=200,
    ratio=100,
    depth=2,
)
GOOD = "Each jar carries its number."


@pytest.fixture(scope="module")
def parsers() -> Iterator[Parsers]:
    parsers = Parsers(LIMITS)
    yield parsers
    parsers.close()


def outcome(parsers: Parsers, name: str, content: bytes) -> str:
    first = parsers.read(name, content)[0]
    return f"+{first.parsed.content}" if first.parsed is not None else str(first.problem)


def test_each_of_them_has_its_outcome_and_the_connector_its_memory(parsers: Parsers) -> None:
    assert len({name for name, _, _ in CASES}) >= 80
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = []
    for name, make, expected in CASES:
        found = outcome(parsers, name, make())
        fits = re.search(expected.removeprefix("+"), found) and found.startswith("+") == expected.startswith("+")
        if not fits:
            wrong.append((name, found[:200], expected))
    assert wrong == []
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
    )  # KiB: the largest file is made here
    assert outcome(parsers, "good.pdf", pdf_file([GOOD])) == f"+{GOOD}\n"


def test_a_bomb_in_a_mail_is_an_error_of_the_attachment_alone(parsers: Parsers) -> None:
    own, bomb = parsers.read("a.eml", attached("b.docx", word(said(" " * 40_000_000))))
    assert own.parsed is not None
    assert "See below." in own.parsed.content
    assert (bomb.name, bomb.parsed) == ("b.docx", None)
    assert "when unpacked" in str(bomb.problem)


def test_mails_in_mails_are_read_to_their_limit(parsers: Parsers) -> None:
    reads = parsers.read("a.eml", nested_mails(8))
    assert [read.name for read in reads] == [None, "Hello.eml", "Hello.eml/Hello.eml", "Hello.eml/Hello.eml/Hello.eml"]
    assert "mails in each other" in str(reads[-1].problem)


@pytest.mark.parametrize(("name", "make", "expected"), HANGING, ids=[name for name, _, _ in HANGING])
def test_a_process_that_hangs_is_ended_in_its_time(name: str, make: Callable[[], bytes], expected: str) -> None:
    with closing(Parsers(replace(LIMITS, seconds=2))) as parsers:  # it imports its reader in them, too
        file = make()
        began = time.monotonic()
        assert re.search(expected, outcome(parsers, name, file))
        assert time.monotonic() - began < 30
        assert outcome(parsers, "good.pdf", pdf_file([GOOD])) == f"+{GOOD}\n"


def test_no_process_and_no_file_is_left_after_the_close() -> None:
    parsers = Parsers(LIMITS)
    assert outcome(parsers, "a.txt", GOOD.encode()) == f"+{GOOD}\n"
    process, folder = parsers._idle[0]._process, Path(parsers._idle[0]._place.name)
    assert folder.is_dir()
    parsers.close()
    assert process.returncode is not None
    assert not folder.exists()


LESS = """
import resource
from contextlib import closing
from source_s3.documents import Limits
from source_s3.documents.parsers import Parsers

for kind, most in ((resource.RLIMIT_AS, 2**31), (resource.RLIMIT_CPU, 60)):
    resource.setrlimit(kind, (most, most))
with closing(Parsers(Limits(seconds=120, memory=2**32))) as parsers:
    print(parsers.read("a.txt", b"Sown.")[0].parsed.content)
"""


def test_documents_are_read_where_the_machine_allows_less_than_the_limits() -> None:
    ended = subprocess.run([sys.executable, "-c", LESS], capture_output=True, text=True, check=True)
    assert ended.stdout == "Sown.\n\n"


def test_without_room_for_temporary_files_no_process_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with closing(Parsers(LIMITS)) as parsers, pytest.raises(TransientError, match="No process to read documents"):
        parsers.read("a.txt", b"Sown.")
