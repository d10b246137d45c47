"""The document that Docling makes of another one, to Markdown.

Its items, groups and layers: https://docling-project.github.io/docling/concepts/docling_document/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Block, Facts, Parsed, assembled

Item = Mapping[str, Any]
ROOT = "#/body"
NOT_SHOWN = {"furniture", "background", "invisible"}  # layers: running heads, watermarks, what is hidden
AROUND = {"page_header", "page_footer"}  # of each page, where an item's layer does not tell
HEADINGS = {"section_header", "field_heading"}
LISTS = {"list", "ordered_list"}
TABLES = {"table", "document_index"}
PICTURES = {"picture", "chart"}
CLOSED = {*TABLES, *PICTURES, "comment_section"}  # below are cells, words of a drawing, what a reviewer says
BOXES = {"checkbox_selected": "[x] ", "checkbox_unselected": "[ ] "}
DEEPEST = 50  # levels of a list
CLOSING, OPENING = tuple(".,;:!?)]}»…%"), tuple("([{«")  # no space stands before, or behind, these


@dataclass(frozen=True, slots=True)
class Line:
    """An item of a list; `of` is the outermost list."""

    text: str
    marker: str
    depth: int
    page: int | None
    of: str


@dataclass(frozen=True, slots=True)
class Place:
    """In a list, with the number that an item has in it."""

    of: str = ""
    depth: int = -1
    number: int = 0


def parsed_of(document: Item, limits: Limits) -> Parsed:
    """TooMuch: more pages or characters than the limits allow."""
    pages = document.get("pages")
    count = len(pages) if isinstance(pages, Mapping) else 0
    if count > limits.pages:
        raise TooMuch("pages", limits.pages)
    tree = _Tree(document)
    facts = Facts(title=tree.title(), page_count=count or None)
    return assembled(_with_lists(tree.walk(ROOT, Place())), limits.characters, facts)


class _Tree:
    """Items by their names. Each is told once: a caption is also below its table, and an odd tree may have circles."""

    def __init__(self, document: Item) -> None:
        self._items = dict(_items(document))
        self._below_title = int(any(_label(each) == "title" and _is_shown(each) for each in self._items.values()))

    def title(self) -> str | None:
        """That of an HTML page stands in its head, which is not shown."""
        texts = (_text_of(each) for each in self._items.values() if _label(each) == "title")
        return next((text for text in map(markup.one_line, texts) if text), None)

    def walk(self, name: str, place: Place) -> Iterator[Block | Line]:
        item = self._items.pop(name, {})
        label = _label(item)
        if label in LISTS:
            place = Place(place.of or name, min(place.depth + 1, DEEPEST))
        if label == "list_item" and _is_shown(item):
            page = self._page(item)
            yield Line(self._text(item), _marker(item, place.number), max(place.depth, 0), page, place.of)
        elif _is_shown(item):
            yield from self._blocks(item, label)
        if label in CLOSED:
            return
        number = 0
        for child in _names(item, "children"):
            number += self._items.get(child, {}).get("enumerated") is True
            yield from self.walk(child, replace(place, number=number))

    def _blocks(self, item: Item, label: str) -> Iterator[Block]:
        """Of the item alone. A group has no text; its children have."""
        page = self._page(item)
        if label == "title":
            yield Block(self._text(item), 1, page)
        elif label == "sheet":
            yield Block(str(item.get("name") or ""), 1, page)
        elif label in HEADINGS:
            yield Block(self._text(item), min(_level(item) + self._below_title, 6), page)
        elif label == "code":
            yield Block(markup.code(_text_of(item), _language(item)), page=page)
        elif label == "formula":
            yield Block(_formula(item, "$$"), page=page)
        elif label in TABLES or label in PICTURES:
            yield from self._notes(item, "captions", page)
            yield Block(_table(item) if label in TABLES else markup.paragraph(_description(item)), page=page)
            yield from self._notes(item, "footnotes", page)
        elif label not in AROUND:
            yield Block(markup.paragraph(BOXES.get(label, "") + self._text(item)), page=page)

    def _notes(self, item: Item, what: str, page: int | None) -> Iterator[Block]:
        for name in _names(item, what):
            yield Block(markup.paragraph(self._text(self._items.pop(name, {}))), page=page)

    def _text(self, item: Item) -> str:
        """That of several pieces (a link, a piece of code) is in a group which is the item's first child."""
        text = _text_of(item)
        if _label(item) == "inline":
            text = self._joined(item)
        elif "text" in item and not text.strip():
            first = next(iter(_names(item, "children")), "")
            text = self._joined(self._items.pop(first)) if _label(self._items.get(first, {})) == "inline" else ""
        target = item.get("hyperlink")
        return markup.link(text, target if isinstance(target, str) else None)

    def _joined(self, group: Item) -> str:
        names = [name for name in _names(group, "children") if _label(self._items.get(name, {})) not in LISTS]
        text = ""
        for piece in filter(None, (self._piece(name).strip() for name in names)):
            apart = text and not piece.startswith(CLOSING) and not text.endswith(OPENING)
            text += f" {piece}" if apart else piece
        return text

    def _piece(self, name: str) -> str:
        item = self._items.pop(name, {})
        if _label(item) == "code":
            text = _text_of(item).strip()
            return f"`{text}`" if text and "`" not in text else text
        return _formula(item, "$") if _label(item) == "formula" else self._text(item)

    def _page(self, item: Item) -> int | None:
        """A group's is that of its first child that has one."""
        children = (self._items.get(name, {}) for name in _names(item, "children"))
        pages = (_page_of(each) for each in (item, *children))
        return next((page for page in pages if page is not None), None)


