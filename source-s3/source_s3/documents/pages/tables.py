"""Tables of a PDF: lines one below the other whose parts stand in columns, with more than a word's space between."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from source_s3.documents import markup
from source_s3.documents.pages.lines import Cell, Lines

GAP = 0.6  # of a line's height: less is the space between two words, also of a line that is stretched
LONGEST = 60  # letters of a cell, on average: of more, it is text in columns
APART = 3.0  # times a line's height from one row to the next

MARKER = re.compile(r"\W|\(?\w{1,3}[.)]|\[\d+\]")  # of an item, before its text

Table = list[list[str]]


class Row(NamedTuple):
    cells: Sequence[Cell]
    bottom: float
    height: float


def runs_of(rects: Iterable[tuple[float, float]], height: float) -> list[tuple[float, float]]:
    """Pieces of a line, from left to right, with those joined that only words' spaces divide. Empty: out of order."""
    runs: list[tuple[float, float]] = []
    for left, right in rects:
        if runs and left < runs[-1][1] - 0.5 * height:
            return []
        if runs and left - runs[-1][1] < GAP * height:
            runs[-1] = (runs[-1][0], max(runs[-1][1], right))
        else:
            runs.append((left, right))
    return runs


def cells_of(texts: Sequence[str], runs: Iterable[tuple[float, float]]) -> Sequence[Cell]:
    """Nothing of a marker and the text of its item."""
    if len(texts) == 2 and MARKER.fullmatch(texts[0]):
        return ()
    return [Cell(text, left, right) for text, (left, right) in zip(texts, runs, strict=True)]


def table_of(rows: Sequence[Row], *, at_edge: bool = False) -> Table | None:
    """None: they are no table. `at_edge` of a page, a single row of three cells may be the rest of one."""
    cells = [cell for row in rows for cell in row.cells]
    is_short = len(rows) < 2 and not (at_edge and len(cells) > 2)
    if is_short or sum(len(cell.text) for cell in cells) > LONGEST * len(cells):
        return None
    columns = _columns(cells)
    if len(columns) < 2 or len(columns) > 2 * max(len(row.cells) for row in rows):
        return None
    table = []
    for row in rows:
        placed = {_column(columns, cell): markup.link(cell.text, cell.address) for cell in row.cells}
        if len(placed) < len(row.cells):
            return None
        table.append([placed.get(column, "") for column in range(len(columns))])
    return table


def joined_over_pages(parts: Iterator[tuple[int, Table | Lines]]) -> Iterator[tuple[int, Table | Lines]]:
    """Parts of pages; a table that ends one and a table of as many columns that begins the next are one."""
    open_table: Table | None = None
    first = last = 0  # its pages
    for page, part in parts:
        if not part:
            continue
        if isinstance(part, list) and open_table is not None and page == last + 1 and _fits(part, open_table):
            open_table += part[1:] if part[0] == open_table[0] else part
            last = page
            continue
        if open_table is not None:
            yield first, open_table
            open_table = None
        if isinstance(part, list):
            open_table, first, last = part, page, page
        else:
            yield page, part
    if open_table is not None:
        yield first, open_table


def _fits(part: Table, table: Table) -> bool:
    return len(part[0]) == len(table[0])


def follows(row: Row, before: Row) -> bool:
    """Whether it stands below, as the next row of a table does."""
    return 0 < before.bottom - row.bottom < APART * max(row.height, before.height)


def _columns(cells: Sequence[Cell]) -> list[tuple[float, float]]:
    """What cells cover, from left to right: where none of them is, a column ends."""
    columns: list[tuple[float, float]] = []
    for cell in sorted(cells, key=lambda cell: cell.left):
        if columns and cell.left <= columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    return columns


def _column(columns: Sequence[tuple[float, float]], cell: Cell) -> int:
    return next(number for number, (left, right) in enumerate(columns) if left <= cell.left <= right)


def split_row(row: str, starts: Sequence[int]) -> Iterator[str]:
    """The texts that begin at these places of it."""
    for start, end in zip(starts, [*starts[1:], len(row)], strict=True):
        yield row[start:end].strip()
