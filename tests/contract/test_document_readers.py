"""What every reader of documents must do. A new kind is one more line in `document_files.FILES`."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_s3.documents import READERS
from source_s3.documents import read_document as read_parsed
from source_s3.documents.kinds import EXTENSIONS
from tests.contract.document_files import FILES
from vector_ingest.errors import DataError

TEXT = [
    "The seed vault is opened on Mondays only, and never by one person alone.",
    (
        "Each jar carries its number, its weight in grams, and the day on which it was dried. "
        "A jar without a number goes back to the drying room, where the keeper writes a new one (see page 4)."
    ),
    "Nobody smokes in the barn; visitors leave their lamps at the door.",
] * 5
WITH_CHECKSUMS = ("docx", "pptx", "odt", "odp", "epub")  # kinds that can tell that a byte was changed
WITH_AN_END = (*WITH_CHECKSUMS, "pdf", "xlsx", "ods", "rtf")  # kinds that can tell that their end is missing
SHEETS = ("xlsx", "ods")  # kinds whose text has the names of sheets

# Nobody here writes these with any text; their files are of other programs.
READ_ELSEWHERE = {
    READERS["msg"]: "source_s3/documents/test_old_office.py",
    READERS["doc"]: "source_s3/documents/test_old_office.py",
    READERS["ppt"]: "source_s3/documents/test_old_office.py",
    READERS["image"]: "source_s3/documents/test_ocr.py",
}

kinds = pytest.mark.parametrize("kind", FILES)


def read_document(key: str, file: bytes) -> str:
    return read_parsed(key, file).content


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_each_reader_has_a_file_here() -> None:
    assert set(READERS.values()) == {READERS[EXTENSIONS[kind]] for kind in FILES} | READ_ELSEWHERE.keys()
    assert all((Path(__file__).parents[1] / place).exists() for place in READ_ELSEWHERE.values())


@kinds
def test_the_same_text_gives_the_same_words_in_order(kind: str) -> None:
    assert words(read_document(f"a/b.{kind}", FILES[kind](TEXT)))[kind in SHEETS :] == words(" ".join(TEXT))


@kinds
def test_paragraphs_stay_apart_and_whole(kind: str) -> None:
    paragraphs = read_document(f"a.{kind}", FILES[kind](TEXT)).strip().split("\n\n")
    assert [paragraph.replace("\\", "") for paragraph in paragraphs[kind in SHEETS :]] == TEXT


@kinds
def test_an_extension_in_capitals_is_the_same_kind(kind: str) -> None:
    assert read_document(f"A.{kind.upper()}", FILES[kind](TEXT)) == read_document(f"a.{kind}", FILES[kind](TEXT))


@kinds
def test_an_empty_file_is_refused_by_name(kind: str) -> None:
    with pytest.raises(DataError, match=rf"^some/path\.{kind}: the file is empty"):
        read_document(f"some/path.{kind}", b"")


@kinds
def test_a_file_without_text_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match="no text"):
        read_document(f"a.{kind}", FILES[kind]([" "]))


@pytest.mark.parametrize("kind", WITH_AN_END)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    file = FILES[kind](TEXT)
    with pytest.raises(DataError, match="truncated"):
        read_document(f"a.{kind}", file[: int(len(file) * share)])


@kinds
@settings(max_examples=30, deadline=None)
@given(noise=st.binary(min_size=1, max_size=60), place=st.floats(0, 1))
def test_a_corrupt_file_gives_text_or_a_data_error(kind: str, noise: bytes, place: float) -> None:
    file = FILES[kind](TEXT)
    start = int(place * len(file))
    damaged = file[:start] + noise + file[start + len(noise) :]
    with suppress(DataError):  # and no other error
        text = read_document(f"a.{kind}", damaged)
        assert kind not in WITH_CHECKSUMS or words(text) == words(" ".join(TEXT))


@kinds
def test_readers_work_in_threads(kind: str) -> None:
    texts = [[f"{paragraph} Copy {number}." for paragraph in TEXT] for number in range(16)]
    files = [FILES[kind](text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda file: read_document(f"a.{kind}", file), files))
    assert [words(result)[kind in SHEETS :] for result in results] == [words(" ".join(text)) for text in texts]


def test_an_unknown_kind_names_the_object_the_kinds_and_the_remedy() -> None:
    with pytest.raises(DataError, match=r"^a/movie\.mp4: .*\.pdf, .*\.txt.*globs"):
        read_document("a/movie.mp4", b"x")


@pytest.mark.parametrize("name", ["a", "a.txt", "a.bin", "a.pdf", "a.docx", "a.epub"])
@pytest.mark.parametrize("kind", ["pdf", "docx", "pptx", "xlsx", "odt", "ods", "odp", "rtf", "epub", "html"])
def test_the_bytes_tell_the_kind_whatever_the_name_says(kind: str, name: str) -> None:
    file = FILES[kind](TEXT)
    assert read_parsed(name, file) == read_parsed(f"a.{kind}", file)


@pytest.mark.parametrize(("content_type", "kind"), [("text/markdown; charset=utf-8", "md"), ("message/rfc822", "eml")])
def test_the_content_type_tells_what_neither_bytes_nor_name_do(content_type: str, kind: str) -> None:
    file = FILES[kind](TEXT)
    assert read_parsed("a.123", file, content_type=content_type) == read_parsed(f"a.{kind}", file)


@kinds
def test_the_sections_cover_the_text_in_order(kind: str) -> None:
    found = read_parsed(f"a.{kind}", FILES[kind](TEXT))
    starts = [section.start for section in found.sections]
    assert [*starts, len(found.content)] == [0, *(section.end for section in found.sections)]


def test_an_old_office_file_is_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"save it as \.docx"):
        read_document("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
