import textwrap

import pytest

from source_s3.documents import Limits
from source_s3.documents.pdf import read as read_file
from tests.contract.document_files import pdf_file, pdf_of_columns, pdf_of_pages
from vector_ingest.errors import DataError


def read(key: str, file: bytes) -> str:
    return read_file(key, file, Limits()).content.strip()


def test_pages_follow_one_another() -> None:
    assert read("a.pdf", pdf_of_pages([["one"], ["two"], ["three"]])) == "one\n\ntwo\n\nthree"


def test_a_page_without_text_leaves_no_gap() -> None:
    assert read("a.pdf", pdf_of_pages([["one"], [], ["three"]])) == "one\n\nthree"


def test_wrapped_lines_run_on() -> None:
    paragraph = "The keeper of the jars writes down what was taken and who took it. " * 4
    assert read("a.pdf", pdf_file([paragraph])) == paragraph.strip()


def test_short_lines_stay_lines() -> None:
    lines = ["Barley 12 g", "Oats 9 g", "Rye 30 g, and this is the line that is as long as the page allows it"]
    assert read("a.pdf", pdf_of_pages([lines])).split("\n") == lines


def test_columns_follow_one_another_and_their_lines_run_on() -> None:
    left = "The keeper of the jars writes down what was taken and who took it, on which day, and how much is left."
    right = "Nobody smokes in the barn, and visitors leave their lamps at the door, where they get a red one instead."
    columns = [textwrap.wrap(text, 40) for text in (left, right)]
    assert read("a.pdf", pdf_of_columns(columns)) == f"{left}\n\n{right}"


def test_a_pdf_without_text_is_said_to_be_a_scan() -> None:
    with pytest.raises(DataError, match=r"^a\.pdf: no text in it: a scan needs OCR"):
        read("a.pdf", pdf_of_pages([[], []]))


def test_an_encrypted_pdf_is_refused_with_the_remedy() -> None:
    lock = f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'11' * 32}> /U <{'22' * 32}> >>"
    with pytest.raises(DataError, match=r"^a\.pdf: under a password: upload it without one"):
        read("a.pdf", pdf_of_pages([["secret"]], trailer=lock))
