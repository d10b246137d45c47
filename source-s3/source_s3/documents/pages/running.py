"""Running heads and page numbers of a document in pages: what stands in the same place on many of them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from source_s3.documents.pages.lines import Lines

AT_EDGE = (2, 6)  # rows at the upper and lower end of a page that may be running heads: of a short one, of a long one
RUNNING = 0.4  # of all pages: what stands in the same place on so many is one
PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\W*(\d{1,5})(?:\s*(?:/|of|von|de)\s*\d{1,5})?\W*", re.IGNORECASE)
DIGITS = re.compile("[0-9]+")  # faster than all that are digits
LONGEST_NUMBER = 40  # characters of a page number and what is around it

Key = TypeVar("Key")


def without_running(pages: Sequence[Lines]) -> list[Lines]:
    edges = [dict(_edge(lines)) for lines in pages]
    least = max(3, RUNNING * sum(map(bool, pages)))
    # The most lines are told by their texts alone.
    often = _keys(Counter(chain.from_iterable(set(edge.values()) for edge in edges)), least)
    repeated = [
        [(line, (text, _height(lines, line))) for line, text in edge.items() if text in often]
        for lines, edge in zip(pages, edges, strict=True)
    ]
    running = _keys(Counter(chain.from_iterable({place for _, place in found} for found in repeated)), least)
    numbered = [
        list(_numbered(lines, edge, page)) for page, (lines, edge) in enumerate(zip(pages, edges, strict=True), 1)
    ]
    numbers = _keys(Counter(number for found in numbered for _, number in found), 2)
    kept = []
    for lines, by_place, by_number in zip(pages, repeated, numbered, strict=True):
        gone = {line for line, place in by_place if place in running} | {
            line for line, number in by_number if number in numbers
        }
        kept.append(lines.only(line not in gone for line in range(len(lines.texts))) if gone else lines)
    return kept


def _edge(lines: Lines) -> Iterator[tuple[int, str]]:
    """The lines in the rows at the upper and at the lower end, with what of their texts is the same on all pages."""
    bottoms = list(map(round, lines.bottoms))
    rows = sorted(set(bottoms))
    if len(rows) < 2:
        return
    fewest, most = AT_EDGE
    count, outer = (min(max(fewest, len(rows) // 4), most), fewest) if len(rows) >= 2 * fewest else (1, 1)
    lower, upper, lowest, uppermost = rows[count - 1], rows[-count], rows[outer - 1], rows[-outer]
    for line in [line for line, bottom in enumerate(bottoms) if not lower < bottom < upper]:
        text = lines.texts[line]
        # Further inside, a line with other numbers may be one of a form, which all pages fill in.
        yield line, text if lowest < bottoms[line] < uppermost else DIGITS.sub("#", text)


def _numbered(lines: Lines, edge: Iterable[int], page: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """How far a line's number is from that of the page, and its height: the same on all pages, if it numbers them."""
    for line in edge:
        text = lines.texts[line]
        if len(text) <= LONGEST_NUMBER and (match := PAGE_NUMBER.fullmatch(text)):
            yield line, (int(match.group(1)) - page, _height(lines, line))


def _height(lines: Lines, line: int) -> int:
    """Where it stands, in steps of four points."""
    return round(lines.bottoms[line] / 4)


def _keys(counts: "Counter[Key]", least: float) -> set[Key]:
    """What is there so often, at least."""
    return {key for key, count in counts.items() if count >= least}
