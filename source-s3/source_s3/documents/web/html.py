"""HTML pages: their text without scripts, styles, menus and what frames each page of a site."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Block, Facts, Parsed, assembled
from source_s3.documents.parts import local
from source_s3.documents.plain.text import decode, encoding_of, text_of
from source_s3.documents.web.html_blocks import blocks_of
from vector_ingest.errors import DataError

CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.IGNORECASE)
DECLARED = re.compile(r"^\s*<\?xml[^>]*\?>")
CREATED = ("article:published_time", "dcterms.created", "dc.date", "date")
MODIFIED = ("article:modified_time", "dcterms.modified", "last-modified")


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """The title is the heading where the body has none. DataError: undecodable, or of an unknown encoding."""
    root = parsed_html(key, _page(key, content))
    if root is None:
        return Parsed("")
    facts = _facts(root)
    blocks = list(blocks_of(root))
    if facts.title and blocks and not any(block.level == 1 for block in blocks):
        blocks.insert(0, Block(facts.title, 1))
    return assembled(blocks, limits.characters, facts)


def parsed_html(key: str, page: str) -> Any | None:
    """None: nothing in it."""
    text = DECLARED.sub("", page).replace("\0", "")
    if not text.strip():
        return None
    # Unless it may be huge, the parser leaves out what stands behind 10 MB of one text, script or picture (as `data:`),
    # or behind 255 elements in each other, such as <font> that is never closed: and does not say so.
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        return lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        if "empty" in str(error).lower():
            return None
        raise DataError(key, f"no HTML that can be read ({error}): exclude it by the stream's globs") from error


def _page(key: str, content: bytes) -> str:
    """By a byte order mark, else by a <meta> in the first 1,024 bytes (as in browsers), else UTF-8 or a guess."""
    marked = encoding_of(content)
    declared = CHARSET.search(content[:1024])
    if marked or declared is None:
        return text_of(key, content)
    name = declared.group(1).decode("ascii")
    try:
        "".encode(name)
    except (LookupError, UnicodeError) as error:
        raise DataError(key, f"its <meta> names the encoding {name!r}, which is not known: save it as UTF-8") from error
    if name.lower() in ("iso-8859-1", "latin1"):  # as browsers read it
        name = "windows-1252"
    return decode(key, content, name)


def _facts(root: Any) -> Facts:
    found: dict[str, str] = {}
    for each in root.iter("meta"):
        name = str(each.get("name") or each.get("property") or "").lower()
        if name and each.get("content"):
            found.setdefault(name, str(each.get("content")).strip())
    titles: Iterator[Any] = (each for each in root.iter("title") if local(each.getparent()) in {"head", "html", "body"})
    title = next((" ".join("".join(each.itertext()).split()) for each in titles), "")
    return Facts(
        title=title or found.get("og:title"),
        author=found.get("author"),
        language=root.get("lang") or None,
        created=next((found[name] for name in CREATED if name in found), None),
        modified=next((found[name] for name in MODIFIED if name in found), None),
    )
