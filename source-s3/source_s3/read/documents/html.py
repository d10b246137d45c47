"""HTML pages: their body, without scripts, styles and menus; the title where the body has no heading of its own."""

import html
import re

from source_s3.read.documents.markdown import to_markdown
from source_s3.read.documents.text import decode, encoding_of
from vector_ingest.errors import DataError

CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.IGNORECASE)
TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.IGNORECASE | re.DOTALL)
# The head's metadata would come out as front matter, and a rule after text as the underline of a heading.
HEAD = re.compile(r"<head\b.*?</head\s*>|<title\b.*?</title\s*>", re.IGNORECASE | re.DOTALL)
RULE = re.compile(r"<hr\b[^>]*>", re.IGNORECASE)


def read(key: str, content: bytes) -> str:
    """DataError: undecodable, or no body text."""
    page = decode(key, content, _encoding(key, content))
    body = RULE.sub("<p></p>", HEAD.sub("", page))
    text = to_markdown(key, body.encode("utf-8", "replace"), "text/html") if body.strip() else ""
    title = TITLE.search(page)
    if title and text.strip() and not re.search(r"^# ", text, re.MULTILINE):
        return f"# {' '.join(html.unescape(title.group(1)).split())}\n\n{text}"
    return text


def _encoding(key: str, content: bytes) -> str:
    """A byte order mark, else what a <meta> in the first 1,024 bytes says (as browsers do), else UTF-8."""
    marked = encoding_of(content)
    declared = CHARSET.search(content[:1024])
    if marked or declared is None:
        return marked or "utf-8"
    name = declared.group(1).decode("ascii")
    try:
        "".encode(name)
    except LookupError as error:
        raise DataError(key, f"its <meta> names the encoding {name!r}, which is not known: save it as UTF-8") from error
    return "windows-1252" if name.lower() in ("iso-8859-1", "latin1") else name  # as browsers read it
