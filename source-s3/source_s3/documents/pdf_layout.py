"""Lines of a PDF to paragraphs and headings: a PDF knows neither, only where each letter stands, and how large."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from source_s3.documents import markup
from source_s3.documents.parsed import Block
from source_s3.documents.pdf_page import BOTH_HYPHENS, BULLETS, HYPHENS, Line
from source_s3.documents.pdf_tables import Row, Table, follows, joined_over_pages, table_of

INDENT = 40.0  # points: lines that begin further apart stand in different columns
NOWHERE = float("-inf")
LARGER = 1.12  # times the size of the text: a heading
LEVELS = 5  # sizes of headings that are told apart
LONGEST = 200  # characters of a heading
OFTEN = 0.25  # of all letters: a larger size that is so common is text as well
AT_EDGE = (2, 6)  # rows at the upper and lower end of a page that may be running heads: of a short one, of a long one
RUNNING = 0.4  # of all pages: what stands in the same place on so many is one
PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\W*(\d{1,5})(?:\s*(?:/|of|von|de)\s*\d{1,5})?\W*", re.IGNORECASE)
DIGITS = re.compile(r"\d+")
LONGEST_NUMBER = 40  # characters of a page number and what is around it
ITEM = "- "
ENDS = (".", ",", ";", ":")
CELLS, BOTTOM, LINKED = attrgetter("cells"), attrgetter("bottom"), attrgetter("linked")
# A link that goes on in the next line.
CONTINUED = re.compile(r"\]\(([^()\s]+)\)([ \n]?)\[(?=[^\[\]]*\]\(\1\))")


def blocks_of(pages: Sequence[Sequence[Line]]) -> Iterator[Block]:
    """Without running heads and page numbers. The text of a column runs on; a page begins a block."""
    items: list[Block] = []  # of a list, one below the other
    for block in _blocks(pages):
        is_item = block.text.startswith(ITEM) and not block.level
        if items and not (is_item and items[0].page == block.page):
            yield Block("\n".join(item.text for item in items), page=items[0].page)
            items = []
        if is_item:
            items.append(block)
        else:
            yield block
    if items:
        yield Block("\n".join(item.text for item in items), page=items[0].page)


def _blocks(pages: Sequence[Sequence[Line]]) -> Iterator[Block]:
    kept = _without_running(pages)
    levels = _Levels.of(kept)
    edges = [_right_edges(lines) for lines in kept]
    parts = ((number, part) for number, lines in enumerate(kept, 1) for part in _with_tables(lines))
    for number, part in joined_over_pages(parts):
        if isinstance(part, list):
            yield Block(markup.table(part), page=number)
            continue
        for group, level in _groups(part, levels):
            text = "".join(_joined(group, edges[number - 1], with_links=not level)).strip()
            if any(map(LINKED, group)):
                text = CONTINUED.sub(_one_link, text)
            yield Block(text if level else markup.paragraph(text), level, number)


def _with_tables(lines: Sequence[Line]) -> Iterator[Table | tuple[Line, ...]]:
    """The tables, and the lines between them."""
    if not any(map(CELLS, lines)):
        yield tuple(lines)
        return
    between: list[Line] = []
    rows: list[Line] = []
    for line in [*lines, None]:
        if rows and (line is None or not line.cells or not follows(_row(line), _row(rows[-1]))):
            at_edge = line is None or rows[0] is lines[0]
            table = table_of([_row(row) for row in rows], at_edge=at_edge)
            if table is not None:
                yield tuple(between)
                yield table
                between = []
            else:
                between += rows
            rows = []
        if line is not None:
            (rows if line.cells else between).append(line)
    yield tuple(between)


def _row(line: Line) -> Row:
    return Row(line.cells, line.bottom, line.height)


@dataclass(frozen=True, slots=True)
class _Levels:
    """By the size of their letters; `bold`: of a bold line in the size of the text, 0 where that is no heading."""

    body: float
    sizes: Mapping[int, int]
    bold: int

    @classmethod
    def of(cls, pages: Sequence[Sequence[Line]]) -> "_Levels":
        letters: Counter[int] = Counter()
        in_bold = 0
        for lines in pages:
            for line in lines:
                length = len(line.text)
                letters[line.size] += length
                if line.bold:
                    in_bold += length
        total = letters.total()
        if not total:
            return cls(0, {}, 0)
        body = letters.most_common(1)[0][0]
        larger = [size for size in letters if size > LARGER * body and letters[size] < OFTEN * total]
        levels: dict[int, int] = {}
        before = 0
        for size in sorted(larger, reverse=True):
            near = before and size > 0.95 * before  # by rounding, or by letters of other fonts
            levels[size] = max(levels.values(), default=0) + (0 if near else 1)
            before = before if near else size
        levels = {size: min(level, LEVELS) for size, level in levels.items()}
        bold = max(levels.values(), default=0) + 1 if in_bold < OFTEN * total else 0
        return cls(body, levels, bold)

    def of_line(self, line: Line) -> int:
        """0: no heading."""
        level = self.sizes.get(line.size, 0)
        in_bold = self.bold and line.bold and line.size >= 0.95 * self.body and not line.text.endswith(ENDS)
        if not (level or in_bold) or len(line.text) > LONGEST or not any(letter.isalpha() for letter in line.text):
            return 0
        return level or self.bold


def _without_running(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    at_edge = [_at_edge(lines) for lines in pages]
    edges = [[line for line, _ in edge] for edge in at_edge]
    found_at = [[_place(line, outermost=outermost) for line, outermost in edge] for edge in at_edge]
    places = Counter(place for found in found_at for place in set(found))
    least = max(3, RUNNING * sum(1 for lines in pages if lines))
    numbered = [[_numbered(line, page) for line in edge] for page, edge in enumerate(edges)]
    numbers = Counter(number for found in numbered for number in found if number)
    kept = []
    for lines, *found in zip(pages, edges, found_at, numbered, strict=True):
        gone = {
            id(line)
            for line, place, number in zip(*found, strict=True)
            if places[place] >= least or numbers[number] >= 2
        }
        kept.append([line for line in lines if id(line) not in gone] if gone else list(lines))
    return kept


def _at_edge(lines: Sequence[Line]) -> list[tuple[Line, bool]]:
    """The lines in the rows at the upper and at the lower end; True: of the outermost ones."""
    bottoms = list(map(round, map(BOTTOM, lines)))
    rows = sorted(set(bottoms))
    if len(rows) < 2:
        return []
    fewest, most = AT_EDGE
    count, outer = (min(max(fewest, len(rows) // 4), most), fewest) if len(rows) >= 2 * fewest else (1, 1)
    lower, upper, lowest, uppermost = rows[count - 1], rows[-count], rows[outer - 1], rows[-outer]
    return [
        (line, not lowest < bottom < uppermost)
        for line, bottom in zip(lines, bottoms, strict=True)
        if not lower < bottom < upper
    ]


def _place(line: Line, *, outermost: bool) -> tuple[str, int]:
    """Further inside, a line with other numbers may be one of a form, which all pages fill in."""
    return DIGITS.sub("#", line.text) if outermost else line.text, round(line.bottom / 4)


def _numbered(line: Line, page: int) -> tuple[int, int] | None:
    """How far its number is from that of the page, and its height: the same on all pages, if it numbers them."""
    match = PAGE_NUMBER.fullmatch(line.text) if len(line.text) <= LONGEST_NUMBER else None
    return (int(match.group(1)) - page, round(line.bottom / 4)) if match else None


def _groups(lines: Sequence[Line], levels: _Levels) -> Iterator[tuple[list[Line], int]]:
    """Lines that belong together, and the level of the heading that they are."""
    group: list[Line] = []
    level = 0
    sizes = levels.sizes
    for line in lines:
        own = levels.of_line(line) if line.bold or line.size in sizes else 0  # most lines are neither
        if group and own == level and not (_is_apart(group[-1], line) or (own and not _goes_on(group, line))):
            group.append(line)
            continue
        if group:
            yield group, level
        group, level = [line], own
    if group:
        yield group, level


def _goes_on(group: Sequence[Line], line: Line) -> bool:
    """A heading in several lines: they stand one below the other, without the space that stands between two."""
    return len(group) < 4 and group[-1].bottom - line.top < 0.25 * line.height


def _joined(lines: Sequence[Line], edges: Mapping[int, float], *, with_links: bool) -> Iterator[str]:
    """Lines that were one paragraph run on; a line that ends early keeps its end."""
    before: Line | None = None
    for line in lines:
        text = line.text
        is_item = text[0] in BULLETS
        if before is not None:
            first_word = text.find(" ") + 1 or len(text) + 1
            width = (line.right - line.left) / len(text)
            # It had no room at the end of the line before, in its column.
            runs_on = before.right + first_word * width > edges[round(before.left)] and not is_item
            yield " " if runs_on else "\n"
        before = line
        if with_links and line.linked:
            text = line.linked
        if text[-1] in HYPHENS:
            text = text.rstrip(BOTH_HYPHENS)
            before = None
        yield ITEM + text[1:].lstrip() if is_item else text


def _one_link(match: "re.Match[str]") -> str:
    return match.group(2)


def _is_apart(line: Line, following: Line) -> bool:
    """More than half a line of space between, another size of type, or the next column."""
    height, other = line.height, following.height
    return not (
        -2 * height <= line.bottom - following.top <= 0.5 * height and height <= 1.25 * other and other <= 1.25 * height
    )


def _right_edges(lines: Sequence[Line]) -> Mapping[int, float]:
    """Of the columns that lines stand in, by where a line begins."""
    widest: dict[int, float] = {}
    for line in lines:
        left = round(line.left)
        if line.right > widest.get(left, NOWHERE):
            widest[left] = line.right
    return {left: max(right for other, right in widest.items() if abs(other - left) < INDENT) for left in widest}
