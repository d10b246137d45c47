"""Presentations of PowerPoint: a page for each slide, its title as a heading, then its text, tables and notes."""

from collections.abc import Iterator
from typing import Any

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.office.docx import office_facts
from source_s3.documents.parsed import Block, Parsed, assembled
from source_s3.documents.parts import Parts, attribute, child, every, local, opened
from vector_ingest.errors import DataError

MAIN = "ppt/presentation.xml"
TITLES = {"title", "ctrTitle"}
LEFT_OUT = {"sldNum", "dt", "ftr", "hdr", "sldImg"}
UNMARKED = TITLES | {"subTitle"}  # placeholders whose paragraphs have no bullets
SHAPES = {"sp", "grpSp", "graphicFrame", "AlternateContent", "Choice", "cxnSp", "pic"}


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: no whole ZIP file, or not one that PowerPoint made."""
    with opened(key, content, limits) as parts:
        if MAIN not in parts:
            raise DataError(key, f"a ZIP file without {MAIN}, so no presentation: rename or exclude the object")
        return assembled(_blocks(parts, limits), limits.characters, office_facts(parts))


def _blocks(parts: Parts, limits: Limits) -> Iterator[Block]:
    targets = parts.targets(MAIN)
    for number, entry in enumerate(every(parts.xml(MAIN), "sldId"), 1):
        if number > limits.pages:
            raise TooMuch("slides", limits.pages)
        name = targets.get(_relation(entry) or "")
        if name is None or name not in parts:
            continue
        links = parts.targets(name)
        shapes = list(_shapes(child(parts.xml(name), "cSld", "spTree")))
        titles = [shape for shape in shapes if _placeholder(shape) in TITLES]
        for shape in titles:
            yield Block(" ".join(_paragraphs(shape, links)), 1, number)
        for shape in shapes:
            if shape not in titles:
                yield from _shape(shape, links, number)
        yield from _notes(parts, links, number)


def _relation(entry: Any) -> str | None:
    """`r:id`, which stands beside an `id` of its own."""
    return next((str(value) for key, value in entry.items() if key.endswith("}id")), None)


def _shapes(tree: Any | None) -> Iterator[Any]:
    for each in tree if tree is not None else ():
        name = local(each)
        if name in {"sp", "graphicFrame"}:
            yield each
        elif name in SHAPES:
            yield from _shapes(each)


def _placeholder(shape: Any) -> str | None:
    """Its type; `body` where it has none of its own; None: a shape of another kind."""
    for part in ("nvSpPr", "nvGraphicFramePr"):
        found = child(shape, part, "nvPr", "ph")
        if found is not None:
            return attribute(found, "type") or "body"
    return None


def _shape(shape: Any, links: Any, page: int) -> Iterator[Block]:
    kind = _placeholder(shape)
    if kind in LEFT_OUT:
        return
    for found in every(shape, "tbl"):
        rows = [[_cell(each, links) for each in row if local(each) == "tc"] for row in found if local(row) == "tr"]
        yield Block(markup.table(rows), page=page)
    body = child(shape, "txBody")
    if body is None:
        return
    items: list[str] = []
    for paragraph in (each for each in body if local(each) == "p"):
        text = _text(paragraph, links)
        marker = _marker(paragraph, kind)
        if marker is None:
            if items:
                yield Block("\n".join(items), page=page)
                items = []
            yield Block(markup.paragraph(text), page=page)
        elif text.strip():
            properties = child(paragraph, "pPr")
            depth = attribute(properties, "lvl") if properties is not None else None
            items.append(markup.item(text, marker, int(depth) if depth is not None and depth.isdecimal() else 0))
    if items:
        yield Block("\n".join(items), page=page)


def _marker(paragraph: Any, kind: str | None) -> str | None:
    """None: no item of a list. Text of a placeholder has bullets from its layout, unless it says otherwise."""
    properties = child(paragraph, "pPr")
    names = {local(each) for each in properties} if properties is not None else set()
    if "buAutoNum" in names:
        return "1."
    if names & {"buChar", "buBlip"}:
        return "-"
    return "-" if kind is not None and kind not in UNMARKED and "buNone" not in names else None


def _cell(element: Any, links: Any) -> str:
    if attribute(element, "hMerge") == "1" or attribute(element, "vMerge") == "1":
        return ""
    return "\n".join(_paragraphs(element, links))


def _paragraphs(shape: Any, links: Any) -> list[str]:
    return [_text(paragraph, links) for paragraph in every(shape, "p")]


def _text(paragraph: Any, links: Any) -> str:
    pieces = []
    for each in paragraph:
        if local(each) == "br":
            pieces.append("\n")
        elif local(each) in {"r", "fld"}:
            written = child(each, "t")
            clicked = child(each, "rPr", "hlinkClick")
            text = (written.text or "") if written is not None else ""
            target = attribute(clicked, "id") if clicked is not None else None
            pieces.append(markup.link(text, links.get(target or "")))
    return "".join(pieces)


def _notes(parts: Parts, links: Any, page: int) -> Iterator[Block]:
    for name in links.values():
        if not name.startswith("ppt/notesSlides/") or name not in parts:
            continue
        for shape in _shapes(child(parts.xml(name), "cSld", "spTree")):
            if _placeholder(shape) == "body" and (text := "\n".join(_paragraphs(shape, {})).strip()):
                yield Block(f"Notes: {markup.paragraph(text)}", page=page)
