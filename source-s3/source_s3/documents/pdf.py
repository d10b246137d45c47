"""PDF through PDFium: the lines of each page with their places, which `pdf_layout` makes paragraphs and headings of."""

import ctypes
import re
from collections.abc import Iterator
from threading import Lock

import pypdfium2
import pypdfium2.raw as pdfium

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Facts, Parsed, assembled
from source_s3.documents.pdf_layout import BULLETS, HYPHENS, Line, blocks_of
from source_s3.documents.pdf_tables import Cell, runs_of, split_row
from vector_ingest.errors import DataError

# PDFium keeps global state: one call at a time, also for different documents (pypdfium2's README, "Thread safety").
LOCK = Lock()
BOLD = 600  # the weight from which a font counts as bold
MOST_PIECES = 64  # of a line that may be a row of a table
SHORT = 160  # characters: only such lines can be headings
REASONS = {
    pdfium.FPDF_ERR_PASSWORD: "under a password: upload it without one",
    pdfium.FPDF_ERR_SECURITY: "encrypted in a way that is not known: upload it without encryption",
}
# A word that is divided stands in one row with the next line.
LINE_END = re.compile(f"[{''.join(HYPHENS)}]\\s*|\n")
INVISIBLE = " \r\t\x00" + "".join(HYPHENS)
SPACES = re.compile(r"[ \r\t]+(?=\S)")
MARKER = re.compile(r"\W|\(?\w{1,3}[.)]|\[\d+\]")  # of an item, before its text
SURROGATE = re.compile("[\ud800-\udfff]")
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
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            found = REASONS.get(getattr(error, "err_code", None), f"corrupt or truncated ({error}): upload it again")
            raise DataError(key, found) from error
    if not any(pages):
        raise DataError(
            key, "no text in it: a scan needs OCR. Run it through text recognition first, or exclude it by the globs"
        )
    return assembled(blocks_of(pages), limits.characters, facts)


def _pages(document: pypdfium2.PdfDocument, limits: Limits) -> list[list[Line]]:
    if len(document) > limits.pages:
        raise TooMuch("pages", limits.pages)
    pages, size = [], 0
    for number in range(len(document)):
        pages.append(_lines_of_page(document, number))
        size += sum(len(line.text) for line in pages[-1])
        if size > limits.characters:
            raise TooMuch("characters of text", limits.characters)
    return pages


def _lines_of_page(document: pypdfium2.PdfDocument, number: int) -> list[Line]:
    page = pdfium.FPDF_LoadPage(document, number)
    if not page:
        raise pypdfium2.PdfiumError(f"page {number + 1} can't be loaded")
    try:
        text = pdfium.FPDFText_LoadPage(page)
        if not text:
            raise pypdfium2.PdfiumError(f"the text of page {number + 1} can't be loaded")
        try:
            return list(_lines(text))
        finally:
            pdfium.FPDFText_ClosePage(text)
    finally:
        pdfium.FPDF_ClosePage(page)


def _lines(page: "pdfium.FPDF_TEXTPAGE") -> Iterator[Line]:
    """In PDFium's reading order, which keeps columns apart. There are very many: each call of PDFium counts."""
    units = _units(page)
    rows = [(start, row, visible) for start, row in _rows(units) if (visible := row.strip(INVISIBLE))]
    in_one_piece = pdfium.FPDFText_CountRects(page, 0, -1) == len(rows)  # each of them: there are no tables
    is_plain = "\x00" not in units and (units.isascii() or not SURROGATE.search(units))
    box, box_of, weight_of = pdfium.FS_RECTF(), pdfium.FPDFText_GetLooseCharBox, pdfium.FPDFText_GetFontWeight
    for start, row, visible in rows:
        first = start + row.index(visible)
        box_of(page, first, box)
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if len(visible) > 1:
            box_of(page, first + len(visible) - 1, box)
            right, other_bottom, other_top = box.right, box.bottom, box.top
            if visible[0] in BULLETS:  # it may be of another font
                bottom, top = other_bottom, other_top
            else:
                bottom = min(bottom, other_bottom)
                top = max(top, other_top)
        bold = len(row) <= SHORT and weight_of(page, first) >= BOLD
        height = top - bottom
        cells = () if in_one_piece else _cells(page, row, start, height)
        text = row.strip() if is_plain else _characters(row)
        yield Line(text, left, right, bottom, top, height, round(4 * height), bold, cells)


