import io
import re
import zipfile

import docx
import pytest

from source_s3.documents import Limits
from source_s3.documents.office.docx import read
from vector_ingest.errors import DataError


def test_headings_and_tables_keep_their_place() -> None:
    document = docx.Document()
    document.add_heading("Drying", 1)
    document.add_paragraph("Before the table.")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["seed", "days", "rye", "4"], strict=True):
        cell.text = text
    document.add_heading("After", 2)
    file = io.BytesIO()
    document.save(file)
    assert read("a.docx", file.getvalue(), Limits()).content.split("\n\n") == [
        "# Drying",
        "Before the table.",
        "| seed | days |\n| --- | --- |\n| rye | 4 |",
        "## After\n",
    ]


def test_another_zip_file_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("hello.txt", "hello")
    with pytest.raises(DataError, match=r"^a\.docx: a ZIP file without word/document\.xml"):
        read("a.docx", file.getvalue(), Limits())


def test_numbers_that_are_none_cost_no_text() -> None:
    """What can't be sent as a number of 64 bits would be an error of the whole document."""
    document = docx.Document()
    document.add_paragraph("Sown.", style="List Bullet")
    whole, odd = io.BytesIO(), io.BytesIO()
    document.save(whole)
    with zipfile.ZipFile(whole) as parts, zipfile.ZipFile(odd, "w") as changed:
        for name in parts.namelist():
            text = parts.read(name)
            if name == "docProps/app.xml":
                text = re.sub(b"<Pages>.*?</Pages>", b"", text).replace(
                    b"</Properties>", b"<Pages>%d</Pages></Properties>" % 2**65
                )
            changed.writestr(name, text.replace(b'w:ilvl="0"', b'w:ilvl="x"') if "numbering" in name else text)
    found = read("a.docx", odd.getvalue(), Limits())
    assert (found.content, found.facts.page_count) == ("- Sown.\n", None)
