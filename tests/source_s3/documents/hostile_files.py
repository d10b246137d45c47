"""Broken and hostile documents, made here: each with its name, its bytes, and what must become of it."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

from tests.contract.document_files import docx_file, pdf_of_objects, pdf_of_pages
from tests.contract.office_files import (
    epub_of_chapters,
    odf_file,
    pptx_file,
    pptx_of_slides,
    rtf_file,
    xlsx_file,
    zipped,
)

NOISE = random.Random(7).randbytes(3000)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
WORDS = ["Nobody smokes in the barn."]
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ENTITIES = "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = f'<!DOCTYPE w:document [<!ENTITY a "ha">{ENTITIES}]>'
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def word(inside: str, before: str = "", more: Mapping[str, str | bytes] | None = None) -> bytes:
    """A Word document with this XML in its body."""
    document = f"{before}<w:document {WORD}><w:body>{inside}</w:body></w:document>"
    return zipped({"word/document.xml": document, **(more or {})})


def said(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def sheet(rows: str) -> bytes:
    """A workbook with this XML as the rows of its sheet."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return zipped(
        {
            "xl/workbook.xml": f'<workbook xmlns="{SHEET}" xmlns:r="{relations}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="rId1" '
            f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{SHEET}"><sheetData>{rows}</sheetData></worksheet>',
        }
    )


def mail(body: str, *headers: str) -> bytes:
    lines = ["From: a@example.org", "Subject: Hello", "MIME-Version: 1.0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def nested_parts(depth: int) -> bytes:
    body = "the innermost"
    header = "Content-Type: text/plain"
    for number in range(depth):
        body = f"--b{number}\r\n{header}\r\n\r\n{body}\r\n--b{number}--\r\n"
        header = f'Content-Type: multipart/mixed; boundary="b{number}"'
    return mail(body, header)


def nested_mails(depth: int) -> bytes:
    inner = mail("the innermost", "Content-Type: text/plain").decode()
    for _ in range(depth):
        inner = mail(inner, "Content-Type: message/rfc822").decode()
    return inner.encode()


def attached(name: str, content: bytes) -> bytes:
    import base64

    part = f'--b\r\nContent-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    body = "--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n" + part + base64.b64encode(content).decode()
    return mail(body + "\r\n--b--\r\n", 'Content-Type: multipart/mixed; boundary="b"')


def deflated_page(content: bytes) -> bytes:
    """A PDF whose one page is drawn by this."""
    packed = zlib.compress(content, 9)
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F 3 0 R >> >> >>"
    )
    head = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode()
    return pdf_of_objects(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            page.encode(),
            head + packed + b"\nendstream",
        ]
    )


def pdf_of_kids(kids: str, count: int) -> bytes:
    return pdf_of_objects(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>",
        ]
    )


def form_in_itself() -> bytes:
    """Its page draws a form that draws itself."""
    form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >> /Length 5 >>"
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R /Resources << /XObject << /X 4 0 R >> >> >>"
    )
    return pdf_of_objects(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            form + b"\nstream\n/X Do\nendstream",
            b"<< /Length 5 >>\nstream\n/X Do\nendstream",
        ]
    )


def with_wrong_checksum() -> bytes:
    file = word(said("kept"))
    place = file.index(b"PK\x01\x02") + 16
    return file[:place] + bytes(4) + file[place + 4 :]


def with_false_size() -> bytes:
    """30 MB that are said to be 1,000 bytes."""
    file = bytearray(word(said(" " * 30_000_000)))
    for start, place in ((file.index(b"PK\x03\x04"), 22), (file.index(b"PK\x01\x02"), 24)):
        file[start + place : start + place + 4] = struct.pack("<I", 1000)
    return bytes(file)


