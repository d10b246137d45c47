"""Chunks are ranges of the text, in order, within the budget, and stay where they are when the text is edited."""

import json
import os
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared.chunk.edited_texts import joined, long_text, measured
from tests.shared.chunk.splitters import quarter_bytes, splitter, words
from vector_ingest.chunk.splitter import VERSION, splitter_from
from vector_ingest.document import Chunk
from vector_ingest.forms.processing import ProcessingConfig
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


TEXTS = json.loads((Path(__file__).parents[2] / "files" / "airbyte_chunks" / "cases.json").read_text())["texts"]
RECORDED_CUTS = {
    "null": "cf7a779f44acd84b",
    '{"mode": "sentences"}': "62a04b81fe14d3d5",
    '{"mode": "tokens"}': "492ffe0108ab3579",
    '{"mode": "separator"}': "93d1af19c694cdd4",
}


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


@pytest.mark.parametrize("option", RECORDED_CUTS, ids=str)
def test_a_text_is_cut_where_this_version_cuts_it(option: str) -> None:
    """What is stored was cut so. Where this changes on purpose, `VERSION` rises, and the hash here is a new one."""
    assert VERSION == 2
    digest = blake2b(digest_size=8)
    for count, budget in ((quarter_bytes, 60), (openai_tokens, 40)):
        cut = splitter(budget, count, option=json.loads(option))
        for text in TEXTS.values():
            digest.update(repr([(chunk.start, chunk.end) for chunk in cut.split(text)]).encode())
    assert digest.hexdigest() == RECORDED_CUTS[option]


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
