"""Chunks are ranges of the text, in order, within the budget, and stay where they are when the text is edited."""

import os
from collections.abc import Callable
from itertools import pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared.edited_texts import joined, long_text, measured
from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.document import Chunk, Section
from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.record.fields import contents_from
from vector_ingest.template import filled, parse
from vector_ingest.tokens.counts import openai_tokens

FEW = 30
EDITS = int(os.environ.get("CHUNK_EDITS", FEW))

SPLITTERS = [
    None,
    {"mode": "separator"},
    {"mode": "separator", "separators": ['"."', '""'], "keep_separator": True},
    {"mode": "markdown", "split_level": 2},
    {"mode": "code", "language": "python"},
    {"mode": "code", "language": "html"},
    {"mode": "sentences"},
    {"mode": "tokens"},
    {"mode": "sections"},
]


def words(text: str) -> int:
    return len(text.split())


def quarter_bytes(text: str) -> int:
    return (len(text.encode()) + 3) // 4


def splitter(budget: int, count: Callable[[str], int] = words, overlap: int = 0, option: object = None) -> Splitter:
    return splitter_from(
        ProcessingConfig.model_validate({"chunk_size": budget, "chunk_overlap": overlap, "text_splitter": option}),
        count,
    )


pieces = st.sampled_from(
    [
        "word ",
        "Another sentence. ",
        "e.g. this ",
        "\n",
        "\n\n",
        "# Title\n\n",
        "def f():\n",
        "<p>",
        "。",
        "語",
        "e\u0301",
        "👩‍👩‍👧",
        "\t",
        "x" * 50,
        "\r\n",
        " \u0301",
        "\u0915\u094d\u0937\u093f",
        "\u1112\u1161\u11ab",
        "🇩🇪🇫🇷",
        "👍🏽",
        "\u0600\u0661",
    ]
)
texts = st.lists(pieces | st.text(max_size=20), max_size=60).map("".join)


@pytest.mark.parametrize("option", SPLITTERS, ids=str)
@settings(max_examples=60, deadline=None)
@given(text=texts, budget=st.integers(12, 60), overlap=st.integers(0, 10))
def test_chunks_are_ranges_of_the_text_that_leave_nothing_out(
    option: object, text: str, budget: int, overlap: int
) -> None:
    chunks = splitter(budget, quarter_bytes, overlap, option).split(text)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text == text[chunk.start : chunk.end] and chunk.text.strip() == chunk.text for chunk in chunks)
    assert all(quarter_bytes(chunk.text) <= budget for chunk in chunks)
    left_out = "".join(between(text, chunks))
    kept_out = "." if isinstance(option, dict) and option.get("mode") == "separator" else ""
    assert not left_out.strip().strip(kept_out or None)


@pytest.mark.parametrize("option", SPLITTERS, ids=str)
@settings(max_examples=60, deadline=None)
@given(text=texts, budget=st.integers(12, 60), overlap=st.integers(0, 10))
def test_no_chunk_begins_or_ends_inside_of_a_grapheme(option: object, text: str, budget: int, overlap: int) -> None:
    clusters = [match.span() for match in regex.finditer(r"\X", text)]
    inside = {
        place for start, end in clusters if quarter_bytes(text[start:end]) <= budget for place in range(start + 1, end)
    }
    for chunk in splitter(budget, quarter_bytes, overlap, option).split(text):
        # White space at an end is left out, also the carriage return of an end of line.
        assert chunk.start not in inside or text[chunk.start - 1].isspace()
        assert chunk.end not in inside or text[chunk.end].isspace()


def between(text: str, chunks: list[Chunk]) -> list[str]:
    end, gaps = 0, []
    for chunk in chunks:
        gaps.append(text[end : max(end, chunk.start)])
        assert chunk.end >= end
        end = chunk.end
    return [*gaps, text[end:]]


@settings(max_examples=60, deadline=None)
@given(text=texts, budget=st.integers(12, 60))
def test_without_overlap_no_character_is_in_two_chunks(text: str, budget: int) -> None:
    chunks = splitter(budget, quarter_bytes).split(text)
    assert all(first.end <= second.start for first, second in pairwise(chunks))


