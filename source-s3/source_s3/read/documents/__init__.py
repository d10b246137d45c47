"""Documents to Markdown. A kind of document is one module here with one function, and one line in `READERS`.

A reader takes the object's key (for messages) and its bytes. It gives the text, or raises DataError with the reason
and the remedy; no error of a library leaves it. All may be called from many threads at once.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePosixPath

from vector_ingest.errors import DataError

# The modules are imported at the first document of their kind: the parsers are heavy.
READERS = {
    "txt": "text",
    "text": "text",
    "md": "text",
    "markdown": "text",
    "html": "html",
    "htm": "html",
    "docx": "docx",
    "pdf": "pdf",
}
# Bytes that begin a file of another kind than its name says, by the module that reads it.
MAGIC = {b"%PDF-": "pdf", b"PK\x03\x04": "docx"}
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones under a password


def kind_of(key: str) -> str | None:
    """The extension, where a reader is known for it."""
    kind = PurePosixPath(key).suffix.removeprefix(".").lower()
    return kind if kind in READERS else None


def read_document(key: str, content: bytes) -> str:
    """The document as Markdown: never empty. The kind is the key's extension, held against the first bytes.

    DataError: unknown kind, empty, encrypted, corrupt or truncated file, a file of another kind than its name says,
    or no text in it.
    """
    kind = kind_of(key)
    if kind is None:
        raise DataError(
            key, f"no reader for this extension: expected one of {_kinds()}. Exclude it by the stream's globs"
        )
    if not content:
        raise DataError(key, "the file is empty (0 bytes): upload it again, or exclude it by the stream's globs")
    name = READERS[kind]
    _compare_with_bytes(key, kind, name, content)
    reader: Callable[[str, bytes], str] = import_module(f"{__name__}.{name}").read
    text = reader(key, content).strip()
    if not text:
        raise DataError(key, f"no text in this {kind} file: exclude it by the stream's globs")
    return text + "\n"


def _compare_with_bytes(key: str, kind: str, name: str, content: bytes) -> None:
    if content.startswith(OLE):
        raise DataError(
            key, "the file is under a password, or is of an old Office format: save it as .docx without a password"
        )
    found = next((other for start, other in MAGIC.items() if content.startswith(start)), name)
    if found != name:
        raise DataError(key, f"named .{kind}, but its first bytes are those of a .{found} file: rename the object")


def _kinds() -> str:
    return ", ".join(f".{kind}" for kind in READERS)
