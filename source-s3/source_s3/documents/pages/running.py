"""Running heads and page numbers of a document in pages: what stands in the same place on many of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from source_s3.documents.pages.lines import Lines

AT_EDGE = (2, 6)  # rows at the upper and lower end of a page that may be running heads: of a short one, of a long one
RUNNING = 0.4  # of all pages: what stands in the same place on so many is one
PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\W*(\d{1,5})(?:\s*(?:/|of|von|de)\s*\d{1,5})?\W*", re.IGNORECASE)
DIGITS = re.compile("[0-9]+")  # faster than all that are digits
LONGEST_NUMBER = 40  # characters of a page number and what is around it

Key = TypeVar("Key")
Place = tuple[int, int]  # a page, and a line of it


def without_running(pages: Sequence[Lines]) -> list[Lines]:
    edges = list(map(_edge, pages))
    gone = {*_repeated(pages, edges), *_page_numbers(pages, edges)}
    kept = list(pages)
    for page in {page for page, _ in gone}:
        lines = pages[page]
        kept[page] = lines.only((page, line) not in gone for line in range(len(lines.texts)))
    return kept


def _edge(lines: Lines) -> dict[int, str]:
    """The lines in the rows at the upper and at the lower end, with what of their texts is the same on all pages."""
    bottoms = list(map(round, lines.bottoms))
    rows = sorted(set(bottoms))
    if len(rows) < 2:
        return {}
    fewest, most = AT_EDGE
    count, outer = (min(max(fewest, len(rows) // 4), most), fewest) if len(rows) >= 2 * fewest else (1, 1)
    lower, upper, lowest, uppermost = rows[count - 1], rows[-count], rows[outer - 1], rows[-outer]
    texts = lines.texts
    # Further inside, a line with other numbers may be one of a form, which all pages fill in.
    return {
        line: texts[line] if lowest < bottom < uppermost else _without_numbers(texts[line])
        for line, bottom in enumerate(bottoms)
        if not lower < bottom < upper
    }


def _without_numbers(text: str) -> str:
    raw = text.encode()
    has_none = len(raw.translate(None, b"0123456789")) == len(raw)  # three times as fast as to search for them
    return text if has_none else DIGITS.sub("#", text)


def _repeated(pages: Sequence[Lines], edges: Sequence[Mapping[int, str]]) -> Iterator[Place]:
    """What is there, and as high, on many pages."""
    least = max(3, RUNNING * sum(map(bool, pages)))
    often = _keys(Counter(chain.from_iterable(set(edge.values()) for edge in edges)), least)
    if not often:  # the most lines are told by their texts alone
        return
    found = {
        (page, line): (text, _height(pages[page], line))
        for page, edge in enumerate(edges)
        for line, text in edge.items()
        if text in often
    }
    running = _keys(Counter(key for _, key in {(page, key) for (page, _), key in found.items()}), least)
    yield from (place for place, key in found.items() if key in running)


def _page_numbers(pages: Sequence[Lines], edges: Sequence[Mapping[int, str]]) -> Iterator[Place]:
    """A number that is as far from that of the page, and as high, on two pages at least."""
    found = {}
    for page, edge in enumerate(edges):
        texts = pages[page].texts
        for line in edge:
            if len(texts[line]) <= LONGEST_NUMBER and (match := PAGE_NUMBER.fullmatch(texts[line])):
                found[page, line] = int(match.group(1)) - page, _height(pages[page], line)
    numbers = _keys(Counter(found.values()), 2)
    yield from (place for place, number in found.items() if number in numbers)


def _height(lines: Lines, line: int) -> int:
    """Where it stands, in steps of four points."""
    return round(lines.bottoms[line] / 4)


def _keys(counts: "Counter[Key]", least: float) -> set[Key]:
    """What is there so often, at least."""
    return {key for key, count in counts.items() if count >= least}
