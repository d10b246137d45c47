"""The elements of a page as blocks: what a reader of the page came for, without what stands around it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from source_s3.documents import markup
from source_s3.documents.parsed import Block
from source_s3.documents.parts import local

# Words in one text: as lists they would be columns of lines.
NEVER_SHOWN = """
    script style noscript template nav iframe svg canvas object embed form button select input textarea dialog head
    audio video map applet frameset title link meta
"""
NEVER = frozenset(NEVER_SHOWN.split())
AROUND = {"header", "footer", "aside"}  # of the page; inside of an article they belong to it
ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog", "alertdialog"}
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
ON_LINES_OF_THEIR_OWN = """
    address article aside blockquote body center dd details dir div dl dt fieldset figcaption figure footer h1 h2 h3
    h4 h5 h6 header hr html li main menu ol p pre section summary table tbody td tfoot th thead tr ul caption
"""
BLOCKS = frozenset(ON_LINES_OF_THEIR_OWN.split())
HEADING = re.compile(r"h[1-6]$")
NUMBER = re.compile(r"-?[0-9]{1,9}")
LANGUAGE = re.compile(r"\b(?:language|lang|highlight-source|brush:)[- ]?(\w[\w+#-]*)")
MOST_SPANNED = 256  # columns or rows by one cell
MOST_COLUMNS = 2048  # of a table whose cells span others


def blocks_of(root: Any) -> Iterator[Block]:
    """Of a whole page: of its main part, where one is marked as such."""
    body = root.find("body") if root.find("body") is not None else root
    mains = [each for each in body.iter("main", "article") if local(each) == "main"]
    mains = mains or [each for each in body.iter() if each.get("role") == "main"]
    main = mains[0] if len(mains) == 1 and "".join(mains[0].itertext()).strip() else None
    if main is None:
        articles = [each for each in body.iter("article") if not any(True for _ in each.iterancestors("article"))]
        lone = len(articles) == 1 and len(_visible(articles[0])) * 2 > len(_visible(body))
        main = articles[0] if lone else None
    yield from _Page(inside=main is not None).walk(main if main is not None else body)


def _visible(element: Any) -> str:
    return " ".join(text for text in element.itertext() if text.strip())


class _Page:
    """`inside`: of an article or the main part, whose headers and asides belong to it."""

    def __init__(self, *, inside: bool) -> None:
        self._inside = inside

    def walk(self, element: Any, without: Sequence[Any] = ()) -> Iterator[Block]:
        """Blocks inside of the element, but for those in `without`, and the text between them as paragraphs."""
        inline: list[str] = [element.text or ""]
        for each in element:
            name = local(each)
            if self._is_block(each, name):
                yield from _paragraph(inline)
                inline = []
                if each not in without and not self._is_left_out(each, name):
                    yield from self._block(each, name)
            else:
                inline.append(self._inline(each, name))
            inline.append(each.tail or "")
        yield from _paragraph(inline)

    def _is_block(self, element: Any, name: str) -> bool:
        return name in BLOCKS or (name not in {"a", "code"} and any(local(each) in BLOCKS for each in element))

    def _is_left_out(self, element: Any, name: str) -> bool:
        if name in NEVER or element.get("role") in ROLES or element.get("aria-hidden") == "true":
            return True
        if element.get("hidden") is not None or HIDDEN.search(element.get("style") or ""):
            return True
        return name in AROUND and not self._inside

    def _block(self, element: Any, name: str) -> Iterator[Block]:
        if HEADING.match(name):
            yield Block(markup.one_line(self._text(element)).removesuffix("¶").rstrip(), int(name[1]))
        elif name == "pre":
            yield Block(markup.code("".join(self._raw(element)), _language(element)))
        elif name in {"ul", "ol", "menu", "dir"}:
            yield Block("\n".join(self._items(element, 0)))
        elif name == "table":
            yield from self._table(element)
        elif name == "blockquote":
            for block in self.walk(element):
                yield Block("> " + block.text.replace("\n", "\n> ")) if block.text.strip() else block
        elif name == "dd":
            yield from (Block(markup.item(block.text, ":", 0)) for block in self.walk(element) if block.text.strip())
        elif name != "hr":
            outer, self._inside = self._inside, self._inside or name == "article"
            yield from self.walk(element)
            self._inside = outer

    def _items(self, element: Any, depth: int) -> Iterator[str]:
        start = element.get("start") or ""
        number = int(start) if NUMBER.fullmatch(start) else 1
        yield from _stray(element.text, depth)
        for each in element:
            name = local(each)
            if name in {"ul", "ol", "menu"} and not self._is_left_out(each, name):  # in a list, without an item
                yield from self._items(each, depth + 1)
            elif not self._is_left_out(each, name):
                marker = f"{number}." if local(element) == "ol" else "-"
                inner = [part for part in each if local(part) in {"ul", "ol", "menu"}]
                text = "\n".join(block.text for block in self.walk(each, inner) if block.text.strip())
                if text.strip():
                    yield markup.item(text, marker, depth)
                    number += 1
                for part in inner:
                    yield from self._items(part, depth + 1)
            yield from _stray(each.tail, depth)

    def _table(self, element: Any) -> Iterator[Block]:
        """One that only lays out the page is its cells' blocks."""
        rows = [row for row in element.iter("tr") if next(row.iterancestors("table")) is element]
        cells = [[each for each in row if local(each) in {"td", "th"}] for row in rows]
        is_layout = element.get("role") == "presentation" or any(True for _ in element.iterdescendants("table"))
        if is_layout or max(map(len, cells), default=0) < 2:
            yield from self.walk(element)  # its caption, and cells outside of rows, too
            return
        for each in element:
            if local(each) == "caption":
                yield from _paragraph([self._text(each)])
        yield Block(markup.table(_filled([[self._cell(each) for each in row] for row in cells])))

    def _cell(self, element: Any) -> tuple[str, int, int]:
        """Its text, and the columns and rows that it takes."""
        spans = [element.get(name) or "1" for name in ("colspan", "rowspan")]
        wide, high = (min(max(1, int(each)), MOST_SPANNED) if NUMBER.fullmatch(each) else 1 for each in spans)
        return " ".join(block.text for block in self.walk(element)), wide, high

    def _text(self, element: Any) -> str:
        pieces = [element.text or ""]
        for each in element:
            pieces += [self._inline(each, local(each)), each.tail or ""]
        return "".join(pieces)

    def _inline(self, element: Any, name: str) -> str:
        if not name or self._is_left_out(element, name):
            return ""
        if name == "br":
            return "\v"  # of all white space, only this one ends a line
        if name == "img":
            return element.get("alt") or ""
        text = self._text(element)
        if name in {"code", "kbd", "samp", "tt"} and text.strip() and "`" not in text:
            return f"`{text.strip()}`"
        if name == "a" and "headerlink" not in (element.get("class") or ""):
            return markup.link(text, element.get("href"))
        return "" if name == "a" else text

    def _raw(self, element: Any) -> Iterator[str]:
        yield element.text or ""
        for each in element:
            if local(each) == "br":
                yield "\n"
            elif not self._is_left_out(each, local(each)):
                yield from self._raw(each)
            yield each.tail or ""


