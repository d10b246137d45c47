"""The lines of a page of a PDF with their places, from PDFium. There are very many: each call of it counts."""

import ctypes
import re
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from source_s3.documents import markup
from source_s3.documents.pdf_links import Link, spans_of
from source_s3.documents.pdf_tables import Cell, runs_of, split_row

HYPHENS = ("\u0002", "\ufffe")  # what PDFium writes for the hyphen of a word divided at a line's end
BOTH_HYPHENS = "".join(HYPHENS)
BULLETS = frozenset("•●▪◦‣∙·➢\uf0b7\uf0a7\uf06e\uf076\uf0d8\uf0fc")
BOLD = 600  # the weight from which a font counts as bold
MOST_PIECES = 64  # of a line that may be a row of a table
SHORT = 160  # characters: only such lines can be headings
# A word that is divided stands in one row with the next line.
LINE_END = re.compile(f"[{BOTH_HYPHENS}]\\s*|\n")
INVISIBLE = " \r\t\x00" + BOTH_HYPHENS
SPACES = re.compile(r"[ \r\t]+(?=\S)")
MARKER = re.compile(r"\W|\(?\w{1,3}[.)]|\[\d+\]")  # of an item, before its text
SURROGATE = re.compile("[\ud800-\udfff]")
BOX, RECT = 4 * 4, 4 * 8  # bytes: left, top, right and bottom as floats, as doubles

# Of the pieces of a line, one after another, and where their sides are: one line at a time, since PDFium's are, too.
RECTS = array("d", bytes(RECT * MOST_PIECES))
PLACE = (RECTS.buffer_info()[0], RECTS.buffer_info()[0] + RECT, 8)
SIDES = [range(start, start + RECT * MOST_PIECES, RECT) for start in range(*PLACE)]

TextPage = int  # where PDFium has it


class Line(NamedTuple):  # made faster than a dataclass
    """A line of text with its box in points: y grows upwards. `size`: its height in quarters of a point."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    height: float
    size: int
    bold: bool
    cells: tuple[Cell, ...] = ()  # two or more, of a line that may be a row of a table
    linked: str | None = None  # the text with its links, where it has some


def _fast(function: Any, *arguments: Any) -> Callable[..., int]:
    """A function of PDFium that takes addresses: the check of each argument's type takes as long as the call."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.PYFUNCTYPE(ctypes.c_int, *arguments)(address)


AT, INT = ctypes.c_void_p, ctypes.c_int
_box_of = _fast(pdfium.FPDFText_GetLooseCharBox, AT, INT, AT)
_weight_of = _fast(pdfium.FPDFText_GetFontWeight, AT, INT)
_count_rects = _fast(pdfium.FPDFText_CountRects, AT, INT, INT)
_rect_of = _fast(pdfium.FPDFText_GetRect, AT, INT, AT, AT, AT, AT)
_count_letters = _fast(pdfium.FPDFText_CountChars, AT)
_text_of = _fast(pdfium.FPDFText_GetText, AT, INT, INT, AT)
_letter_of = _fast(pdfium.FPDFText_GetUnicode, AT, INT)


class _Rows(NamedTuple):
    """`firsts` and `lasts`: the places of their first and last visible letters in the page."""

    texts: list[str]
    firsts: list[int]
    lasts: list[int]


def lines_of(page: TextPage, links: Sequence[Link] = ()) -> list[Line]:
    """In PDFium's reading order, which keeps columns apart."""
    units = _units(page)
    texts, firsts, lasts = _rows(units)
    count = len(texts)
    begins, ends = _boxes(page, firsts), _boxes(page, lasts)
    weights = map(_weight_of, repeat(page), firsts)
    lines: list[Line] = []
    made = tuple.__new__  # half the time of calling the class
    for text, left, top, bottom, right, other_top, other_bottom, weight in zip(
        texts, begins[0::4], begins[1::4], begins[3::4], ends[2::4], ends[1::4], ends[3::4], weights, strict=True
    ):
        if top != other_top or bottom != other_bottom:
            is_item = text[0] in BULLETS  # it may be of another font
            top = other_top if is_item else max(top, other_top)  # noqa: PLW2901
            bottom = other_bottom if is_item else min(bottom, other_bottom)  # noqa: PLW2901
        height = top - bottom
        is_bold = weight >= BOLD and len(text) <= SHORT
        lines.append(made(Line, (text, left, right, bottom, top, height, round(4 * height), is_bold, (), None)))
    if _count_rects(page, 0, -1) != count:  # else each line is in one piece: there are no tables
        for number, (line, first, last) in enumerate(zip(lines, firsts, lasts, strict=True)):
            if cells := _cells(page, units[first : last + 1], first, line.height):
                lines[number] = line._replace(cells=cells)
    for number, (line, first, last) in enumerate(zip(lines, firsts, lasts, strict=True)) if links else ():
        lines[number] = _linked(page, line, units[first : last + 1], first, links)
    return lines


