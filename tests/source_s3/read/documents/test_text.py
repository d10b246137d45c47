import pytest

from source_s3.read.documents.text import read
from vector_ingest.errors import DataError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_give_the_same_text(encoding: str) -> None:
    assert read("a.txt", "Grüße, 雪 🏔".encode(encoding)) == "Grüße, 雪 🏔"


def test_line_ends_become_newlines() -> None:
    assert read("a.txt", b"a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_markdown_is_kept_as_it_is() -> None:
    assert read("a.md", b"# One\n\n* two\n\n| a |\n|---|\n") == "# One\n\n* two\n\n| a |\n|---|\n"


def test_bytes_that_are_no_utf_8_are_refused_with_their_place() -> None:
    with pytest.raises(DataError, match=r"^a\.txt: not utf-8: byte 3 .*Save it as UTF-8"):
        read("a.txt", "caf\u00e9".encode("latin-1") + b" x")


def test_unmarked_utf_16_is_refused() -> None:
    with pytest.raises(DataError, match="UTF-16 without a mark"):
        read("a.txt", "plain".encode("utf-16-le"))
