"""The lines of a page of a PDF with their places."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import sub
from typing import NamedTuple

from source_s3.documents import markup
from source_s3.documents.pages.letters import (
    MOST_PIECES,
    TextPage,
    boxes_of,
    count_pieces,
    ends_of,
    units_of,
    weights_of,
)
from source_s3.documents.pages.lines import BULLETS, Cell, Lines
from source_s3.documents.pages.links import Link, spans_of
from source_s3.documents.pages.tables import cells_of, runs_of, split_row

HYPHENS = ("\u0002", "\ufffe")  # what PDFium writes for the hyphen of a word divided at a line's end
BOTH_HYPHENS = "".join(HYPHENS)
BOLD = 600  # the weight from which a font counts as bold
SHORT = 160  # characters: only such lines can be headings
# A word that is divided stands in one row with the next line.
LINE_END = re.compile(f"[{BOTH_HYPHENS}]\\s*|\n")
MARKS = ("\x00", *HYPHENS)  # that stand for no letter
INVISIBLE = " \r\t" + "".join(MARKS)
SPACES = re.compile(r"[ \r\t]+(?=\S)")
SURROGATE = re.compile("[\ud800-\udfff]")


class _Rows(NamedTuple):
    """`firsts` and `lasts`: the places of their first and last visible letters in the page."""

    texts: list[str]
    firsts: list[int]
    lasts: list[int]


def lines_of(page: TextPage, links: Sequence[Link] = ()) -> Lines:
    """In PDFium's reading order, which keeps columns apart."""
    units = units_of(page)
    rows = _rows(units)
    texts, firsts, lasts = rows
    boxes = boxes_of(page, firsts + lasts)
    begins, ends = boxes[: 4 * len(firsts)], boxes[4 * len(firsts) :]
    tops, bottoms = _outer(texts, begins[1::4], ends[1::4], max), _outer(texts, begins[3::4], ends[3::4], min)
    heights = list(map(sub, tops, bottoms))
    lines = Lines(texts, begins[0::4], ends[2::4], bottoms, tops, heights, _sizes(heights))
    weights = weights_of(page, firsts)
    if max(weights, default=0) >= BOLD:
        bold = [weight >= BOLD and len(text) <= SHORT for weight, text in zip(weights, texts, strict=True)]
        lines = lines._replace(bold=bold)
    if count_pieces(page, 0, -1) != len(texts):  # else each line is in one piece: there are no tables
        lines = lines._replace(cells=_cells_of_lines(page, units, rows, lines))
    return _with_links(page, units, rows, lines, links) if links else lines


def _outer(
    texts: Iterable[str], begins: "array[float]", ends: "array[float]", outer: Callable[[float, float], float]
) -> Sequence[float]:
    """Of both ends of each line. A bullet may be of another font than its line."""
    if begins.tobytes() == ends.tobytes():  # as in most pages
        return begins
    columns = zip(texts, begins, ends, strict=True)
    return [end if text[0] in BULLETS else outer(begin, end) for text, begin, end in columns]


def _sizes(heights: Sequence[float]) -> list[int]:
    """Quarters of a point."""
    least, most = round(4 * min(heights, default=0)), round(4 * max(heights, default=0))
    return [most] * len(heights) if least == most else [round(4 * height) for height in heights]


def _with_links(page: TextPage, units: str, rows: _Rows, lines: Lines, links: Sequence[Link]) -> Lines:
    linked: list[str | None] = []
    found = list(lines.cells)
    for number, (first, last) in enumerate(zip(rows.firsts, rows.lasts, strict=True)):
        middle = (lines.bottoms[number] + lines.tops[number]) / 2
        left, right = lines.lefts[number], lines.rights[number]
        here = [link for link in links if link.bottom <= middle <= link.top and link.left < right and link.right > left]
        linked.append(_linked(page, lines.texts[number], units[first : last + 1], first, here) if here else None)
        if here and found:
            found[number] = [_linked_cell(cell, here) for cell in found[number]]
    return lines._replace(linked=linked, cells=found) if any(linked) or found != lines.cells else lines


