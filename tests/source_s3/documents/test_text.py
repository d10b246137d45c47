import pytest

from source_s3.documents import Limits
from source_s3.documents.plain.text import read as read_file
from vector_ingest.errors import DataError


def read(key: str, file: bytes) -> str:
    return read_file(key, file, Limits()).content


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marked_encodings_give_the_same_text(encoding: str) -> None:
    assert read("a.txt", "Grüße, 雪 🏔".encode(encoding)) == "Grüße, 雪 🏔\n"


def test_line_ends_become_newlines() -> None:
    assert read("a.txt", b"a\r\nb\rc\nd") == "a\nb\nc\nd\n"


def test_markdown_is_kept_as_it_is() -> None:
    assert read("a.md", b"# One\n\n* two\n\n| a |\n|---|\n") == "# One\n\n* two\n\n| a |\n|---|\n"


# ruff: noqa: RUF001  texts of other scripts are wanted
OLDER = {
    "cp1252": "Der Bär läuft früh über die Brücke; das Gespräch über Öl dauerte länger, als größere Häuser brauchen.",
    "cp1251": "Мама мыла раму, а потом пошла домой и долго читала детям книгу о далёких странах.",
    "shift_jis": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "gb18030": "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。",
    "utf-16-le": "Without a mark, the zeros tell it.",
    "utf-16-be": "Without a mark, the zeros tell it.",
}


@pytest.mark.parametrize("encoding", OLDER)
def test_text_in_an_older_encoding_is_told_by_its_letters(encoding: str) -> None:
    assert read("a.txt", OLDER[encoding].encode(encoding)) == OLDER[encoding] + "\n"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(DataError, match=r"^a\.txt: NUL characters in it: a binary file"):
        read("a.txt", b"\0\1\2\3 and so on")
