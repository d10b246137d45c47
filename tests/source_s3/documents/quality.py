"""How much of a document is in the Markdown that was made of it: words in order, cells in place, headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

WORD = re.compile(r"\w+")
HEADING = re.compile(r"^(#{1,6}) (.*)$", re.MULTILINE)
SEPARATOR = re.compile(r"\|[ :|-]+\|")
Block = Sequence[Any]  # ["h", level, text], ["p", text], ["ul", items] or ["table", rows]


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares of 1; None: the document has none of them. `extra`: words that it does not have."""

    words: float
    cells: float | None
    headings: float | None
    extra: float


def quality(markdown: str, truth: Sequence[Block]) -> Quality:
    expected = [word for block in truth for word in _words(block)]
    found = WORD.findall(re.sub(r"\]\([^)]*\)", "]", markdown))
    kept = sum(match.size for match in SequenceMatcher(None, expected, found, autojunk=False).get_matching_blocks())
    tables = list(_tables(markdown))
    cells = [_kept_cells(block[1], tables) for block in truth if block[0] == "table"]
    titles = [(block[1], WORD.findall(block[2])) for block in truth if block[0] == "h"]
    written = [(len(marks), WORD.findall(text)) for marks, text in HEADING.findall(markdown)]
    return Quality(
        kept / len(expected),
        sum(cells) / len(cells) if cells else None,
        sum(title in written for title in titles) / len(titles) if titles else None,
        (len(found) - kept) / len(expected),
    )


def _words(block: Block) -> list[str]:
    if block[0] in {"h", "p"}:
        return WORD.findall(block[-1])
    parts = block[1] if block[0] == "ul" else [cell for row in block[1] for cell in row]
    return [word for part in parts for word in WORD.findall(part)]


def _tables(markdown: str) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for line in [*markdown.split("\n"), ""]:
        if line.startswith("|"):
            if not SEPARATOR.fullmatch(line):
                rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            yield rows
            rows = []


def _kept_cells(rows: Sequence[Sequence[str]], tables: Sequence[Sequence[Sequence[str]]]) -> float:
    """Of the table that keeps most of them in their row and column."""
    expected = {(row, column): text for row, cells in enumerate(rows) for column, text in enumerate(cells)}
    best = 0
    for table in tables:
        found = {(row, column): text for row, cells in enumerate(table) for column, text in enumerate(cells)}
        best = max(best, sum(found.get(place) == text for place, text in expected.items()))
    return best / len(expected)
