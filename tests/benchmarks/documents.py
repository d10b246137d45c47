"""Documents to Markdown: both connectors as processes on the same S3, and our reader of PDF beside the bare library.

DOCUMENTS_BENCH changes how many documents there are: half of them PDF of ten pages, the rest DOCX, PPTX and Markdown.
The bare library gives the text of a page, and then the places of its pieces as well, on which depends what the reader
adds: paragraphs, headings, tables. By CPU time, since other work on the machine counts for less there.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import pypdfium2

from source_s3.documents import read_document
from tests.benchmarks.connectors import OURS, Run, peer, reading, run, serving
from tests.contract.document_files import docx_file, pdf_of_pages, text_file
from tests.contract.office_files import pptx_file

DOCUMENTS = int(os.environ.get("DOCUMENTS_BENCH", "40"))
PAGES, LINES = 10, 45
TEXT = "the keeper writes down what was taken by whom and how much of it is left in each jar of rye and oats"
WORDS = TEXT.split()
TAGGER = {"weights": "{}", "tagdict": "{}", "classes": '["NN", "VB"]'}
TIMES = 10  # as fast as the peer, at least
TURNS = 7


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = made(folder / "bench", DOCUMENTS)
        with serving(folder / "bench") as endpoint:
            arguments = reading(folder, endpoint, "**", "unstructured")
            ours, own_figures = _read("ours", [OURS, *arguments], folder)
            words = f"NLTK_DATA={_without_words(folder / 'nltk')}"
            theirs, their_figures = _read("peer", ["env", words, peer(), *arguments], folder)
        figures = {**own_figures, **their_figures, **beside_library(files)}
        figures["times_as_fast_as_peer"] = round(theirs.seconds / ours.seconds, 1)
        if figures["times_as_fast_as_peer"] < TIMES:
            raise SystemExit(f"Expected {TIMES} times the peer, found {figures}")
        return figures


def made(folder: Path, count: int) -> Sequence[bytes]:
    """The PDF files among them."""
    folder.mkdir(parents=True)
    chance = random.Random(3)
    others: Sequence[tuple[str, Callable[[Sequence[str]], bytes]]] = [
        ("docx", docx_file),
        ("pptx", pptx_file),
        ("md", text_file),
    ]
    found = []
    for number in range(count):
        if number % 2 == 0:
            found.append(pdf_of_pages([[_words(chance, 14) for _ in range(LINES)] for _ in range(PAGES)]))
            (folder / f"{number}.pdf").write_bytes(found[-1])
        else:
            extension, file = others[number // 2 % len(others)]
            (folder / f"{number}.{extension}").write_bytes(file([_words(chance, 90) for _ in range(60)]))
    return found


def beside_library(files: Sequence[bytes]) -> dict[str, Any]:
    """Seconds of one core, without S3; the best of some turns, in turn."""
    ways: dict[str, Callable[[bytes], object]] = {
        "bare": _bare,
        "bare_with_places": lambda file: _bare(file, with_places=True),
        "reader": lambda file: read_document("a.pdf", file),
    }
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for name, way in ways.items():
            began = time.process_time()
            for file in files:
                way(file)
            seconds[name] = min(seconds[name], time.process_time() - began)
    pages = {f"{name}_pages_per_second": round(PAGES * len(files) / seconds[name]) for name in ways}
    return {
        **pages,
        "of_bare_library": round(seconds["bare"] / seconds["reader"], 2),
        "of_bare_library_with_places": round(seconds["bare_with_places"] / seconds["reader"], 2),
    }


def _without_words(folder: Path) -> Path:
    """The data that the peer would fetch from the network, empty: it knows no abbreviations, and parses all the same.

    Without them it parses no PDF, DOCX or PPTX at all.
    """
    files = {
        "tokenizers/punkt_tab/english": [
            "collocations.tab",
            "sent_starters.txt",
            "abbrev_types.txt",
            "ortho_context.tab",
        ],
        "taggers/averaged_perceptron_tagger_eng": [f"averaged_perceptron_tagger_eng.{kind}.json" for kind in TAGGER],
    }
    for name, inside in files.items():
        (folder / name).mkdir(parents=True)
        for each in inside:
            (folder / name / each).write_text(TAGGER.get(each.split(".")[-2], ""))
    return folder


def _bare(file: bytes, *, with_places: bool = False) -> None:
    """The text of each page, and where on it the pieces of text stand: without that, nobody tells headings."""
    document = pypdfium2.PdfDocument(file)
    for page in document:
        text = page.get_textpage()
        text.get_text_range()
        for number in range(text.count_rects()) if with_places else ():
            text.get_rect(number)
        text.close()
        page.close()
    document.close()


def _read(who: str, command: Sequence[str | Path], folder: Path) -> tuple[Run, dict[str, Any]]:
    with memory_of_children() as peaks:
        found = run(command, folder)
    figures = {
        f"{who}_documents_per_second": round(found.records / found.seconds, 2),
        f"{who}_seconds": round(found.seconds, 1),
        f"{who}_peak_mib": round(max(peaks.values())),
        f"{who}_peak_mib_of_all_processes": round(sum(peaks.values())),
    }
    return found, figures


@contextmanager
def memory_of_children() -> Iterator[dict[int, float]]:
    """The most MiB that each process below this one took which was started inside, launchers apart."""
    peaks: dict[int, float] = {}
    before, done = {pid for pid, _ in _descendants(os.getpid())}, Event()

    def look() -> None:
        while not done.wait(0.05):
            for pid, depth in _descendants(os.getpid()):
                if pid not in before and depth > 1 and (peak := _peak(pid)):
                    peaks[pid] = peak

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield peaks
        finally:
            done.set()
            looking.result()


def _descendants(pid: int, depth: int = 1) -> Iterator[tuple[int, int]]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has ended
            for child in map(int, thread.read_text().split()):
                yield child, depth
                yield from _descendants(child, depth + 1)


def _peak(pid: int) -> float | None:
    """VmHWM: unlike what `getrusage` tells, it does not begin with what the parent held."""
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    return None


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))