def _linked(page: TextPage, line: Line, row: str, start: int, links: Sequence[Link]) -> Line:
    middle = (line.bottom + line.top) / 2
    here = [
        link
        for link in links
        if link.bottom <= middle <= link.top and link.left < line.right and link.right > line.left
    ]
    if not here:
        return line
    is_item = row[0] in BULLETS
    parts, end = [], 0
    for first, last, address in spans_of(here, _boxes(page, range(start, start + len(row)))):
        begin = max(first, 1) if is_item else first
        parts += [row[end:begin], markup.link(row[begin:last], address)]
        end = last
    text = _characters("".join([*parts, row[end:]])) + line.text[len(line.text.rstrip(BOTH_HYPHENS)) :]
    cells = tuple(_linked_cell(cell, here) for cell in line.cells)
    return line._replace(linked=text if text != line.text else None, cells=cells)


def _linked_cell(cell: Cell, links: Sequence[Link]) -> Cell:
    inside = (link.address for link in links if cell.left <= (link.left + link.right) / 2 <= cell.right)
    return cell._replace(address=next(inside, None))


def _units(page: TextPage) -> str:
    """A letter for each of the page's characters: by one call, where that leaves none out."""
    count = _count_letters(page)
    if count <= 0:
        return ""
    buffer = array("H", bytes(2 * count + 2))
    if _text_of(page, 0, count, buffer.buffer_info()[0]) != count + 1:
        return "".join(chr(_letter_of(page, index)) for index in range(count))
    text = buffer[:count].tobytes().decode("utf-16-le", "surrogatepass")
    return text if len(text) == count else "".join(map(chr, buffer[:count]))  # where two units are one character


def _rows(units: str) -> _Rows:
    """Those that have a visible letter."""
    rows = _Rows([], [], [])
    texts, firsts, lasts = rows
    if "\x00" in units or not units.isascii() or HYPHENS[0] in units:
        for start, row in _divided(units):
            visible = row.strip(INVISIBLE)
            if visible and (text := _characters(row)):
                first = start + row.index(visible)
                texts.append(text)
                firsts.append(first)
                lasts.append(first + len(visible) - 1)
        return rows
    start = 0
    for row in units.split("\n"):
        if text := row.strip():
            first = start + row.index(text[0])
            texts.append(text)
            firsts.append(first)
            lasts.append(first + len(text) - 1)
        start += len(row) + 1
    return rows


def _divided(units: str) -> Iterator[tuple[int, str]]:
    """The rows, with the place where each begins."""
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


def _characters(row: str) -> str:
    """Units of UTF-16 or code points, as PDFium gives them; what is neither is left out."""
    text = row
    if not row.isascii() and SURROGATE.search(row):
        text = row.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return text.replace("\x00", "").strip()


def _boxes(page: TextPage, indexes: Sequence[int]) -> "array[float]":
    """Of these characters: left, top, right and bottom, one after another."""
    boxes = array("f", bytes(BOX * len(indexes)))
    start, _ = boxes.buffer_info()
    deque(map(_box_of, repeat(page), indexes, range(start, start + BOX * len(indexes), BOX)), maxlen=0)
    return boxes


def _cells(page: TextPage, row: str, start: int, height: float) -> tuple[Cell, ...]:
    """The parts of a line between which there is more than a word's space; nothing: it has no such parts."""
    pieces = _count_rects(page, start, len(row))
    if not 1 < pieces <= MOST_PIECES:
        return ()
    runs = runs_of(_ends(page, pieces), height)
    if len(runs) < 2:
        return ()
    after = [match.end() for match in SPACES.finditer(row)]
    lefts = _boxes(page, [start + each for each in after])[::4]
    starts = [0]
    for each, left in zip(after, lefts, strict=True):
        if len(starts) == len(runs):
            break
        if abs(left - runs[len(starts)][0]) < 0.3 * height:
            starts.append(each)
    if len(starts) < len(runs):
        return ()
    texts = [_characters(text) for text in split_row(row, starts)]
    if len(texts) == 2 and MARKER.fullmatch(texts[0]):
        return ()
    return tuple(Cell(text, left, right) for text, (left, right) in zip(texts, runs, strict=True))


def _ends(page: TextPage, pieces: int) -> Iterable[tuple[float, float]]:
    """Left and right end of each piece of the text that was last counted."""
    deque(map(_rect_of, repeat(page), range(pieces), *SIDES), maxlen=0)
    return zip(RECTS[0 : 4 * pieces : 4], RECTS[2 : 4 * pieces : 4], strict=True)
