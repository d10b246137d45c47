"""Text documents and presentations of OpenDocument (LibreOffice): headings, lists, tables, links, notes."""

from collections.abc import Iterator
from typing import Any

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.parts import Parts, attribute, child, every, local, number, opened, text_at
from vector_ingest.errors import DataError

LEFT_OUT = {"tracked-changes", "annotation", "annotation-end", "sequence-decls", "forms", "variable-decls", "bookmark"}
MOST_REPEATED = 256  # columns, and rows, that are told once and said to repeat
CODE_STYLES = ("preformatted", "source", "code")
ANCESTORS = 12


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no whole ZIP file, one under a password, or not one of OpenDocument."""
    with opened(key, content, limits) as parts:
        require_open(key, parts)
        document = _Document(parts, limits)
        body = child(parts.xml("content.xml"), "body")
        main = next(iter(body), None) if body is not None else None
        if main is None:
            raise DataError(key, "corrupt (content.xml has no body): save it anew, and upload it again")
        return assembled(document.blocks(main), limits.characters, odf_facts(parts))


def require_open(key: str, parts: Parts) -> None:
    manifest = parts.xml_if_there("META-INF/manifest.xml")
    if manifest is not None and next(every(manifest, "encryption-data"), None) is not None:
        raise DataError(key, "under a password: save it without one")


def odf_facts(parts: Parts) -> Facts:
    root = parts.xml_if_there("meta.xml")
    meta = child(root, "meta") if root is not None else None
    counts = child(meta, "document-statistic") if meta is not None else None
    pages = attribute(counts, "page-count") if counts is not None else None
    return Facts(
        title=text_at(meta, "title"),
        author=text_at(meta, "initial-creator") or text_at(meta, "creator"),
        language=text_at(meta, "language"),
        page_count=number(pages),
        created=text_at(meta, "creation-date"),
        modified=text_at(meta, "date"),
    )


class _Document:
    def __init__(self, parts: Parts, limits: Limits) -> None:
        self._pages = limits.pages
        self._styles: dict[str | None, tuple[str | None, str | None]] = {}  # name: its title, and its parent
        self._ordered: set[tuple[str | None, int]] = set()
        self._notes: list[str] = []
        for name in ("styles.xml", "content.xml"):
            root = parts.xml_if_there(name)
            for each in root.iter("{*}style", "{*}list-level-style-number") if root is not None else ():
                if local(each) == "style":
                    shown = attribute(each, "display-name") or attribute(each, "name")
                    self._styles[attribute(each, "name")] = (shown, attribute(each, "parent-style-name"))
                else:
                    self._ordered.add((attribute(each.getparent(), "name"), number(attribute(each, "level")) or 1))

    def blocks(self, element: Any, page: int | None = None) -> Iterator[Block]:
        pages = 0
        lines: list[str] = []
        for each in element:
            name = local(each)
            is_code = name == "p" and self._is(each, *CODE_STYLES)
            if lines and not is_code:
                yield Block(markup.code("\n".join(lines)), page=page)
                lines = []
            if is_code:
                lines.append(self._text(each))
            elif name == "page":
                pages += 1
                if pages > self._pages:
                    raise TooMuch("slides", self._pages)
                yield from self._slide(each, pages)
            else:
                yield from self._block(each, name, page)
        if lines:
            yield Block(markup.code("\n".join(lines)), page=page)
        notes, self._notes = self._notes, []
        yield from (Block(note, page=page) for note in notes)

    def _block(self, each: Any, name: str, page: int | None) -> Iterator[Block]:
        if name == "h":
            level = attribute(each, "outline-level") or "1"
            yield Block(self._text(each), int(level) if level.isdecimal() else 1, page)
        elif name == "p":
            title = self._is(each, "title")
            text = self._text(each)
            yield Block(text, 1, page) if title else Block(markup.paragraph(text), page=page)
        elif name == "list":
            yield Block("\n".join(self._items(each, 0, None)), page=page)
        elif name == "table":
            yield Block(markup.table(list(self._rows(each))), page=page)
        elif name not in LEFT_OUT and name:
            yield from self.blocks(each, page)

    def _slide(self, element: Any, page: int) -> Iterator[Block]:
        titles = [each for each in element if attribute(each, "class") == "title"]
        for each in titles:
            yield Block(" ".join(self._text(inner) for inner in every(each, "p")), 1, page)
        for each in element:
            if each in titles:
                continue
            if local(each) != "notes":
                yield from self.blocks([each], page)
                continue
            texts = [markup.one_line(self._text(inner)) for inner in every(each, "p")]
            if text := "\n".join(text for text in texts if text and not text.startswith("<")):
                yield Block(f"Notes: {text}", page=page)

    def _is(self, paragraph: Any, *words: str) -> bool:
        """Whether its style, or one that it is based on, is called so."""
        name = attribute(paragraph, "style-name")
        for _ in range(ANCESTORS):
            shown, parent = self._styles.get(name, (name, None))
            low = (shown or "").lower().replace("_20_", " ")
            if low in words or (words == CODE_STYLES and any(word in low for word in words)):
                return True
            if parent is None:
                return False
            name = parent
        return False

    def _items(self, element: Any, depth: int, style: str | None) -> Iterator[str]:
        style = attribute(element, "style-name") or style
        ordered = (style, depth + 1) in self._ordered
        number = 0
        for each in element:
            if local(each) not in {"list-item", "list-header"}:
                continue
            number += 1
            inner = [part for part in each if local(part) == "list"]
            texts = [self._text(part) for part in each if local(part) in {"p", "h"}]
            if any(text.strip() for text in texts):
                yield markup.item("\n".join(texts), f"{number}." if ordered else "-", depth)
            for part in inner:
                yield from self._items(part, depth + 1, style)

    def _rows(self, element: Any) -> Iterator[list[str]]:
        for each in element:
            name = local(each)
            if name in {"table-header-rows", "table-rows", "table-row-group"}:
                yield from self._rows(each)
            elif name == "table-row":
                row: list[str] = []
                for cell in each:
                    if local(cell) in {"table-cell", "covered-table-cell"}:
                        covered = local(cell) == "covered-table-cell"
                        text = "" if covered else "\n".join(self._text(inner) for inner in every(cell, "p"))
                        row += [text] * _repeats(cell, "number-columns-repeated")
                yield from [row] * _repeats(each, "number-rows-repeated")

    def _text(self, element: Any) -> str:
        return "".join(self._pieces(element))

    def _pieces(self, element: Any) -> Iterator[str]:
        yield element.text or ""
        for each in element:
            name = local(each)
            if name == "s":
                count = attribute(each, "c") or "1"
                yield " " * (min(int(count), MOST_REPEATED) if count.isdecimal() else 1)
            elif name in {"tab", "line-break"}:
                yield "\t" if name == "tab" else "\n"
            elif name == "a":
                yield markup.link(self._text(each), attribute(each, "href"))
            elif name == "note":
                body = child(each, "note-body")
                self._notes.append(markup.one_line(self._text(body)) if body is not None else "")
                number = len(self._notes)
                self._notes[-1] = f"[^{number}]: {self._notes[-1]}"
                yield f"[^{number}]"
            elif name == "p":  # of a text box
                yield f"\n{self._text(each)}\n"
            elif name and name not in LEFT_OUT:
                yield from self._pieces(each)
            yield each.tail or ""


def _repeats(element: Any, name: str) -> int:
    return min(1 if (count := number(attribute(element, name))) is None else count, MOST_REPEATED)