@settings(max_examples=60, deadline=None)
@given(text=texts, budget=st.integers(12, 60))
def test_the_text_alone_decides_where_it_is_cut(text: str, budget: int) -> None:
    reused = splitter(budget, quarter_bytes)
    reused.split("something else " * 50)
    assert reused.split(text) == splitter(budget, quarter_bytes).split(text)


def test_a_text_that_fits_is_one_chunk() -> None:
    (chunk,) = splitter(20).split("\n# Title\n\nOne sentence. Another.\n")
    assert (chunk.text, chunk.start, chunk.end) == ("# Title\n\nOne sentence. Another.", 1, 32)


def test_white_space_alone_makes_no_chunk() -> None:
    assert splitter(5).split(" \n\t ") == []
    assert splitter(5).split("") == []


def test_equal_texts_have_equal_hashes_of_16_bytes() -> None:
    first, second = splitter(3).split("one two. One two."), splitter(3).split("zero. one two. One two.")
    assert len(first[0].hash) == 16
    assert {chunk.hash for chunk in first if chunk.text == "One two."} == {
        chunk.hash for chunk in second if chunk.text == "One two."
    }


def test_a_run_without_space_is_cut_between_graphemes() -> None:
    family = "👩‍👩‍👧‍👦e\u0301한"
    run = family * 700  # 10,000 characters
    graphemes = {match.end() for match in regex.finditer(r"\X", run)}
    chunks = splitter(40, quarter_bytes).split(run)
    assert "".join(chunk.text for chunk in chunks) == run
    assert all(chunk.end in graphemes and quarter_bytes(chunk.text) <= 40 for chunk in chunks)
    assert len(chunks) < 10_000 / 40 * 2