def _linked(page: TextPage, text: str, row: str, start: int, here: Sequence[Link]) -> str | None:
    """The text with its links; None: no letter of it is in one."""
    is_item = row[0] in BULLETS
    parts, end = [], 0
    for first, last, address in spans_of(here, boxes_of(page, range(start, start + len(row)))):
        begin = max(first, 1) if is_item else first
        parts += [row[end:begin], markup.link(row[begin:last], address)]
        end = last
    linked = _characters("".join([*parts, row[end:]])) + text[len(text.rstrip(BOTH_HYPHENS)) :]
    return linked if linked != text else None


def _linked_cell(cell: Cell, links: Sequence[Link]) -> Cell:
    inside = (link.address for link in links if cell.left <= (link.left + link.right) / 2 <= cell.right)
    return cell._replace(address=next(inside, None))


def _rows(units: str) -> _Rows:
    """Those that have a visible letter."""
    if _is_plain(units):
        texts = units.split("\r\n")
        if all(texts) and texts == list(map(str.strip, texts)):  # as in most pages
            return _Rows(texts, *_places(texts))
        if units.isascii():
            return _stripped_rows(units)
    return _rows_of_divided(units)


def _places(texts: Iterable[str]) -> tuple[list[int], list[int]]:
    """Of rows between which there is a line's end alone."""
    firsts, lasts = [], []
    start = 0
    for text in texts:
        firsts.append(start)
        start += len(text)
        lasts.append(start - 1)
        start += 2
    return firsts, lasts


def _is_plain(units: str) -> bool:
    """Whether each of them is a letter of the text."""
    if any(mark in units for mark in MARKS):
        return False
    try:
        units.encode()
    except UnicodeEncodeError:  # halves of a character
        return False
    return True


def _stripped_rows(units: str) -> _Rows:
    rows = _Rows([], [], [])
    start = 0
    for row in units.split("\n"):
        if text := row.strip():
            first = start + row.index(text[0])
            rows.texts.append(text)
            rows.firsts.append(first)
            rows.lasts.append(first + len(text) - 1)
        start += len(row) + 1
    return rows


def _rows_of_divided(units: str) -> _Rows:
    rows = _Rows([], [], [])
    for start, row in _divided(units):
        visible = row.strip(INVISIBLE)
        if visible and (text := _characters(row)):
            first = start + row.index(visible)
            rows.texts.append(text)
            rows.firsts.append(first)
            rows.lasts.append(first + len(visible) - 1)
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


def _cells_of_lines(page: TextPage, units: str, rows: _Rows, lines: Lines) -> list[Sequence[Cell]]:
    """Nothing where no line has any."""
    found = [
        _cells(page, units[first : last + 1], first, height)
        for first, last, height in zip(rows.firsts, rows.lasts, lines.heights, strict=True)
    ]
    return found if any(found) else []


def _cells(page: TextPage, row: str, start: int, height: float) -> Sequence[Cell]:
    """The parts of a line between which there is more than a word's space; nothing: it has no such parts."""
    pieces = count_pieces(page, start, len(row))
    if not 1 < pieces <= MOST_PIECES:
        return ()
    runs = runs_of(ends_of(page, pieces), height)
    if len(runs) < 2:
        return ()
    after = [match.end() for match in SPACES.finditer(row)]
    lefts = boxes_of(page, [start + each for each in after])[::4]
    starts = [0]
    for each, left in zip(after, lefts, strict=True):
        if len(starts) == len(runs):
            break
        if abs(left - runs[len(starts)][0]) < 0.3 * height:
            starts.append(each)
    if len(starts) < len(runs):
        return ()
    return cells_of([_characters(text) for text in split_row(row, starts)], runs)
