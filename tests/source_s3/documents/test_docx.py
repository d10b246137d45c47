import io
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
