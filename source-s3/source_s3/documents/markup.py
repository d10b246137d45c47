"""Markdown out of plain values: tables, links, lists, code."""

import re
from collections.abc import Sequence

SPACE = re.compile(r"\s+")
FENCE = re.compile(r"`{3,}")
LINKED = re.compile(r"(https?|ftp|mailto|tel):", re.IGNORECASE)


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head. Empty rows and columns are left out; one column alone is lines."""
    kept = [list(map(cell, row)) for row in rows]
    width = max((len(row) for row in kept), default=0)
    kept = [row + [""] * (width - len(row)) for row in kept if any(row)]
    columns = [column for column in range(width) if any(row[column] for row in kept)]
    if not kept or not columns:
        return ""
    if len(columns) == 1:
        return "\n\n".join(row[columns[0]].replace(r"\|", "|") for row in kept)
    lines = ["| " + " | ".join(row[column] for column in columns) + " |" for row in kept]
    return "\n".join([lines[0], "|" + " --- |" * len(columns), *lines[1:]])


def cell(text: str) -> str:
    return one_line(text).replace("|", r"\|")


def one_line(text: str) -> str:
    return SPACE.sub(" ", text).strip()


def paragraph(text: str) -> str:
    """Lines of it that would be taken for headings are not."""
    lines = [line.strip(" \t\r\f\v") for line in text.strip().split("\n")]
    return "\n".join(
        "\\" + line if line.startswith("#") and line.lstrip("#")[:1] in {"", " "} else line for line in lines
    )


def link(text: str, target: str | None) -> str:
    """Only what leads somewhere outside of the document."""
    shown = text.strip()
    if not shown or not target or not LINKED.match(target) or shown == target:
        return text
    left, right = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    address = target.strip().replace(" ", "%20").replace(")", "%29")
    return f"{left}[{shown}]({address}){right}"


def code(text: str, language: str = "") -> str:
    fence = max([*FENCE.findall(text), "``"], key=len) + "`"
    return f"{fence}{language}\n{text.strip(chr(10)).rstrip()}\n{fence}" if text.strip() else ""


def item(text: str, marker: str, depth: int) -> str:
    """Of a list. Its further lines stand below its text."""
    start = "  " * depth + marker + " "
    return start + text.strip().replace("\n", "\n" + " " * len(start))


def encodable(text: str) -> str:
    """Halves of pairs, which UTF-7 and the like can have alone, become what stands for no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
