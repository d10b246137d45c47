"""Rich Text Format, through kreuzberg: headings, lists, tables and links."""

import re
from functools import cache

from kreuzberg import ExtractionConfig, extract_bytes_sync
from kreuzberg.exceptions import KreuzbergError

from source_s3.documents.limits import Limits
from source_s3.documents.parsed import Facts, Parsed
from source_s3.documents.plain.text import of_markdown
from vector_ingest.errors import DataError

# The markers of items: kreuzberg leaves these groups out, or escapes what they hold. So words stand in for them.
MARKER = re.compile(rb"\{\\(?:listtext|pntext)\b([^{}]*)\}")
NUMBER = re.compile(rb"(\d+)[.)]")
STAND_IN = re.compile(r"^xItemOfList(\d*)x *", re.MULTILINE)
NEXT_ITEM = re.compile(r"^((?:- |\d+\. ).*)\n\n(?=- |\d+\. )", re.MULTILINE)
DEEPEST = 500  # groups in each other


@cache
def _options() -> ExtractionConfig:
    # Its cache is a folder on the disk: a read leaves nothing behind. Without `ocr`, no OCR program is started.
    return ExtractionConfig(output_format="markdown", use_cache=False)


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """DataError: kreuzberg can't read the file, or its end is missing."""
    _require_whole(key, content)
    marked = MARKER.sub(_as_text, content)
    try:
        found = extract_bytes_sync(marked, "application/rtf", config=_options())
    except (KreuzbergError, RuntimeError, ValueError, OSError) as error:
        reason = f"corrupt or truncated ({error}): open it, save it anew, and upload it again"
        raise DataError(key, reason) from error
    about = found.metadata or {}
    authors = about.get("authors") or []
    facts = Facts(
        about.get("title"), ", ".join(authors) or None, None, None, about.get("created_at"), about.get("modified_at")
    )
    text = STAND_IN.sub(lambda match: f"{match[1]}. " if match[1] else "- ", str(found.content))
    return of_markdown(NEXT_ITEM.sub(r"\1\n", text), limits, facts)


def _as_text(match: "re.Match[bytes]") -> bytes:
    number = NUMBER.search(match.group(1))
    return b" xItemOfList%sx " % (number.group(1) if number else b"")


def _require_whole(key: str, content: bytes) -> None:
    if not content.lstrip().startswith(b"{\\rtf"):
        raise DataError(key, "no RTF file: its first bytes are others. Rename or exclude the object")
    depth = deepest = 0
    for brace in re.findall(rb"\\[{}\\]|[{}]", content):
        depth += (brace == b"{") - (brace == b"}")
        deepest = max(deepest, depth)
    if depth > 0 and b"\\bin" not in content:
        raise DataError(key, f"truncated ({depth} groups are not closed): upload it again")
    if deepest > DEEPEST:
        raise DataError(key, f"nested too deep ({deepest} groups in each other): exclude the object")
