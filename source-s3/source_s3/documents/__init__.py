"""Documents to Markdown. A kind of document is one function in a room here, and one line in `READERS`.

A reader takes the object's name (for messages), its bytes and the limits. It gives the text, its sections and facts, or
raises DataError with the reason and the remedy, or TooMuch. It runs in a process of its own (`parsers`): what else
goes wrong in it ends that process, and is the error of this one document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol

from source_s3.documents.kinds import MIME_TYPES, extension_of, kind_of
from source_s3.documents.limits import Limits, TooMuch
from source_s3.documents.parsed import Parsed
from vector_ingest.errors import DataError

# The modules are imported at the first document of their kind: the parsers are heavy.
READERS = {
    "pdf": "pages.pdf.read",
    "docx": "office.docx.read",
    "pptx": "office.pptx.read",
    "xlsx": "office.workbook.read",
    "xlsb": "office.workbook.read",
    "xls": "office.workbook.read",
    "ods": "office.workbook.read",
    "odt": "office.odf.read",
    "odp": "office.odf.read",
    "rtf": "office.rtf.read",
    "html": "web.html.read",
    "epub": "web.epub.read",
    "eml": "mail.eml.read",
    "md": "plain.text.read_markdown",
    "rst": "plain.rst.read",
    "txt": "plain.text.read",
    "source": "plain.text.read",
    "image": "pages.image.read",
    "doc": "office.old_office.read_doc",
    "ppt": "office.old_office.read_ppt",
    "msg": "mail.msg.read",
}
WITHOUT_READER = {
    "encrypted": "under a password: save it without one",
}
KINDS = ", ".join(f".{kind}" for kind in MIME_TYPES if kind != "source") + ", source code, images"
DEFAULT = Limits()
Reader = Callable[[str, bytes, Limits], Parsed]


@dataclass(frozen=True, slots=True)
class Read:
    """A document and those attached to it, or why it can't be read. `name`: of an attachment."""

    parsed: Parsed | None
    problem: str | None = None
    name: str | None = None
    size: int | None = None  # bytes, of an attachment


class Engine(Protocol):
    """What reads documents, for many threads."""

    def read(
        self, name: str, content: bytes | memoryview, content_type: str | None = None, as_text: Sequence[str] = ()
    ) -> list[Read]:
        """The document, or why it can't be read; then what is attached to it. What is raised concerns all documents."""

    def close(self) -> None: ...


def read_document(
    key: str,
    content: bytes,
    limits: Limits = DEFAULT,
    content_type: str | None = None,
    as_text: Sequence[str] = (),
) -> Parsed:
    """The document as Markdown: never empty. `as_text`: extensions that are read as plain text, too.

    DataError: unknown kind, empty, encrypted, corrupt or truncated file, no text in it, or more than the limits allow.
    """
    if not content:
        raise DataError(key, "the file is empty (0 bytes): upload it again, or exclude it by the stream's globs")
    kind = kind_of(key, content, content_type)
    kind = "txt" if kind is None and extension_of(key) in as_text else kind
    if kind is None:
        raise DataError(
            key,
            f"no reader for this kind of file: expected one of {KINDS}. "
            "Exclude it by the stream's globs, or have it read as text by `text_extensions`",
        )
    if kind in WITHOUT_READER:
        raise DataError(key, WITHOUT_READER[kind])
    module, _, function = READERS[kind].rpartition(".")
    reader: Reader = getattr(import_module(f"{__name__}.{module}"), function)
    try:
        parsed = reader(key, content, limits)
    except TooMuch as error:
        raise DataError(key, f"{error}: raise the limit in the format's `limits`, or exclude the object") from error
    except RecursionError as error:
        raise DataError(key, "nested too deep: exclude the object, or save it anew") from error
    if not parsed.content or parsed.content.isspace():
        raise DataError(key, f"no text in this {kind} file: exclude it by the stream's globs")
    return replace(parsed, mime_type=parsed.mime_type or MIME_TYPES[kind])


def read_with_attachments(
    key: str, content: bytes, limits: Limits, content_type: str | None = None, as_text: Sequence[str] = ()
) -> list[Read]:
    """The document, then what is attached to it, and to that, in their order. Each name begins with its owner's."""
    try:
        parsed = read_document(key, content, limits, content_type, as_text)
    except DataError as error:
        return [Read(None, error.reason)]
    found = [Read(replace(parsed, attachments=()))]
    for each in parsed.attachments:
        inner = replace(limits, depth=limits.depth - 1)
        if inner.depth < 0:
            found.append(Read(None, f"more than {DEFAULT.depth} mails in each other: exclude it", each.name))
            continue
        for read in read_with_attachments(each.name, each.content, inner, each.mime_type, as_text):
            is_own = read.name is None
            name = each.name if is_own else f"{each.name}/{read.name}"
            found.append(replace(read, name=name, size=len(each.content) if is_own else read.size))
    return found


__all__ = ["READERS", "Engine", "Limits", "Parsed", "Read", "read_document", "read_with_attachments"]
