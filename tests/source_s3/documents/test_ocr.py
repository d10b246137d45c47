"""Scans and images: pages of documents of known content as pictures, and text recognition by the extra `ocr`."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import pypdfium2
import pytest

from source_s3.documents import Limits, read_document
from source_s3.documents.parsers import Parsers
from source_s3.read.options import UnstructuredFormat
from source_s3.records.document_records import prove_engine
from tests.contract.document_files import pdf_of_pages
from tests.source_s3.documents.quality import quality
from tests.source_s3.documents.test_quality import FOLDER, truths
from tests.untested import untested
from vector_ingest.errors import ConfigError, DataError

DOTS = 200  # each inch
WITHOUT = """
import sys
sys.modules["tesserocr"] = None
from source_s3.documents import read_with_attachments, Limits
print(read_with_attachments(sys.argv[1], sys.stdin.buffer.read(), Limits())[0].problem)
"""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if sys.platform == "linux" and find_spec("tesserocr") is None:
        untested("TEXT RECOGNITION IS NOT TESTED: the extra `ocr` is not installed")
    elif find_spec("tesserocr") is None:
        pytest.skip("there is no wheel of the extra `ocr` for this system")


@cache
def pictures(name: str = "barn-typst.pdf") -> list[Any]:
    document = pypdfium2.PdfDocument(FOLDER / name)
    return [document[number].render(scale=DOTS / 72, grayscale=True).to_pil() for number in range(len(document))]


def file_of(images: list[Any], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    images[0].save(file, kind, **options, **({"save_all": True, "append_images": images[1:]} if images[1:] else {}))
    return file.getvalue()


def test_a_scan_keeps_words_headings_and_tables() -> None:
    scan = file_of(pictures(), "PDF", resolution=DOTS)
    parsed = read_document("a.pdf", scan)
    found = quality(parsed.content, truths()["barn"])
    assert found.words >= 0.99
    assert found.cells is not None
    assert found.cells >= 0.9
    assert found.headings is not None
    assert found.headings >= 0.65
    assert found.extra <= 0.05
    assert (parsed.mime_type, parsed.facts.page_count) == ("application/pdf", 3)
    assert {section.page for section in parsed.sections} == {1, 2, 3}


@pytest.mark.parametrize(
    ("kind", "mime_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")]
)
def test_an_image_of_any_kind_gives_its_text(kind: str, mime_type: str) -> None:
    part = pictures()[0].crop((150, 300, 1550, 600))
    parsed = read_document("a." + kind.lower(), file_of([part], kind))
    assert "Number carefully keeper door morning grams behind ledger. Window summer north" in parsed.content
    assert parsed.mime_type == mime_type


def test_each_page_of_a_tiff_is_one() -> None:
    parts = [page.crop((150, 300, 1550, 600)) for page in pictures()[:2]]
    parsed = read_document("fax.tif", file_of(parts, "TIFF"))
    assert [section.page for section in parsed.sections] == [1, 2]
    assert (parsed.facts.page_count, parsed.mime_type) == (2, "image/tiff")
    with pytest.raises(DataError, match="more than 1 pages"):
        read_document("fax.tif", file_of(parts, "TIFF"), Limits(pages=1))


def test_a_scanned_page_among_pages_of_text_has_its_place() -> None:
    part = pictures()[0].crop((150, 300, 1550, 600))
    document = pypdfium2.PdfDocument(pdf_of_pages([["the first"], ["the third"]]))
    scan = pypdfium2.PdfDocument(file_of([part], "PDF", resolution=DOTS))
    document.import_pages(scan, index=1)
    file = io.BytesIO()
    document.save(file)
    parsed = read_document("a.pdf", file.getvalue())
    found = [(section.page, parsed.content[section.start : section.end]) for section in parsed.sections]
    for (page, text), expected in zip(found, ["the first", "Number carefully keeper", "the third"], strict=True):
        assert expected in text, page
    assert [page for page, _ in found] == [1, 2, 3]


def test_a_picture_without_background_is_on_white() -> None:
    from PIL import Image

    part = pictures()[0].crop((150, 300, 1550, 600))
    clear = Image.new("RGBA", part.size, (0, 0, 0, 0))
    clear.putalpha(part.point(lambda shade: 255 - shade))
    assert "Number carefully keeper" in read_document("a.png", file_of([clear], "PNG")).content


@pytest.mark.parametrize(
    ("make", "limits", "reason"),
    [
        (lambda part: file_of([part], "PNG")[:9000], Limits(), "no image that can be read"),
        (lambda part: file_of([part.point(lambda _: 255)], "PNG"), Limits(), "no text was recognized in this image"),
        (
            lambda part: file_of([part], "PNG"),
            Limits(languages=()),
            "part of local processing with the strategy `auto`",
        ),
        (lambda part: file_of([part], "PNG"), Limits(languages=("eng", "tlh")), "the language 'tlh' are not in"),
        (
            lambda part: file_of([part.convert("1").resize((20_000, 5_001))], "PNG"),
            Limits(),
            "more than 100,000,000 pixels",
        ),
    ],
    ids=["cut", "blank", "fast", "language", "pixels"],
)
def test_an_image_that_gives_no_text_is_refused(make: Callable[[Any], bytes], limits: Limits, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_document("a.png", make(pictures()[0].crop((150, 300, 1550, 600))), limits)


@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
def test_without_the_extra_the_reason_names_it(name: str) -> None:
    part = pictures()[0].crop((150, 300, 1550, 600))
    content = file_of([part], "PNG" if name == "a.png" else "PDF")
    told = subprocess.run([sys.executable, "-c", WITHOUT, name], input=content, capture_output=True, check=True).stdout
    assert b"not installed (pip install 'airbyte-source-s3-vector[ocr]')" in told


def test_a_language_without_data_fails_the_check() -> None:
    options = {"processing": {"mode": "local", "languages": ["eng", "tlh"]}}
    with pytest.raises(ConfigError, match=r"'tlh' are not in .*: put them there"):
        prove_engine(UnstructuredFormat.model_validate(options))
    prove_engine(UnstructuredFormat.model_validate({**options, "strategy": "fast"}))


def test_it_is_recognized_in_a_reading_process_in_its_memory() -> None:
    with closing(Parsers(replace(Limits(), memory=600 * 1024 * 1024))) as parsers:
        (read,) = parsers.read("a.png", file_of([pictures()[0]], "PNG"))
    assert read.problem is None
    assert read.parsed is not None
    assert "# Chapter 1 Carefully shelf rye" in read.parsed.content
