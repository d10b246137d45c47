"""Documents to Markdown: both connectors as processes on the same S3, and our reader of PDF beside the bare library.

DOCUMENTS_BENCH changes how many documents there are: half of them PDF of ten pages, the rest DOCX, PPTX and Markdown.
The bare library gives the text of a page; the reader its lines with their places, paragraphs, headings and tables.
"""

import io
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pypdfium2

from source_s3.documents import read_document
from tests.benchmarks.connectors import OURS, Run, peer, reading, run, serving
from tests.contract.document_files import docx_file, pdf_of_pages, text_file
from tests.contract.office_files import pptx_file

DOCUMENTS = int(os.environ.get("DOCUMENTS_BENCH", "60"))
PAGES, LINES = 10, 45
TEXT = "the keeper writes down what was taken by whom and how much of it is left in each jar of rye and oats"
WORDS = TEXT.split()
TAGGER = {"weights": "{}", "tagdict": "{}", "classes": '["NN", "VB"]'}
TIMES = 10  # as fast as the peer, at least


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = made(folder / "bench", DOCUMENTS)
        with serving(folder / "bench") as endpoint:
            arguments = reading(folder, endpoint, "**", "unstructured")
            ours = run([OURS, *arguments], folder)
            theirs = run(["env", f"NLTK_DATA={_without_words(folder / 'nltk')}", peer(), *arguments], folder)
        figures = {**_figures("ours", ours), **_figures("peer", theirs), **beside_library(files)}
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
    """Each on one core, without S3; the better of three turns."""
    ways: dict[str, Callable[[bytes], object]] = {"bare": _bare, "reader": lambda file: read_document("a.pdf", file)}
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(3):
        for name, way in ways.items():
            began = time.perf_counter()
            for file in files:
                way(file)
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    pages = {f"{name}_pages_per_second": round(PAGES * len(files) / seconds[name]) for name in ways}
    return {**pages, "of_bare_library": round(seconds["bare"] / seconds["reader"], 2)}


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


def _bare(file: bytes) -> str:
    document = pypdfium2.PdfDocument(io.BytesIO(file))
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def _figures(who: str, found: Run) -> dict[str, Any]:
    return {
        f"{who}_documents_per_second": round(found.records / found.seconds, 1),
        f"{who}_seconds": round(found.seconds, 1),
        f"{who}_peak_mib": round(found.peak),
    }


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))
