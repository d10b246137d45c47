"""Office files, books and mail made by hand, in the smallest form that is allowed. Paragraphs in, bytes out."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from xml.sax.saxutils import escape

import openpyxl

OPEN = "urn:oasis:names:tc:opendocument:xmlns"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
CONTAINER = "urn:oasis:names:tc:opendocument:xmlns:container"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, compress_type=stored)
    return file.getvalue()


def pptx_file(paragraphs: Sequence[str]) -> bytes:
    """All in one box of one slide."""
    body = "".join(f"<a:p><a:r><a:t>{escape(paragraph)}</a:t></a:r></a:p>" for paragraph in paragraphs)
    return pptx_of_slides([f"<p:sp><p:nvSpPr><p:nvPr/></p:nvSpPr><p:txBody>{body}</p:txBody></p:sp>"])


def pptx_of_slides(slides: Sequence[str]) -> bytes:
    """Each is the XML of its shapes."""
    numbers = range(1, len(slides) + 1)
    spaces = f'xmlns:a="{DRAWING}" xmlns:p="{SLIDES}" xmlns:r="{RELATIONS}"'
    entries = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number in numbers)
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATIONS}/slide" Target="slides/slide{number}.xml"/>'
        for number in numbers
    )
    return zipped(
        {
            "ppt/presentation.xml": f"<p:presentation {spaces}><p:sldIdLst>{entries}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
            **{
                f"ppt/slides/slide{number}.xml": f"<p:sld {spaces}><p:cSld><p:spTree>{own}</p:spTree></p:cSld></p:sld>"
                for number, own in zip(numbers, slides, strict=True)
            },
        }
    )


def xlsx_file(paragraphs: Sequence[str]) -> bytes:
    """Each in a row of its own, a row empty between them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for number, paragraph in enumerate(paragraphs):
        sheet.cell(2 * number + 1, 1, paragraph if paragraph.strip() else None)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def odf_file(kind: str, body: str, more: Mapping[str, str] = {}, styles: str = "") -> bytes:
    """`body` is the XML inside of `office:body`."""
    names = ("office", "text", "table", "draw", "presentation", "style")
    spaces = " ".join(f'xmlns:{name}="{OPEN}:{"drawing" if name == "draw" else name}:1.0"' for name in names)
    spaces += ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    mime_type = f"application/vnd.oasis.opendocument.{kind}"
    content = f"<office:document-content {spaces}>{styles}<office:body>{body}</office:body></office:document-content>"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{OPEN}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime_type}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    return zipped({"mimetype": mime_type, "content.xml": content, "META-INF/manifest.xml": manifest, **more})


def odt_file(paragraphs: Sequence[str]) -> bytes:
    return odf_file("text", f"<office:text>{_text_paragraphs(paragraphs)}</office:text>")


def odp_file(paragraphs: Sequence[str]) -> bytes:
    box = f"<draw:frame><draw:text-box>{_text_paragraphs(paragraphs)}</draw:text-box></draw:frame>"
    return odf_file("presentation", f"<office:presentation><draw:page>{box}</draw:page></office:presentation>")


def ods_file(paragraphs: Sequence[str]) -> bytes:
    empty = "<table:table-row><table:table-cell/></table:table-row>"
    rows = empty.join(
        '<table:table-row><table:table-cell office:value-type="string"><text:p>'
        f"{escape(paragraph)}</text:p></table:table-cell></table:table-row>"
        for paragraph in paragraphs
        if paragraph.strip()
    )
    table = f'<table:table table:name="Sheet">{rows}</table:table>'
    return odf_file("spreadsheet", f"<office:spreadsheet>{table}</office:spreadsheet>")


def _text_paragraphs(paragraphs: Sequence[str]) -> str:
    return "".join(f"<text:p>{escape(paragraph)}</text:p>" for paragraph in paragraphs)


def rtf_file(paragraphs: Sequence[str]) -> bytes:
    body = "".join(f"\\pard {paragraph}\\par\n" for paragraph in paragraphs)
    return (r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}" + "\n" + body + "}").encode("ascii")


def epub_file(paragraphs: Sequence[str]) -> bytes:
    """Two chapters, the second with what is left of them."""
    half = len(paragraphs) // 2
    return epub_of_chapters([_page(paragraphs[:half]), _page(paragraphs[half:])])


def epub_of_chapters(chapters: Sequence[str], metadata: str = "", more: Mapping[str, str] = {}) -> bytes:
    names = [f"chapter {number}.xhtml" for number in range(len(chapters))]
    items = "".join(
        f'<item id="c{number}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    place = '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f'<container xmlns="{CONTAINER}"><rootfiles>{place}</rootfiles></container>',
            "OEBPS/book.opf": package,
            **{f"OEBPS/{name}": chapter for name, chapter in zip(names, chapters, strict=True)},
            **more,
        }
    )


def _page(paragraphs: Sequence[str]) -> str:
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'


def mail_file(paragraphs: Sequence[str]) -> bytes:
    """Without any header that is shown."""
    message = EmailMessage()
    message["Message-ID"] = "<1@example.org>"
    message["MIME-Version"] = "1.0"
    message.set_content("\n\n".join(paragraphs), cte="quoted-printable")
    return message.as_bytes()