def with_flag(flag: int, method: int | None = None) -> bytes:
    """A ZIP whose entries are marked so (1: encrypted), or packed by another method."""
    file = bytearray(word(said("kept")))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = file.index(signature)
        file[start + place] |= flag
        if method is not None:
            file[start + place + 2 : start + place + 4] = struct.pack("<H", method)
    return bytes(file)


def with_many_entries() -> bytes:
    return word(said("kept"), more={f"x/{number}": b"" for number in range(300)})


def with_two_bodies() -> bytes:
    file = io.BytesIO(word(said("first")))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/other.xml", "x")
        archive.infolist()[-1].filename = "word/document.xml"
    return file.getvalue()


Case = tuple[str, Callable[[], bytes], str]
# A name, the bytes, and what the error says; after a `+`, what the text says.
CASES: list[Case] = [
    ("empty.pdf", bytes, "empty"),
    ("zeros.txt", lambda: bytes(5000), "NUL characters"),
    ("noise", lambda: NOISE, "no reader for this kind"),
    ("noise.docx", lambda: NOISE, "corrupt or truncated"),
    ("noise.pdf", lambda: NOISE, "truncated"),
    ("noise.epub", lambda: NOISE, "corrupt or truncated"),
    ("noise.xlsx", lambda: NOISE, "corrupt or truncated"),
    ("noise.rtf", lambda: NOISE, "no RTF file"),
    ("noise.eml", lambda: NOISE, "no header of a mail"),
    ("picture.pdf", lambda: b"\x89PNG\r\n\x1a\n" + NOISE, "needs text recognition|no image that can be read"),
    ("photo.jpg", lambda: b"\xff\xd8\xff\xe0" + NOISE, "needs text recognition|no image that can be read"),
    ("film.gif", lambda: b"GIF89a" + NOISE, "needs text recognition|no image that can be read"),
    ("locked.xlsx", lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "under a password"),
    ("old.doc", lambda: OLE + "WordDocument".encode("utf-16-le"), "old format of Word|corrupt"),
    ("old.ppt", lambda: OLE + "PowerPoint Document".encode("utf-16-le"), "old format of PowerPoint|corrupt"),
    ("old.xls", lambda: OLE + "Workbook".encode("utf-16-le"), "corrupt or truncated"),
    ("note.msg", lambda: OLE + "__substg1.0_".encode("utf-16-le"), "corrupt"),
    ("endless.txt", lambda: b"word " * 100_000, "more than 200,000 characters"),
    ("endless.md", lambda: b"# a\n" * 100_000, "more than 200,000 characters"),
    ("titles.rst", lambda: b"a\n===\n" * 60_000, "more than 200,000 characters"),
    ("surrogates.txt", lambda: b"kept \xed\xa0\x80 kept", "+kept"),
    ("header.pdf", lambda: b"%PDF-1.7\n", "truncated"),
    ("half.pdf", lambda: pdf_of_pages([WORDS])[:300], "truncated"),
    ("nothing.pdf", lambda: b"%PDF-1.7\n%%EOF", "corrupt or truncated"),
    ("scan.pdf", lambda: pdf_of_pages([[], []]), "no text in it"),
    ("locked.pdf", lambda: pdf_of_pages([WORDS], f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> "
     f"/U <{'22' * 32}> >> /ID [<00> <00>]"), "under a password"),
    ("many.pdf", lambda: pdf_of_kids("3 0 R " * 100_000, 100_000), "more than 50 pages"),
    ("claims.pdf", lambda: pdf_of_kids("3 0 R", 100_000_000), "no text in it"),
    ("ring.pdf", lambda: pdf_of_kids("2 0 R", 1), "corrupt|no text in it"),
    ("itself.pdf", form_in_itself, "no text in it"),
    ("endless.pdf", lambda: deflated_page(b"BT /F 9 Tf 10 TL 9 780 Td " + b"(word word word) Tj T* " * 30_000 + b"ET"),
     "more than 200,000 characters|ended by SIGABRT"),
    ("arrays.pdf", lambda: deflated_page(b"[" * 500_000 + b"] " * 500_000), "no text in it|ended"),
    ("xref.pdf", lambda: pdf_of_pages([WORDS]).replace(b"startxref\n", b"startxref\n9"), "+Nobody"),
    ("trailer.pdf", lambda: pdf_of_pages([WORDS], "/Prev 9"), "+Nobody"),
    ("half.docx", lambda: docx_file(WORDS)[:3000], "corrupt or truncated"),
    ("other.docx", lambda: zipped({"a.txt": "x"}), "no Word document"),
    ("checksum.docx", with_wrong_checksum, "corrupt or truncated"),
    ("bomb.docx", lambda: word(said(" " * 40_000_000)), "more than 33,554,432 bytes when unpacked"),
    ("ratio.docx", lambda: word(said(" " * 20_000_000)), "more than 100 times its packed size"),
    ("lie.docx", with_false_size, "corrupt or truncated"),
    ("entries.docx", with_many_entries, "more than 200 files"),
    ("laughs.docx", lambda: word(said("&i;"), LAUGHS), "entities of XML|corrupt"),
    ("passwd.docx", lambda: word(said("&x;"), '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "entities"),
    ("fetch.docx", lambda: word(said("kept"), '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">'), "+kept"),
    ("deep.docx", lambda: word("<w:p>" * 50_000 + "</w:p>" * 50_000), "corrupt|nested too deep"),
    ("tags.docx", lambda: word("<w:p><w:r>"), "corrupt"),
    ("encoding.docx", lambda: zipped({"word/document.xml": b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>'}),
     "corrupt"),
    ("body.docx", lambda: zipped({"word/document.xml": f"<w:document {WORD}/>"}), "has no body"),
    ("styles.docx", lambda: word(said("kept"), more={"word/styles.xml": "<broken"}), "corrupt"),
    ("twice.docx", with_two_bodies, "corrupt|no XML|\\+"),
    ("locked.docx", lambda: with_flag(1), "corrupt or truncated"),
    ("method.docx", lambda: with_flag(0, 99), "corrupt or truncated"),
    ("half.pptx", lambda: pptx_file(WORDS)[:400], "corrupt or truncated"),
    ("many.pptx", lambda: pptx_of_slides([""] * 60), "more than 50 slides"),
    ("broken.xlsx", lambda: sheet("<row><c"), "corrupt or truncated|no text"),
    ("corner.xlsx", lambda: sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576">'
     "<v>2</v></c></row>"), "memory|failed|corrupt|ended|not read|more than"),
    ("half.xlsx", lambda: xlsx_file(WORDS)[:2000], "corrupt or truncated"),
    ("bomb.xlsx", lambda: sheet(" " * 40_000_000), "when unpacked"),
    ("repeated.ods", lambda: odf_file("spreadsheet", "<office:spreadsheet><table:table table:name='S'><table:table-row "
     "table:number-rows-repeated='1048576'><table:table-cell table:number-columns-repeated='16384' "
     "office:value-type='string'><text:p>x</text:p></table:table-cell></table:table-row></table:table>"
     "</office:spreadsheet>"), "memory|failed|more than|ended|not read|corrupt"),
    ("repeated.odt", lambda: odf_file("text", "<office:text><table:table><table:table-row "
     "table:number-rows-repeated='1048576'><table:table-cell table:number-columns-repeated='16384'><text:p>x</text:p>"
     "</table:table-cell></table:table-row></table:table></office:text>"), "more than 200,000 characters"),
    ("locked.odt", lambda: odf_file("text", "<office:text/>", {"META-INF/manifest.xml": '<m:manifest xmlns:m="m">'
     "<m:file-entry><m:encryption-data/></m:file-entry></m:manifest>"}), "under a password"),
    ("deep.odt", lambda: odf_file("text", "<office:text>" + "<text:section>" * 20_000 + "</text:section>" * 20_000
     + "</office:text>"), "corrupt|nested too deep"),
    ("many.odp", lambda: odf_file("presentation", "<office:presentation>" + "<draw:page/>" * 60
     + "</office:presentation>"), "more than 50 slides"),
    ("drm.epub", lambda: epub_of_chapters(["<p>x</p>"], "", {"META-INF/encryption.xml": '<encryption><EncryptedData>'
     '<EncryptionMethod Algorithm="aes"/></EncryptedData></encryption>'}), "encrypted by its seller"),
    ("container.epub", lambda: zipped({"mimetype": "application/epub+zip"}), "container.xml is missing"),
    ("chapter.epub", lambda: zipped({"mimetype": "application/epub+zip", "META-INF/container.xml":
     '<c><rootfile full-path="b.opf"/></c>', "b.opf": '<p><item id="a" href="gone.html" media-type="text/html"/>'
     '<itemref idref="a"/></p>'}), "gone.html is missing"),
    ("outside.epub", lambda: zipped({"mimetype": "application/epub+zip", "META-INF/container.xml":
     '<c><rootfile full-path="b.opf"/></c>', "b.opf": '<p><item id="a" href="../../../etc/passwd" '
     'media-type="text/html"/><itemref idref="a"/></p>'}), "etc/passwd is missing"),
    ("round.epub", lambda: zipped({"mimetype": "application/epub+zip", "META-INF/container.xml":
     '<c><rootfile full-path="b.opf"/></c>', "b.opf": '<p><item id="a" href="a.html" media-type="text/html"/>'
     + '<itemref idref="a"/>' * 20_000 + "</p>", "a.html": "<p>the same chapter again and again</p>"}),
     "more than 200,000 characters"),
    ("half.rtf", lambda: rtf_file(WORDS)[:-5], "truncated"),
    ("deep.rtf", lambda: b"{\\rtf1 " + b"{" * 50_000 + b"x" + b"}" * 50_001, "nested too deep"),
    ("bin.rtf", lambda: b"{\\rtf1 \\bin2147483647 x}", "+x"),
    ("deep.html", lambda: b"<!doctype html>" + b"<div>" * 100_000 + b"x", "nested too deep|failed|no text|\\+x"),
    ("charset.html", lambda: b"<meta charset=klingon><p>x", "'klingon'"),
    ("script.html", lambda: b"<!doctype html><script>x</script>", "no text"),
    ("open.html", lambda: b"<!doctype html><table><tr><td><p><b>kept<li><!-- gone", "+kept"),
    ("parts.eml", lambda: nested_parts(80), "more than 50 parts"),
    ("mails.eml", lambda: nested_mails(8), "+Hello"),
    ("bomb.eml", lambda: attached("a.docx", word(said(" " * 40_000_000))), "+See below"),
    ("base64.eml", lambda: mail("%%%%", "Content-Type: text/plain", "Content-Transfer-Encoding: base64"), "+Hello"),
    ("charset.eml", lambda: mail("kept", "Content-Type: text/plain; charset=klingon"), "+kept"),
    ("headers.eml", lambda: b"From: =?utf-8?q?=ff=fe?= <\nTo: ,,,<>\nDate: never\nSubject: kept\n\nx", "+kept"),
    ("boundary.eml", lambda: mail("--b\r\n" * 5000, 'Content-Type: multipart/mixed; boundary="b"'), "+Hello"),
]  # fmt: skip
# These take longer than any limit of time that a test may have.
HANGING: list[Case] = [
    ("strokes.pdf", lambda: deflated_page(b"0 0 m 9 9 l S " * 6_000_000), "not read within 2 seconds|memory"),
    ("spans.html", lambda: b"<table>" + b"<tr><td colspan=99999999 rowspan=99999999>a<td>b" * 20_000 + b"</table>",
     "more than 200,000 characters|not read within"),
]  # fmt: skip
