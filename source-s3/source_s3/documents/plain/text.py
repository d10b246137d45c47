"""Plain text, Markdown and source code: the bytes as they are, decoded."""

import codecs
import re
from dataclasses import replace

from charset_normalizer import from_bytes

from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import NO_FACTS, Facts, Parsed, Section
from vector_ingest.chunk.headings import markdown_sections
from vector_ingest.errors import DataError

# UTF-32 first: its mark begins with UTF-16's.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SAMPLE = 64 * 1024  # bytes that an encoding is guessed from
FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)
FIELD = re.compile(r"^(title|author|language|lang|date):[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE)


def read(key: str, content: bytes, limits: Limits) -> Parsed:
    """Line ends become `\\n`. DataError: no text in any encoding that can be told."""
    text = _bounded(text_of(key, content), limits)
    return Parsed(text, [Section(0, len(text), None, ())] if text else [])


def read_markdown(key: str, content: bytes, limits: Limits) -> Parsed:
    """As it is, with its front matter."""
    text = text_of(key, content)
    matter = FRONT_MATTER.match(text)
    found = {name.lower(): value or None for name, value in FIELD.findall(matter.group(1))} if matter else {}
    facts = Facts(
        found.get("title"), found.get("author"), found.get("language", found.get("lang")), created=found.get("date")
    )
    return of_markdown(text, limits, facts)


def of_markdown(text: str, limits: Limits, facts: Facts = NO_FACTS) -> Parsed:
    """What is Markdown already: its sections are told by its headings. Its title is the first of them."""
    content = _bounded(text, limits)
    sections = [
        Section(each.start, each.end, each.page, each.headings)
        for each in markdown_sections(content)
        if each.end > each.start
    ]
    first = next((each.headings[0] for each in sections if each.headings), None)
    return Parsed(content, sections, replace(facts, title=facts.title or first))


def text_of(key: str, content: bytes) -> str:
    encoding = encoding_of(content) or ("utf-8" if b"\0" not in content[:SAMPLE] else _wide(content))
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        text = _guessed(key, content, error)
    if "\0" in text:
        raise DataError(key, "NUL characters in it: a binary file. Exclude it by the stream's globs")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(content: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    return next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)


def decode(key: str, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"not {encoding}: byte {error.start} can't be read ({error.reason}). Save it as UTF-8"
        raise DataError(key, reason) from error
    except UnicodeError as error:
        raise DataError(key, f"not {encoding} ({error}). Save it as UTF-8") from error


def _wide(content: bytes) -> str | None:
    """UTF-16 without a mark, told by where the zeros of its Latin letters and spaces are."""
    sample = content[: SAMPLE & ~1]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 10 < len(sample):
        return None
    return "utf-16-le" if odd > 4 * even else "utf-16-be" if even > 4 * odd else None


def _guessed(key: str, content: bytes, error: UnicodeDecodeError) -> str:
    """Of an encoding from before Unicode: guessed by what letters stand beside each other."""
    near = max(0, min(error.start - SAMPLE // 2, len(content) - SAMPLE))
    best = from_bytes(content[near : near + SAMPLE], chunk_size=2048).best()
    encoding = best.encoding if best is not None else None
    if encoding in {None, "utf_8", "ascii"}:
        encoding = "cp1252"
    try:
        text = content.decode(str(encoding))
    except UnicodeDecodeError:
        reason = f"not utf-8: byte {error.start} can't be read ({error.reason}), nor as {encoding}. Save it as UTF-8"
        raise DataError(key, reason) from error
    return text.replace("\0", "\ufffd")


def _bounded(text: str, limits: Limits) -> str:
    if len(text) > limits.characters:
        raise TooMuch("characters of text", limits.characters)
    stripped = text.strip()
    return stripped + "\n" if stripped else ""