def _stray(text: str | None, depth: int) -> Iterator[str]:
    """What stands in a list, but in none of its items."""
    if line := markup.one_line(text or ""):
        yield markup.item(line, "-", depth)


def _paragraph(inline: list[str]) -> Iterator[Block]:
    lines = ["".join(inline)] if "\v" not in "".join(inline) else "".join(inline).split("\v")
    text = "\n".join(filter(None, map(markup.one_line, lines)))
    if text:
        yield Block(markup.paragraph(text))


def _filled(rows: list[list[tuple[str, int, int]]]) -> list[list[str]]:
    """Each cell in its column: those that a cell spans beyond its first are empty."""
    taken: dict[int, int] = {}  # rows that a cell above still takes, by column
    filled = []
    for row in rows:
        cells: dict[int, str] = {}
        column = 0
        for text, *spans in row:
            wide, high = spans if len(taken) < MOST_COLUMNS else (1, 1)
            while taken.get(column, 0) > 0:
                column += 1
            cells[column] = text
            for spanned in range(column, column + wide):
                taken[spanned] = high
            column += wide
        width = max([*cells, *(place for place, left in taken.items() if left > 0)], default=-1) + 1
        filled.append([cells.get(place, "") for place in range(width)])
        taken = {place: left - 1 for place, left in taken.items() if left > 1}
    return filled


def _language(element: Any) -> str:
    for each in (element, *element.iter("code")):
        if match := LANGUAGE.search(each.get("class") or ""):
            return match.group(1)
    return ""
