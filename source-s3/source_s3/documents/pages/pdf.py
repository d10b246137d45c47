"""PDF through PDFium: the lines of each page with their places, which `layout` makes paragraphs and headings of."""

import ctypes
import re
from threading import Lock

import pypdfium2
import pypdfium2.raw as pdfium

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.pages.layout import blocks_of
from source_s3.documents.pages.letters import text_page
from source_s3.documents.pages.lines import Lines
from source_s3.documents.pages.links import links_of
from source_s3.documents.pages.ocr import (
    MOST_PIXELS,
    NOT_ASKED,
    NOT_INSTALLED,
    POINTS,
    Picture,
    Recognizer,
    evened,
    is_installed,
    recognizer,
)
from source_s3.documents.pages.page import lines_of
from source_s3.documents.parsed import Facts, Parsed, assembled
from vector_ingest.errors import DataError

# PDFium keeps global state: one call at a time, also for different documents (pypdfium2's README, "Thread safety").
LOCK = Lock()
USUAL = 256  # bytes of a title, an author or a time
RESOLUTION = 240  # pixels for each inch: of more, Tesseract finds no more, and takes longer
REASONS = {
    pdfium.FPDF_ERR_PASSWORD: "under a password: upload it without one",
    pdfium.FPDF_ERR_SECURITY: "encrypted in a way that is not known: upload it without encryption",
}
DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?")


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: encrypted, corrupt or truncated, or without any text, as a scan is."""
    if b"%%EOF" not in content[-1024:]:  # PDFium would mend it, and give the pages that are left
        raise DataError(key, "truncated (no %%EOF at its end): upload it again")
    with LOCK:
        try:
            document = pypdfium2.PdfDocument(content)
            try:
                facts, pages = _facts(document), _pages(document, limits)
                if not all(pages) and limits.languages and is_installed():
                    pages = _with_scans(key, document, pages, limits)
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            found = REASONS.get(getattr(error, "err_code", None), f"corrupt or truncated ({error}): upload it again")
            raise DataError(key, found) from error
    if not any(pages):
        raise DataError(key, _why_empty(limits))
    return assembled(blocks_of(pages), limits.characters, facts)


def _pages(document: pypdfium2.PdfDocument, limits: Limits) -> list[Lines]:
    if len(document) > limits.pages:
        raise TooMuch("pages", limits.pages)
    pages, size = [], 0
    for number in range(len(document)):
        pages.append(_lines_of_page(document, number))
        size += sum(map(len, pages[-1].texts))
        if size > limits.characters:
            raise TooMuch("characters of text", limits.characters)
    return pages


def _why_empty(limits: Limits) -> str:
    if not limits.languages:
        return f"no text in it, as in a scan, {NOT_ASKED}"
    if not is_installed():
        return f"no text in it, as in a scan, {NOT_INSTALLED}"
    return "no text in it, and none was recognized in its pictures: exclude it by the stream's globs"


def _with_scans(key: str, document: pypdfium2.PdfDocument, pages: list[Lines], limits: Limits) -> list[Lines]:
    """With the text that is recognized on the pages that have none."""
    with recognizer(key, limits) as lines_of:
        scans = {number: _scanned(document[number], lines_of) for number, lines in enumerate(pages) if not lines}
    found = dict(zip(scans, evened(list(scans.values())), strict=True))
    return [found.get(number, lines) for number, lines in enumerate(pages)]


def _scanned(page: pypdfium2.PdfPage, lines_of: Recognizer) -> Lines:
    if pdfium.FPDFPage_CountObjects(page) <= 0:
        page.close()
        return Lines()
    width, height = page.get_size()
    scale = min(RESOLUTION / POINTS, (MOST_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    page.close()
    return lines_of(Picture(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, round(scale * POINTS)))


def _lines_of_page(document: pypdfium2.PdfDocument, number: int) -> Lines:
    page = pdfium.FPDF_LoadPage(document, number)
    if not page:
        raise pypdfium2.PdfiumError(f"page {number + 1} can't be loaded")
    try:
        text = pdfium.FPDFText_LoadPage(page)
        if not text:
            raise pypdfium2.PdfiumError(f"the text of page {number + 1} can't be loaded")
        try:
            return lines_of(text_page(text), links_of(document, page))
        finally:
            pdfium.FPDFText_ClosePage(text)
    finally:
        pdfium.FPDF_ClosePage(page)


def _facts(document: pypdfium2.PdfDocument) -> Facts:
    return Facts(
        title=_about(document, "Title") or None,
        author=_about(document, "Author") or None,
        page_count=len(document),
        created=_moment(_about(document, "CreationDate")),
        modified=_moment(_about(document, "ModDate")),
    )


def _about(document: pypdfium2.PdfDocument, name: str) -> str:
    """Not by pypdfium2's own function, which fails over a title that was cut in the middle of a pair."""
    buffer = ctypes.create_string_buffer(USUAL)
    size = pdfium.FPDF_GetMetaText(document, name.encode(), buffer, USUAL)
    if size > USUAL:
        buffer = ctypes.create_string_buffer(size)
        pdfium.FPDF_GetMetaText(document, name.encode(), buffer, size)
    return buffer.raw[: max(0, size - 2)].decode("utf-16-le", "replace")


def _moment(text: str) -> str | None:
    """`D:20260131120000+01'00'` as ISO 8601."""
    match = DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, utc, sign, hours, minutes = match.groups()
    zone = "Z" if utc else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}"
