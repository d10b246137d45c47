"""reStructuredText: its titles, tables and code blocks become those of Markdown; the rest is as it is."""

import re
from collections.abc import Iterator, Sequence

from source_s3.documents import markup
from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Parsed
from source_s3.documents.plain.text import of_markdown, text_of

UNDERLINED = re.compile(r"^([=\-`:.'\"~^_*+#])\1{2,}[ \t]*$")
CODE_BLOCK = re.compile(r"^\.\. (?:code-block|code|sourcecode)::[ \t]*(\S*)[ \t]*$")
TARGET = re.compile(r"^\.\. _[^:]+:\s*$")  # of a link inside of the document
SIMPLE = re.compile(r"^=+( +=+)+$")
GRID = re.compile(r"^\+[-=+]+\+$")


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    return of_markdown("\n".join(_lines(text_of(key, content).split("\n"))), limits)


def _lines(lines: list[str]) -> Iterator[str]:
    """The characters that titles are underlined with mean levels in the order of their first use."""
    levels: dict[str, int] = {}
    number = 0
    while number < len(lines):
        line = lines[number].rstrip()
        after = lines[number + 1].rstrip() if number + 1 < len(lines) else ""
        below = lines[number + 2].rstrip() if number + 2 < len(lines) else ""
        if UNDERLINED.match(line) and after.strip() and below == line and len(line) >= len(after.strip()):
            yield _title(levels, line[0] * 2, after)
            number += 3
        elif line and not line.startswith((" ", "..")) and UNDERLINED.match(after) and len(after) >= len(line):
            yield _title(levels, after[0], line)
            number += 2
        elif TARGET.match(line):
            number += 1
        elif SIMPLE.match(line) or GRID.match(line):
            end = _end_of_table(lines, number)
            rows = _simple_rows(lines[number:end]) if SIMPLE.match(line) else _grid_rows(lines[number:end])
            yield from [markup.table(rows), ""]
            number = end
        elif block := CODE_BLOCK.match(line):
            number, code = _indented(lines, number + 1)
            yield from [f"```{block.group(1)}", *code, "```", ""]
        else:
            yield line
            number += 1


def _title(levels: dict[str, int], mark: str, text: str) -> str:
    return f"{'#' * min(levels.setdefault(mark, len(levels) + 1), 6)} {text.strip()}"


def _indented(lines: list[str], number: int) -> tuple[int, list[str]]:
    """The lines of a directive's body, and where it ends."""
    found: list[str] = []
    while number < len(lines) and (not lines[number].strip() or lines[number].startswith((" ", "\t"))):
        if not (not found and (not lines[number].strip() or lines[number].strip().startswith(":"))):
            found.append(lines[number].rstrip())
        number += 1
    while found and not found[-1]:
        found.pop()
    indent = min((len(line) - len(line.lstrip()) for line in found if line), default=0)
    return number, [line[indent:] for line in found]


def _end_of_table(lines: Sequence[str], number: int) -> int:
    """The line behind it: a simple table ends with its last border, a grid where its lines end."""
    border = SIMPLE if SIMPLE.match(lines[number].rstrip()) else None
    end = last = number
    while end < len(lines) and (lines[end].strip() or border):
        last = end if border is None or border.match(lines[end].rstrip()) else last
        end += 1
        if border and last == end - 1 and not "".join(lines[end : end + 1]).strip() and last > number:
            break
    return last + 1


def _simple_rows(lines: Sequence[str]) -> list[list[str]]:
    """A row whose first cell is empty goes on with the one above it."""
    starts = [match.start() for match in re.finditer("=+", lines[0])]
    rows: list[list[str]] = []
    for line in lines:
        if SIMPLE.match(line.rstrip()) or not line.strip():
            continue
        ends = [*starts[1:], max(len(line), starts[-1])]
        cells = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        if rows and not cells[0]:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    return rows


def _grid_rows(lines: Sequence[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    begins = True
    for line in lines:
        if line.lstrip().startswith("+"):
            begins = True
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if begins or len(cells) != len(rows[-1]):
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)]
        begins = False
    return rows
