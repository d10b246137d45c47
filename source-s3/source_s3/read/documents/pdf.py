"""PDF through PDFium: running text, page after page. Headings and tables stay what they are in a PDF: lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from threading import Lock

import pypdfium2
import pypdfium2.raw as pdfium

from vector_ingest.errors import DataError

# PDFium keeps global state: one call at a time, also for different documents (pypdfium2's README, "Thread safety").
LOCK = Lock()
HYPHENS = ("\u0002", "\ufffe")  # what PDFium writes for the hyphen of a word divided at a line's end
INDENT = 40.0  # points: lines that begin further apart stand in different columns
REASONS = {
    pdfium.FPDF_ERR_PASSWORD: "under a password: upload it without one",
    pdfium.FPDF_ERR_SECURITY: "encrypted in a way that is not known: upload it without encryption",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text with its box in points: y grows upwards."""

    text: str
    left: float
    right: float
    bottom: float
    top: float


def read(key: str, content: bytes) -> str:
    """DataError: encrypted, corrupt or truncated, or without any text."""
    if b"%%EOF" not in content[-1024:]:  # PDFium would mend it, and give the pages that are left
        raise DataError(key, "truncated (no %%EOF at its end): upload it again")
    with LOCK:
        try:
            text = _text(content)
        except pypdfium2.PdfiumError as error:
            found = REASONS.get(getattr(error, "err_code", None), f"corrupt or truncated ({error}): upload it again")
            raise DataError(key, found) from error
    if not text:
        raise DataError(key, "no text: is it a scan? Run it through text recognition first, or exclude it")
    return text


def _text(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    try:
        pages = (_page_text(document, number) for number in range(len(document)))
        return "\n\n".join(text for text in pages if text)
    finally:
        document.close()


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return "".join(_joined(list(_lines(text_page)))).strip()
        finally:
            text_page.close()
    finally:
        page.close()


def _lines(text_page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    """The lines in PDFium's reading order, which keeps columns apart."""
    start = 0
    codes = [pdfium.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]
    for end in [index for index, code in enumerate(codes) if code == ord("\n")] + [len(codes)]:
        text = _characters(codes[start:end])
        visible = [index for index in range(start, end) if codes[index] > ord(" ") and codes[index] not in (2, 0xFFFE)]
        if visible:
            boxes = [text_page.get_charbox(index, loose=True) for index in (visible[0], visible[-1])]
            bottom, top = min(box[1] for box in boxes), max(box[3] for box in boxes)
            yield Line(text, left=boxes[0][0], right=boxes[1][2], bottom=bottom, top=top)
        start = end + 1


def _characters(codes: list[int]) -> str:
    """UTF-16 units or code points, as PDFium gives them; what is neither is left out."""
    units = "".join(map(chr, codes)).encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "ignore").strip()


def _joined(lines: list[Line]) -> Iterator[str]:
    """Lines that were one paragraph run on; a gap is a paragraph break; a line that ends early keeps its end."""
    for line, following in zip_longest(lines, lines[1:]):
        divided = line.text.endswith(HYPHENS)
        yield line.text.rstrip("".join(HYPHENS))
        if following is None:
            return
        if divided:
            continue
        yield "\n\n" if _is_apart(line, following) else " " if _runs_on(line, following, lines) else "\n"


def _is_apart(line: Line, following: Line) -> bool:
    """More than half a line of space between, another size of type, or the next column."""
    height, gap = line.top - line.bottom, line.bottom - following.top
    sizes = sorted([height, following.top - following.bottom])
    return gap > 0.5 * height or gap < -2 * height or sizes[1] > 1.25 * sizes[0]


def _runs_on(line: Line, following: Line, lines: list[Line]) -> bool:
    """The first word of the next line had no room at the end of this one, in its column."""
    right = max(other.right for other in lines if abs(other.left - line.left) < INDENT)
    width = (following.right - following.left) / max(len(following.text), 1)
    first_word = len(following.text.split(" ", 1)[0]) + 1
    return line.right + first_word * width > right