def test_units_that_count_nothing_alone_are_cut_where_together_they_count_too_much() -> None:
    run = "e" + "\u0301" * 20_000
    chunks = splitter(40, lambda text: len(text) // 16).split(run)
    assert "".join(chunk.text for chunk in chunks) == run
    assert max(len(chunk.text) for chunk in chunks) < 41 * 16


def test_one_line_repeated_for_ever_gives_full_chunks() -> None:
    chunks = splitter(100).split("the same words again\n" * 5000)
    assert sum(words(chunk.text) for chunk in chunks) == 20_000
    assert len(chunks) <= 20_000 / 100 / 0.4


def test_a_heading_stays_with_its_section() -> None:
    text = "".join(f"# Title {number}\n\n{'Some words stand here. ' * 12}\n\n" for number in range(40))
    for chunk in splitter(60).split(text):
        assert not chunk.text.split("\n")[-1].startswith("#")


@pytest.mark.parametrize("budget", [128, 256] if EDITS == FEW else [256, 512, 1024])
def test_an_edit_of_a_long_text_makes_few_new_chunks(budget: int) -> None:
    """Filled from the start, it would be 5.3 an edit, and half of the text at worst. `make soak`: 1,000 chunks."""
    chunks = 150 if EDITS == FEW else 1000
    cut = splitter_from(ProcessingConfig(chunk_size=budget), openai_tokens)
    found = measured(cut, budget, 7, long_text(7, budget, chunks, openai_tokens), EDITS)
    assert found.chunks > chunks * 0.8
    assert found.fill >= (0.68 if EDITS == FEW else 0.7)
    assert found.mean <= (1.9 if EDITS == FEW else 1.6)
    assert found.above_three <= (0.06 if EDITS == FEW else 0.02)


def test_an_overlap_repeats_the_end_of_the_chunk_before() -> None:
    text = joined(long_text(3, 60, 40, words))
    chunks = splitter(60, overlap=20).split(text)
    repeated = [words(text[second.start : first.end]) for first, second in pairwise(chunks)]
    assert all(tokens <= 20 for tokens in repeated)
    assert sum(tokens > 0 for tokens in repeated) > len(repeated) * 0.6
    assert all(words(chunk.text) <= 60 for chunk in chunks)


def test_a_model_that_reads_less_gets_smaller_chunks() -> None:
    cut = splitter_from(ProcessingConfig(chunk_size=1000), words, most_tokens=50)
    assert max(words(chunk.text) for chunk in cut.split("word " * 500)) <= 50


def test_the_fingerprint_tells_rules_apart() -> None:
    options = [(100, 0, option) for option in SPLITTERS] + [(101, 0, None), (100, 1, None)]
    fingerprints = {splitter(size, overlap=overlap, option=option).fingerprint for size, overlap, option in options}
    assert len(fingerprints) == len(options)


def test_markdown_is_cut_at_headings_down_to_the_level() -> None:
    text = "# A\none two three\n## B\nfour five six\n### C\nseven eight\n# D\nnine ten"
    cut = splitter(9, option={"mode": "markdown", "split_level": 2})
    assert [chunk.text for chunk in cut.split(text)] == [
        "# A\none two three",
        "## B\nfour five six\n### C\nseven eight",
        "# D\nnine ten",
    ]


def test_code_is_cut_where_definitions_begin() -> None:
    text = "import os\n\nclass A:\n    x = 1\n    y = 2\n\nclass B:\n    z = 3\n    w = 4\n"
    cut = splitter(9, option={"mode": "code", "language": "python"})
    assert [chunk.text.split("\n")[0] for chunk in cut.split(text)] == ["import os", "class A:", "class B:"]


def test_separators_are_tried_from_coarse_to_fine() -> None:
    cut = splitter(4, option={"mode": "separator"})
    assert [chunk.text for chunk in cut.split("a b c\n\nd e f g h i\nj k")] == ["a b c", "d e f g", "h i", "j k"]


def test_sentences_are_kept_whole_and_chunks_filled_from_the_start() -> None:
    cut = splitter(7, option={"mode": "sentences"})
    text = "One two three. Four five six. Seven eight.\n\nNine ten. " + "far too long " * 3 + "end."
    assert [chunk.text for chunk in cut.split(text)] == [
        "One two three. Four five six.",
        "Seven eight.\n\nNine ten. far too long",  # the last sentence is above the budget by itself
        "far too long far too long end.",
    ]


def test_windows_of_tokens_end_after_the_last_word_that_fits_and_repeat_the_overlap() -> None:
    cut = splitter(4, overlap=1, option={"mode": "tokens"})
    assert [chunk.text for chunk in cut.split("a b c d e f\n\ng h")] == ["a b c d", "d e f\n\ng", "g h"]


@pytest.mark.parametrize("overlap", [0, 20])
def test_windows_of_exact_tokens_are_full(overlap: int) -> None:
    cut = splitter(100, openai_tokens, overlap, {"mode": "tokens"})
    chunks = cut.split(joined(long_text(5, 100, 30, openai_tokens)))
    assert all(90 <= openai_tokens(chunk.text) <= 100 for chunk in chunks[:-1])


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


def test_the_whole_text_is_one_chunk_if_it_is_not_to_be_cut() -> None:
    (chunk,) = splitter(3, option={"mode": "none"}).split("  Much longer than three words.\n\nVery much. ")
    assert (chunk.start, chunk.end) == (2, 43)


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


def test_a_records_sections_are_those_of_its_content_in_the_text() -> None:
    config = ProcessingConfig.model_validate({"chunk_size": 50, "text_fields": ["title", "content"]})
    data = {"title": "T", "content": "One. Two.", "sections": [{"start": 5, "end": 9, "page": 2, "headings": ["H"]}]}
    content = contents_from(config)(data, "a record")
    (section,) = content.sections
    assert content.text[section.start : section.end] == "Two."
    assert (section.page, section.headings) == (2, ("H",))
    assert "sections" not in content.metadata


def test_a_field_of_another_shape_called_sections_stays_a_field() -> None:
    content = contents_from(ProcessingConfig(chunk_size=50))({"content": "x", "sections": ["a"]}, "a record")
    assert content.text == "content: x\nsections: a\n"
    assert content.metadata["sections"] == ["a"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"start": 5, "end": 99}, "from 5 to 99, expected a range"),
        ({"start": "0", "end": 3}, "expected integers `start` and `end`"),
        ({"start": 0, "end": 3, "headings": [1]}, "`headings` as an array of texts"),
    ],
)
def test_a_wrong_section_is_an_error_that_names_it(section: dict[str, object], message: str) -> None:
    content_of = contents_from(ProcessingConfig(chunk_size=50))
    with pytest.raises(DataError, match=message):
        content_of({"content": "One. Two.", "sections": [section]}, "a record")
