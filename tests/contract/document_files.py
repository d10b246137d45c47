"""The same text as a file of each kind, made here: paragraphs in, bytes out."""

import io
import textwrap
from collections.abc import Callable, Sequence

import docx

from tests.contract.office_files import (
    epub_file,
    mail_file,
    odp_file,
    ods_file,
    odt_file,
    pptx_file,
    rtf_file,
    xlsx_file,
)


def text_file(paragraphs: Sequence[str]) -> bytes:
    return "\n\n".join(paragraphs).encode()


def html_file(paragraphs: Sequence[str]) -> bytes:
    body = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{body}</body></html>'.encode()


def docx_file(paragraphs: Sequence[str]) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf_file(paragraphs: Sequence[str]) -> bytes:
    """Lines of 80 characters, 40 a page, an empty line after each paragraph."""
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += [*textwrap.wrap(paragraph, 80), ""]
    return pdf_of_pages([lines[start : start + 40] for start in range(0, len(lines), 40)])


def pdf_of_pages(pages: Sequence[Sequence[str]], trailer: str = "") -> bytes:
    """A PDF with these lines on its pages, in Helvetica. `trailer` is added to the trailer's dictionary."""
    return _pdf([f"BT /F 12 Tf 14 TL 40 740 Td {_shown(lines)} ET" for lines in pages], trailer)


def _shown(lines: Sequence[str]) -> str:
    return " T* ".join(f"({_escaped(line)}) Tj" for line in lines)


def _pdf(contents: Sequence[str], trailer: str) -> bytes:
    """`contents` are the drawing operators of each page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for content in contents:
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R"
            " /Resources << /Font << /F 3 0 R >> >> >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return _file(objects, trailer)


def pdf_of_columns(columns: Sequence[Sequence[str]]) -> bytes:
    """A page with these lines side by side, 280 points from column to column."""
    moves = [f"BT /F 10 Tf 12 TL {30 + 280 * number} 740 Td {_shown(lines)} ET" for number, lines in enumerate(columns)]
    return _pdf(["\n".join(moves)], "")


def _file(objects: Sequence[str], trailer: str) -> bytes:
    return pdf_of_objects([body.encode("latin-1") for body in objects], trailer)


def pdf_of_objects(objects: Sequence[bytes], trailer: str = "") -> bytes:
    """The first of them is the catalog."""
    file, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(file)}\n%%EOF\n"
    return file + (table + end).encode()


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


FILES: dict[str, Callable[[Sequence[str]], bytes]] = {
    "txt": text_file,
    "md": text_file,
    "html": html_file,
    "docx": docx_file,
    "pdf": pdf_file,
    "pptx": pptx_file,
    "xlsx": xlsx_file,
    "ods": ods_file,
    "odt": odt_file,
    "odp": odp_file,
    "rtf": rtf_file,
    "epub": epub_file,
    "eml": mail_file,
    "rst": text_file,
    "py": text_file,
}