def _rows(units: str) -> Iterator[tuple[int, str]]:
    """With the place where each begins."""
    start = 0
    if not any(hyphen in units for hyphen in HYPHENS):
        for row in units.split("\n"):
            yield start, row
            start += len(row) + 1
        return
    while start < len(units):
        match = LINE_END.search(units, start)
        end = match.end() if match else len(units)
        yield start, units[start:end].rstrip("\n")
        start = end


def _cells(page: "pdfium.FPDF_TEXTPAGE", row: str, start: int, height: float) -> tuple[Cell, ...]:
    """The parts of a line between which there is more than a word's space; nothing: it has no such parts."""
    pieces = pdfium.FPDFText_CountRects(page, start, len(row))
    if not 1 < pieces <= MOST_PIECES:
        return ()
    runs = runs_of(_ends(page, pieces), height)
    if len(runs) < 2:
        return ()
    starts = [0]
    for match in SPACES.finditer(row):
        if len(starts) == len(runs):
            break
        if abs(_left(page, start + match.end()) - runs[len(starts)][0]) < 0.3 * height:
            starts.append(match.end())
    if len(starts) < len(runs):
        return ()
    texts = [_characters(text) for text in split_row(row, starts)]
    if len(texts) == 2 and MARKER.fullmatch(texts[0]):
        return ()
    return tuple(Cell(text, left, right) for text, (left, right) in zip(texts, runs, strict=True))


def _ends(page: "pdfium.FPDF_TEXTPAGE", pieces: int) -> Iterator[tuple[float, float]]:
    """Left and right end of each piece of the text that was last counted."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    for number in range(pieces):
        pdfium.FPDFText_GetRect(page, number, left, top, right, bottom)
        yield left.value, right.value


def _left(page: "pdfium.FPDF_TEXTPAGE", index: int) -> float:
    """Of a character."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(page, index, box)
    return float(box.left)


def _units(page: "pdfium.FPDF_TEXTPAGE") -> str:
    """A letter for each of the page's characters: by one call, where that leaves none out."""
    count = pdfium.FPDFText_CountChars(page)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(page, 0, count, buffer)
    if written == count + 1:
        return (
            bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass")
            if _is_plain(buffer, count)
            else "".join(map(chr, buffer[:count]))
        )
    return "".join(chr(pdfium.FPDFText_GetUnicode(page, index)) for index in range(count))


def _is_plain(buffer: "ctypes.Array[ctypes.c_ushort]", count: int) -> bool:
    """Whether no two of the units are one character."""
    return len(bytes(buffer)[: 2 * count].decode("utf-16-le", "surrogatepass")) == count


def _characters(row: str) -> str:
    """Units of UTF-16 or code points, as PDFium gives them; what is neither is left out."""
    text = row
    if not row.isascii() and SURROGATE.search(row):
        text = row.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.replace("\x00", "").strip() if "\x00" in text else text.strip()


def _facts(document: pypdfium2.PdfDocument) -> Facts:
    about = document.get_metadata_dict(skip_empty=True)
    return Facts(
        title=about.get("Title"),
        author=about.get("Author"),
        page_count=len(document),
        created=_moment(about.get("CreationDate")),
        modified=_moment(about.get("ModDate")),
    )


def _moment(text: str | None) -> str | None:
    """`D:20260131120000+01'00'` as ISO 8601."""
    match = DATE.match(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second, utc, sign, hours, minutes = match.groups()
    zone = "Z" if utc else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return f"{year}-{month or '01'}-{day or '01'}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}"
