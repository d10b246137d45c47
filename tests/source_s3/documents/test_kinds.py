import io
import zipfile

import pytest

from source_s3.documents.kinds import kind_of


def zipped(method: int) -> bytes:
    """Its part `mimetype` is damaged."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as parts:
        parts.writestr("mimetype", "application/epub+zip" * 3)
    content = bytearray(file.getvalue())
    begin = content.find(b"mimetype") + len("mimetype") + 9  # behind the properties of LZMA
    content[begin : begin + 11] = b"\xff" * 11
    return bytes(content)


@pytest.mark.parametrize("comments", [0, 1, 60])
def test_comments_before_a_page_are_passed_over_and_take_no_time(comments: int) -> None:
    """Each of sixty as often as there are ways to join them would take longer than the world is old."""
    before = b"<!-- one line of a licence -->\n" * comments
    assert kind_of("x", before + b"<!DOCTYPE html><p>") == "html"
    assert kind_of("x", before + b"<p>") is None


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_zip_file_is_of_no_kind_or_of_the_one_that_it_is_called(method: int) -> None:
    assert kind_of("x", zipped(method)) is None
    assert kind_of("x.docx", zipped(method)) == "docx"
