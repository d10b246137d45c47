"""Lines of a PDF to paragraphs and headings: a PDF knows neither, only where each letter stands, and how large."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat

from source_s3.documents import markup
from source_s3.documents.pages.lines import BULLETS, Lines
from source_s3.documents.pages.page import BOTH_HYPHENS, HYPHENS
from source_s3.documents.pages.running import without_running
from source_s3.documents.pages.tables import Row, Table, follows, joined_over_pages, table_of
from source_s3.documents.parsed import Block

INDENT = 40.0  # points: lines that begin further apart stand in different columns
NOWHERE = float("-inf")
LARGER = 1.12  # times the size of the text: a heading
LEVELS = 5  # sizes of headings that are told apart
LONGEST = 200  # characters of a heading
MOST_LINES = 4  # of a heading
OFTEN = 0.25  # of all letters: a larger size that is so common is text as well
ITEM = "- "
APART = "\x00"  # between two lines: no text has it
DIVIDED = re.compile(f"[{BOTH_HYPHENS}]+[ \n]?")  # at a line's end, and what stands between it and the next
ENDS = (".", ",", ";", ":")
# A link that goes on in the next line.
CONTINUED = re.compile(r"\]\(([^()\s]+)\)([ \n]?)\[(?=[^\[\]]*\]\(\1\))")


def blocks_of(pages: Sequence[Lines]) -> Iterator[Block]:
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


def _blocks(pages: Sequence[Lines]) -> Iterator[Block]:
    # Those of a table's lines count for the columns around it; else a page is looked at once.
    kept = [lines._replace(edges=_right_edges(lines)) if lines.cells else lines for lines in without_running(pages)]
    levels = _Levels.of(kept)
    parts = ((number, part) for number, lines in enumerate(kept, 1) for part in _with_tables(lines))
    for number, part in joined_over_pages(parts):
        if isinstance(part, Lines):
            yield from (Block(text, level, number) for text, level in _paragraphs(part, levels))
        else:
            yield Block(markup.table(part), page=number)


def _with_tables(lines: Lines) -> Iterator[Table | Lines]:
    """The tables, and the lines between them."""
    done, count = 0, len(lines.texts)
    for start, rows in _rows(lines) if lines.cells else ():
        end = start + len(rows)
        table = table_of(rows, at_edge=start == 0 or end == count)
        if table is not None:
            yield lines.part(done, start)
            yield table
            done = end
    yield lines.part(done, count) if done else lines


def _rows(lines: Lines) -> Iterator[tuple[int, list[Row]]]:
    """Those that may be of one table, with the number of the first."""
    rows: list[Row] = []
    for number, row in enumerate(map(Row, lines.cells, lines.bottoms, lines.heights)):
        if rows and not (row.cells and follows(row, rows[-1])):
            yield number - len(rows), rows
            rows = []
        if row.cells:
            rows.append(row)
    if rows:
        yield len(lines.cells) - len(rows), rows


@dataclass(frozen=True, slots=True)
class _Levels:
    """By the size of their letters; `bold`: of a bold line in the size of the text, 0 where that is no heading."""

    body: float
    sizes: Mapping[int, int]
    bold: int

    @classmethod
    def of(cls, pages: Sequence[Lines]) -> "_Levels":
        letters, in_bold = _letters(pages)
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

    def of_lines(self, lines: Lines) -> Sequence[int]:
        """0: no heading, as most lines are."""
        bold = lines.bold if self.bold else ()
        if not any(bold) and self.sizes.keys().isdisjoint(lines.sizes):
            return [0] * len(lines.texts)
        columns = zip(lines.texts, lines.sizes, bold or repeat(False), strict=False)
        return [self._of_line(text, size, is_bold=is_bold) for text, size, is_bold in columns]

    def _of_line(self, text: str, size: int, *, is_bold: bool) -> int:
        level = self.sizes.get(size, 0)
        in_bold = is_bold and size >= 0.95 * self.body and not text.endswith(ENDS)
        if not (level or in_bold) or len(text) > LONGEST or not any(map(str.isalpha, text)):
            return 0
        return level or self.bold


def _letters(pages: Iterable[Lines]) -> tuple[Counter[int], int]:
    """How many have which size, and how many are bold."""
    letters: Counter[int] = Counter()
    in_bold = 0
    for lines in pages:
        lengths = list(map(len, lines.texts))
        if lines and lines.sizes.count(lines.sizes[0]) == len(lengths):
            letters[lines.sizes[0]] += sum(lengths)
        else:
            for size, length in zip(lines.sizes, lengths, strict=True):
                letters[size] += length
        in_bold += sum(compress(lengths, lines.bold))
    return letters, in_bold


def _paragraphs(lines: Lines, levels: _Levels) -> Iterator[tuple[str, int]]:
    """Lines that belong together as one text, and the level of the heading that they are."""
    if not lines:
        return
    between, of_lines = _between(lines), levels.of_lines(lines)
    of_paragraphs: Iterable[int] = repeat(0)
    if any(of_lines):
        between = list(_apart_from_headings(lines, of_lines, between))
        of_paragraphs = [of_lines[0], *compress(of_lines[1:], map(APART.__eq__, between))]
    texts = with_links = _written(lines.texts, between)
    if lines.linked:
        linked = [link or text for link, text in zip(lines.linked, lines.texts, strict=True)]
        with_links = _written(linked, between)
    for plain, text, level in zip(texts, with_links, of_paragraphs, strict=False):
        if level:
            yield plain.strip(), level
            continue
        joined = (text if text == plain else CONTINUED.sub(r"\2", text)).strip()
        yield markup.paragraph(joined) if "#" in joined else joined, 0  # there is no space around its lines


def _between(lines: Lines) -> list[str]:
    """What stands between each line and the next: a space, where that runs on, or a line's end, or that they are apart.

    Apart: more than half a line of space between, another size of type, or the next column. It runs on where its first
    word had no room at the end of the line before, in its column: what of its letters are the word's is of its width.
    """
    before = lines.heights, lines.bottoms, lines.rights, lines.edges or _right_edges(lines)
    after = lines.heights[1:], lines.tops[1:], lines.lefts[1:], lines.rights[1:], lines.texts[1:]
    return [
        APART
        if not (-2 * height <= bottom - top <= 0.5 * height and height <= 1.25 * other and other <= 1.25 * height)
        else " "
        if (text.find(" ") + 1 or len(text) + 1) * (end - left) > (edge - right) * len(text) and text[0] not in BULLETS
        else "\n"
        for height, bottom, right, edge, other, top, left, end, text in zip(*before, *after, strict=False)
    ]


def _apart_from_headings(lines: Lines, levels: Sequence[int], between: Sequence[str]) -> Iterator[str]:
    """A heading in several lines: they stand one below the other, without the space that stands between two."""
    count = 1
    for number, each in enumerate(between, 1):
        level, top = levels[number], lines.tops[number]
        goes_on = each != APART and level == levels[number - 1]
        if level and goes_on:
            space = lines.bottoms[number - 1] - top
            goes_on = count < MOST_LINES and space < 0.25 * lines.heights[number]
        count = count + 1 if goes_on else 1
        yield each if goes_on else APART


def _written(texts: Sequence[str], between: Sequence[str]) -> list[str]:
    """The paragraphs: lines, and what stands between them; nothing within a word that is divided."""
    parts = [""] * (len(texts) + len(between))
    parts[0::2], parts[1::2] = texts, between
    joined = "".join(parts)
    if not joined.isascii():
        parts[0::2] = [ITEM + text[1:].lstrip() if text[0] in BULLETS else text for text in texts]
        joined = "".join(parts)
    if any(hyphen in joined for hyphen in HYPHENS):
        joined = DIVIDED.sub("", joined)
    return joined.split(APART)


def _right_edges(lines: Lines) -> list[float]:
    """Of the columns that lines stand in, by where a line begins."""
    if not lines or round(min(lines.lefts)) == round(max(lines.lefts)):  # as in most texts
        return [max(lines.rights, default=0.0)] * len(lines.texts)
    lefts = list(map(round, lines.lefts))
    widest: dict[int, float] = {}
    for left, right in zip(lefts, lines.rights, strict=True):
        if right > widest.get(left, NOWHERE):
            widest[left] = right
    begins = sorted(widest)
    edges = {}
    for left in begins:
        near = begins[bisect_right(begins, left - INDENT) : bisect_left(begins, left + INDENT)]
        edges[left] = max(map(widest.__getitem__, near))
    return list(map(edges.__getitem__, lefts))
