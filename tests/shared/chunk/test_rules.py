"""The other ways to cut: at separators, headings, definitions, sentences, words, or not at all."""

import pytest

from tests.shared.chunk.edited_texts import joined, long_text
from tests.shared.chunk.splitters import splitter
from vector_ingest.tokens.counts import openai_tokens


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


def test_the_whole_text_is_one_chunk_if_it_is_not_to_be_cut() -> None:
    (chunk,) = splitter(3, option={"mode": "none"}).split("  Much longer than three words.\n\nVery much. ")
    assert (chunk.start, chunk.end) == (2, 43)
