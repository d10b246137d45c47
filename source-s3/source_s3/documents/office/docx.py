"""Word documents: headings, paragraphs, lists, tables, links and notes in their order."""

from collections.abc import Iterator
from typing import Any

from source_s3.documents import markup
from source_s3.documents.limits import Limits
from source_s3.documents.office.docx_styles import Numbering, Styles
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.parts import Parts, attribute, child, every, local, number, opened, text_at
from vector_ingest.errors import DataError

MAIN = "word/document.xml"
PASSED_OVER = {"del", "moveFrom", "Fallback", "instrText", "delText", "rPr", "pPr", "commentReference", "tblPr"}
NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no whole ZIP file, or not one that Word made."""
    with opened(key, content, limits) as parts:
        if MAIN not in parts:
            raise DataError(key, f"a ZIP file without {MAIN}, so no Word document: rename or exclude the object")
        body = child(parts.xml(MAIN), "body")
        if body is None:
            raise DataError(key, f"corrupt ({MAIN} has no body): save it anew, and upload it again")
        document = _Document(parts)
        return assembled(document.blocks(body), limits.characters, office_facts(parts))


def office_facts(parts: Parts) -> Facts:
    """Of any file of Office since 2007."""
    core, app = parts.xml_if_there("docProps/core.xml"), parts.xml_if_there("docProps/app.xml")
    pages = text_at(app, "Pages") or text_at(app, "Slides")
    return Facts(
        title=text_at(core, "title"),
        author=text_at(core, "creator"),
        language=text_at(core, "language"),
        page_count=number(pages) or None,
        created=text_at(core, "created"),
        modified=text_at(core, "modified"),
    )


class _Document:
    """One document, read from its begin to its end: lists count on."""

    def __init__(self, parts: Parts) -> None:
        self._targets = parts.targets(MAIN)
        self._styles = Styles.of(parts.xml_if_there("word/styles.xml"))
        self._numbering = Numbering(parts.xml_if_there("word/numbering.xml"))
        self._notes = {
            kind: {attribute(each, "id"): each for each in every(root, kind)}
            for kind in NOTES.values()
            if (root := parts.xml_if_there(f"word/{kind}s.xml")) is not None
        }
        self._noted: list[tuple[str, Any]] = []

    def blocks(self, body: Any) -> Iterator[Block]:
        group: list[str] = []  # items of a list, or lines of code
        grouped = ""
        for element in self._flat(body):
            if local(element) == "tbl":
                kind, block = "", Block(markup.table(list(self._rows(element))))
            else:
                kind, block = self._paragraph(element)
            if group and kind != grouped:
                yield _grouped(grouped, group)
                group = []
            grouped = kind
            if kind:
                group += [block.text] if block.text.strip() or kind == "code" else []
            else:
                yield block
        if group:
            yield _grouped(grouped, group)
        for place, note in self._noted:
            yield Block(f"[^{place}]: {markup.one_line(self._text(note))}")

    def _flat(self, element: Any) -> Iterator[Any]:
        """Paragraphs and tables, out of what is only wrapped around them."""
        for each in element:
            if local(each) in {"p", "tbl"}:
                yield each
            elif local(each) not in {"sectPr", "sdtPr", "sdtEndPr", *PASSED_OVER}:
                yield from self._flat(each)

    def _paragraph(self, element: Any) -> tuple[str, Block]:
        """Whether it belongs to a `list` or to `code`, and itself."""
        properties = child(element, "pPr")
        style = self._styles.of_paragraph(properties)
        text = self._text(element)
        level = self._styles.level(properties, style)
        if level:
            return "", Block(text, level)
        if style.is_code:
            return "code", Block(text)
        numbered = self._styles.numbering(properties, style)
        if numbered is not None and text.strip():
            depth, marker = self._numbering.marker(*numbered)
            return "list", Block(markup.item(text, marker, depth))
        return "", Block(markup.paragraph(text))

    def _rows(self, element: Any) -> Iterator[list[str]]:
        for row in self._rows_of(element, "tr"):
            cells: list[str] = []
            for each in self._rows_of(row, "tc"):
                properties = child(each, "tcPr")
                span = child(properties, "gridSpan") if properties is not None else None
                merged = child(properties, "vMerge") if properties is not None else None
                goes_on = merged is not None and attribute(merged, "val") in {None, "continue"}
                width = attribute(span, "val") if span is not None else None
                cells.append("" if goes_on else "\n".join(self._text(inner) for inner in every(each, "p")))
                cells += [""] * (min(number(width) or 1, 64) - 1)
            yield cells

    def _rows_of(self, element: Any, name: str) -> Iterator[Any]:
        """Children of that name, also out of content controls."""
        for each in element:
            if local(each) == name:
                yield each
            elif local(each) in {"sdt", "sdtContent", "ins"}:
                yield from self._rows_of(each, name)

    def _text(self, element: Any) -> str:
        return "".join(self._pieces(element))

    def _pieces(self, element: Any) -> Iterator[str]:
        for each in element:
            name = local(each)
            if name == "t":
                yield each.text or ""
            elif name in {"tab", "ptab"}:
                yield "\t"
            elif name in {"br", "cr"}:
                yield "" if attribute(each, "type") in {"page", "column"} else "\n"
            elif name in {"noBreakHyphen", "softHyphen"}:
                yield "-" if name == "noBreakHyphen" else ""
            elif name == "hyperlink":
                yield markup.link(self._text(each), self._targets.get(attribute(each, "id") or ""))
            elif name in NOTES:
                yield self._noted_as(NOTES[name], attribute(each, "id"))
            elif name == "p":  # of a text box
                yield f"\n{self._text(each)}\n"
            elif name not in PASSED_OVER:
                yield from self._pieces(each)

    def _noted_as(self, kind: str, identity: str | None) -> str:
        note = self._notes.get(kind, {}).get(identity)
        if note is None:
            return ""
        self._noted.append((str(len(self._noted) + 1), note))
        return f"[^{len(self._noted)}]"


def _grouped(kind: str, lines: list[str]) -> Block:
    return Block(markup.code("\n".join(lines)) if kind == "code" else "\n".join(lines))