def _items(document: Item) -> Iterator[tuple[str, Item]]:
    for kind, found in document.items():
        if isinstance(found, list):
            yield from ((f"#/{kind}/{index}", each) for index, each in enumerate(found) if isinstance(each, Mapping))
    body = document.get("body")
    if isinstance(body, Mapping):
        yield ROOT, body


def _with_lists(parts: Iterable[Block | Line]) -> Iterator[Block]:
    """The items of a list that stand on one page are one block. The outermost stand at the margin."""
    told = (each for each in parts if each.text.strip())
    for key, group in groupby(told, key=lambda each: (each.of, each.page) if isinstance(each, Line) else None):
        if key is None:
            yield from (each for each in group if isinstance(each, Block))
            continue
        lines = [each for each in group if isinstance(each, Line)]
        margin = min(line.depth for line in lines)
        yield Block("\n".join(markup.item(each.text, each.marker, each.depth - margin) for each in lines), page=key[1])


def _marker(item: Item, number: int) -> str:
    """Docling has that of the document, which may be a glyph, or none where the format only says `numbered`."""
    if item.get("enumerated") is not True:
        return "-"
    marker = str(item.get("marker") or "").strip()
    return marker if any(map(str.isalnum, marker)) else f"{number}."


def _table(item: Item) -> str:
    data = item.get("data")
    grid = data.get("grid") if isinstance(data, Mapping) else None
    rows = [row for row in grid if isinstance(row, list)] if isinstance(grid, list) else []
    return markup.table([[_cell(cell, y, x) for x, cell in enumerate(row)] for y, row in enumerate(rows)])


def _cell(cell: object, row: int, column: int) -> str:
    """One that spans others stands in each of their places, and is told in its own."""
    if not isinstance(cell, Mapping):
        return ""
    begins = cell.get("start_row_offset_idx", row), cell.get("start_col_offset_idx", column)
    return _text_of(cell) if begins == (row, column) else ""


def _description(item: Item) -> str:
    """What a model says of a picture, where Docling was asked for that: `do_picture_description`."""
    about = item.get("meta")
    found = about.get("description") if isinstance(about, Mapping) else None
    if isinstance(found, Mapping):
        return _text_of(found)
    notes = item.get("annotations")  # of servers before `meta`
    kept = [each for each in notes if isinstance(each, Mapping)] if isinstance(notes, list) else []
    return "\n".join(_text_of(each) for each in kept if each.get("kind") == "description")


def _formula(item: Item, fence: str) -> str:
    """LaTeX, or what the document has where Docling was not asked to read it."""
    text = _text_of(item).strip()
    return f"{fence}{text}{fence}" if text else markup.paragraph(str(item.get("orig") or ""))


def _language(item: Item) -> str:
    language = item.get("code_language")
    return language.lower() if isinstance(language, str) and language.lower() != "unknown" else ""


def _level(item: Item) -> int:
    level = item.get("level")
    return level if isinstance(level, int) and level > 0 else 1


def _is_shown(item: Item) -> bool:
    layer = item.get("content_layer")
    return not (isinstance(layer, str) and layer in NOT_SHOWN)


def _page_of(item: Item) -> int | None:
    origins = item.get("prov")
    for origin in origins if isinstance(origins, list) else []:
        page = origin.get("page_no") if isinstance(origin, Mapping) else None
        if isinstance(page, int) and not isinstance(page, bool) and page > 0:
            return page
    return None


def _names(item: Item, what: str) -> Sequence[str]:
    found = item.get(what)
    named = [each.get("$ref") for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    return [name for name in named if isinstance(name, str)]


def _label(item: Item) -> str:
    return str(item.get("label"))


def _text_of(item: Item) -> str:
    text = item.get("text")
    return text if isinstance(text, str) else ""
