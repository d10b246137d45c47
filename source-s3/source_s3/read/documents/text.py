"""Plain text and Markdown: the bytes as they are, decoded."""

import codecs

from vector_ingest.errors import DataError

# UTF-32 first: its mark begins with UTF-16's.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read(key: str, content: bytes) -> str:
    """Line ends become `\\n`. DataError: neither UTF-8 nor marked as UTF-16 or UTF-32, or NUL characters in it."""
    text = decode(key, content, encoding_of(content) or "utf-8")
    if "\0" in text:
        raise DataError(key, "NUL characters in it: a binary file, or UTF-16 without a mark. Save it as UTF-8")
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
