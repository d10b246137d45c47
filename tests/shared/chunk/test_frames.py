"""What a chunk knows of where it stands, and what is embedded around it."""

import pytest

from tests.shared.chunk.splitters import splitter, words
from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.document import Section
from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.template import filled, parse

SECTIONS = [
    Section(0, 20, 1, ("Guide",)),
    Section(20, 40, 1, ("Guide", "Setup")),
    Section(40, 60, 2, ("Guide", "Use")),
]


PAGED = "One one one one on. Two two two two tw. Three three three."


def test_chunks_end_with_their_section_and_know_page_and_headings() -> None:
    chunks = splitter(50, option={"mode": "sections"}).split(PAGED, SECTIONS)
    assert [(chunk.text[:3], chunk.page, chunk.headings) for chunk in chunks] == [
        ("One", 1, ("Guide",)),
        ("Two", 1, ("Guide", "Setup")),
        ("Thr", 2, ("Guide", "Use")),
    ]
    assert chunks[1].metadata == {"_ab_page": 1, "_ab_headings": ["Guide", "Setup"]}


def test_sections_of_one_page_stay_together() -> None:
    chunks = splitter(50, option={"mode": "sections", "by": "page"}).split(PAGED, SECTIONS)
    assert [(chunk.start, chunk.end, chunk.page) for chunk in chunks] == [(0, 39, 1), (40, 58, 2)]


def test_a_markdown_chunk_knows_the_headings_it_stands_under() -> None:
    text = "Before.\n# A\none\n## B ##\ntwo\n```\n# no heading\n```\n### C\nthree\n# D\nfour"
    cut = splitter(6, option={"mode": "markdown", "split_level": 6})
    assert [(chunk.text.split("\n")[0], chunk.headings) for chunk in cut.split(text)] == [
        ("Before.", ()),
        ("# A", ("A",)),
        ("## B ##", ("A", "B")),
        ("# no heading", ("A", "B")),
        ("### C", ("A", "B", "C")),
        ("# D", ("D",)),
    ]


def framed(template: str, **options: object) -> Splitter:
    config = {"chunk_size": 20, "embedded_text": template, **options}
    return splitter_from(ProcessingConfig.model_validate(config), words, most_tokens=20)


def test_a_template_is_embedded_around_the_text_that_is_stored() -> None:
    template = "{title}\n{headings} p.{page}: {chunk} {{end}}"
    frame = filled(parse(template), {"title": "My book"})
    chunk = framed(template, text_splitter={"mode": "sections"}).split(PAGED, SECTIONS, frame)[1]
    assert chunk.text == "Two two two two tw."
    assert chunk.embedded == "My book\nGuide > Setup p.1: Two two two two tw. {end}"
    (other,) = framed(template).split(chunk.text, (), filled(parse(template), {"title": "Another"}))
    assert other.hash != chunk.hash


def test_the_embedded_text_can_be_stored() -> None:
    frame = filled(parse("{title}: {chunk}"), {"title": "T"})
    chunk, *_ = framed("{title}: {chunk}", store_embedded_text=True).split("word " * 50, (), frame)
    assert chunk.stored == chunk.embedded == f"T: {chunk.text}"
    assert chunk.text.startswith("word")


def test_what_is_embedded_fits_into_the_models_limit_with_its_template() -> None:
    frame = filled(parse("{title}: {chunk}"), {"title": "a title of six words, here"})
    chunks = framed("{title}: {chunk}").split("word " * 100, (), frame)
    assert all(words(chunk.embedded) <= 20 for chunk in chunks)
    assert sum(words(chunk.text) for chunk in chunks) == 100


def test_a_template_that_leaves_no_room_is_an_error_with_its_remedy() -> None:
    frame = filled(parse("{title}: {chunk}"), {"title": "word " * 20})
    with pytest.raises(DataError, match="leaves no room for it in the 20 tokens"):
        framed("{title}: {chunk}").split("text", (), frame)


def test_where_a_chunk_stands_is_kept_if_that_is_asked_for() -> None:
    cut = splitter_from(ProcessingConfig(chunk_size=2, store_positions=True), words)
    assert [chunk.metadata for chunk in cut.split("one two. Three four.")] == [
        {"_ab_start": 0, "_ab_end": 8},
        {"_ab_start": 9, "_ab_end": 20},
    ]
