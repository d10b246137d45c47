"""The elements that an Unstructured API finds in a document, to Markdown.

Their types and metadata: https://docs.unstructured.io/ui/document-elements
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from source_s3.documents import markup
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.web.html import parsed_html
from source_s3.documents.web.html_blocks import blocks_of as blocks_of_html

Element = Mapping[str, Any]
AROUND = {"Header", "Footer", "PageNumber", "PageBreak"}  # of each page
CODE = {"CodeSnippet", "Formula"}
DEEPEST = 50  # levels of a list or of headings


def parsed_of(key: str, elements: Sequence[Element], limits: Limits) -> Parsed:
    """TooMuch: more pages or characters than the limits allow."""
    pages = max((page for each in elements if (page := _page(each)) is not None), default=None)
    if pages is not None and pages > limits.pages:
        raise TooMuch("pages", limits.pages)
    languages = (language for each in elements for language in _languages(each))
    facts = Facts(language=next(languages, None), page_count=pages)
    return assembled(_blocks(key, elements), limits.characters, facts)


def _blocks(key: str, elements: Sequence[Element]) -> Iterator[Block]:
    """The items of a list that stand on one page are one block."""
    kept = [each for each in elements if _kind(each) not in AROUND]
    for (kind, page), group in groupby(kept, key=lambda each: (_kind(each), _page(each))):
        if kind == "ListItem":
            yield Block(_list(list(group)), page=page)
            continue
        for each in group:
            yield from _blocks_of(key, each, kind, page)


def _blocks_of(key: str, element: Element, kind: str, page: int | None) -> Iterator[Block]:
    text = str(element.get("text") or "")
    if kind == "Title":
        yield Block(text, min(_depth(element) + 1, 6), page)
    elif kind in CODE:
        yield Block(markup.code(text), page=page)
    elif kind == "Table" and (blocks := _table(key, element)):
        yield from (Block(block.text, page=page) for block in blocks)
    else:
        yield Block(markup.paragraph(text), page=page)


def _list(items: Sequence[Element]) -> str:
    """The outermost ones stand at the margin, however deep the list as a whole is."""
    outermost = min(_depth(each) for each in items)
    texts = ((str(each.get("text") or ""), _depth(each) - outermost) for each in items)
    return "\n".join(markup.item(text, "-", depth) for text, depth in texts if text.strip())


def _table(key: str, element: Element) -> list[Block]:
    """Empty: it has no rows and columns."""
    html = _about(element).get("text_as_html")
    root = parsed_html(key, html) if isinstance(html, str) else None
    return list(blocks_of_html(root)) if root is not None else []


def _depth(element: Element) -> int:
    """From 0."""
    depth = _about(element).get("category_depth")
    return min(depth, DEEPEST) if isinstance(depth, int) and depth > 0 else 0


def _page(element: Element) -> int | None:
    page = _about(element).get("page_number")
    return page if isinstance(page, int) and not isinstance(page, bool) and page > 0 else None


def _kind(element: Element) -> str:
    return str(element.get("type"))


def _languages(element: Element) -> list[str]:
    languages = _about(element).get("languages")
    return [each for each in languages if isinstance(each, str)] if isinstance(languages, list) else []


def _about(element: Element) -> Mapping[str, Any]:
    about = element.get("metadata")
    return about if isinstance(about, Mapping) else {}
