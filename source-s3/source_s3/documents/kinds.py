"""What kind of document a file is: by its bytes first, then by its name's extension, then by its Content-Type."""

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Mapping
from posixpath import splitext

SOURCE = (
    "py pyi js mjs cjs jsx ts tsx java kt kts scala groovy go rs c h cc cpp cxx hpp hh cs fs swift m mm rb php pl pm "
    "lua r jl sh bash zsh ps1 bat sql proto graphql tf hcl dart ex exs erl hs clj lisp el vim tex bib"
)
OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN = "application/vnd.oasis.opendocument"
# The kind: its MIME type and the extensions that mean it.
MIME_TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "pptx": f"{OFFICE}.presentationml.presentation",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xls": "application/vnd.ms-excel",
    "doc": "application/msword",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
    "odt": f"{OPEN}.text",
    "odp": f"{OPEN}.presentation",
    "ods": f"{OPEN}.spreadsheet",
    "epub": "application/epub+zip",
    "rtf": "application/rtf",
    "html": "text/html",
    "eml": "message/rfc822",
    "md": "text/markdown",
    "rst": "text/x-rst",
    "txt": "text/plain",
    "source": "text/plain",
}
EXTENSIONS: Mapping[str, str] = {
    **{kind: kind for kind in MIME_TYPES if kind != "source"},
    **dict.fromkeys(SOURCE.split(), "source"),
    **dict.fromkeys(("docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("pptm", "ppsx", "ppsm", "potx"), "pptx"),
    **dict.fromkeys(("xlsm", "xltx", "xltm"), "xlsx"),
    "dot": "doc",
    **dict.fromkeys(("pps", "pot"), "ppt"),
    "ott": "odt",
    "otp": "odp",
    "ots": "ods",
    **dict.fromkeys(("htm", "xhtml"), "html"),
    "text": "txt",
    "markdown": "md",
    "rest": "rst",
    "mht": "eml",
    "mhtml": "eml",
}
CONTENT_TYPES: Mapping[str, str] = {
    **{mime_type: kind for kind, mime_type in MIME_TYPES.items() if kind != "source"},
    "text/rtf": "rtf",
    "application/xhtml+xml": "html",
    "text/prs.fallenstein.rst": "rst",
}
ZIPPED = {"docx", "pptx", "xlsx", "xlsb", "odt", "odp", "ods", "epub"}
TOLD_BY_BYTES = ZIPPED | {"pdf", "xls", "doc", "ppt", "msg", "rtf"}
INSIDE = {  # what a zip of the kind has in it
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
    "xl/workbook.bin": "xlsb",
}
# What is raised over a ZIP file and what is packed in it.
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and new ones under a password
OLE_STREAMS = {"EncryptedPackage": "encrypted", "__substg1.0_": "msg", "WordDocument": "doc"} | {
    "PowerPoint Document": "ppt",
    "Workbook": "xls",
    "Book": "xls",
}
IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM", b"RIFF")
IMAGE_EXTENSIONS = {"png", "jpg", "jpeg", "gif", "tif", "tiff", "bmp", "webp", "heic"}
# Each comment ends where it first can, for good: else many of them would be joined in all ways, for ever.
HTML = re.compile(
    rb"(?:\s|\xef\xbb\xbf|<\?xml[^>]*>|(?><!--.*?-->))*+<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:[ \t].*\r?\n([ \t].*\r?\n)*")
MAIL = {
    b"from",
    b"to",
    b"subject",
    b"date",
    b"received",
    b"mime-version",
    b"message-id",
    b"return-path",
    b"delivered-to",
}


def kind_of(name: str, content: bytes, content_type: str | None = None) -> str | None:
    """A key of MIME_TYPES, or one that has no reader (`encrypted`), or `image`; None: not known.

    A name that means another kind than the bytes do loses.
    """
    extension = extension_of(name)
    named = EXTENSIONS.get(extension)
    found = _by_bytes(content, named)
    if found is not None:
        return found
    if named is not None:
        return named
    if extension in IMAGE_EXTENSIONS:
        return "image"
    declared = CONTENT_TYPES.get((content_type or "").partition(";")[0].strip().lower())
    return declared or ("eml" if not extension and _is_mail(content) else None)


def extension_of(name: str) -> str:
    return splitext(name)[1].removeprefix(".").lower()


def has_kind(name: str) -> bool:
    """Whether its extension tells one."""
    return extension_of(name) in EXTENSIONS


def _by_bytes(content: bytes, named: str | None) -> str | None:
    if content.startswith(b"PK\x03\x04"):
        return _in_zip(content) or (named if named in ZIPPED else None)
    if b"%PDF-" in content[:1024] and named in {None, *TOLD_BY_BYTES}:
        return "pdf"
    if content.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(OLE):
        streams = (kind for name, kind in OLE_STREAMS.items() if name.encode("utf-16-le") in content)
        return next(streams, "doc")
    if content.startswith(b"{\\rtf"):
        return "rtf"
    if named in {None, *TOLD_BY_BYTES} and content.startswith(IMAGES):
        return "image"
    if named in {None, "txt", *TOLD_BY_BYTES} and HTML.match(content[:4096]):
        return "html"
    return "eml" if named in TOLD_BY_BYTES and _is_mail(content) else None


def _in_zip(content: bytes) -> str | None:
    """None: no whole ZIP file, or none of a known kind."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            names = set(parts.namelist())
            for name, kind in INSIDE.items():
                if name in names:
                    return kind
            if "mimetype" in names and parts.getinfo("mimetype").file_size < 200:
                declared = parts.read("mimetype").decode("ascii", "replace").strip().removesuffix("-template")
                return CONTENT_TYPES.get(declared)
    except (*BROKEN, OverflowError):
        return None
    return "epub" if "META-INF/container.xml" in names else None


def _is_mail(content: bytes) -> bool:
    """It begins with headers, three of which only mail has."""
    names, place = set(), 0
    head = content[:16384].lstrip()
    while (match := HEADER.match(head, place)) is not None:
        names.add(head[place : match.end()].partition(b":")[0].lower())
        place = match.end()
    return len(names & MAIL) >= 3
