from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vector_ingest.embed.local import LocalEmbedder
from vector_ingest.tokens.counts import openai_tokens, unknown_tokens

TEXTS = [
    "The quick brown fox jumps over the lazy dog, and nobody minds it at all today.",
    "Die Würde des Menschen ist unantastbar. Sie zu achten ist Verpflichtung aller staatlichen Gewalt.",
    "\u4eba\u4eba\u751f\u800c\u81ea\u7531\u3002\u5728\u5c0a\u4e25\u548c\u6743\u5229\u4e0a\u4e00\u5f8b\u5e73\u7b49\u3002",
    "def squares(n):\n    return [x**2 for x in range(n) if x % 2 == 0]\n",
    "| name | price |\n|---|---|\n| pen | 1.25 |\n| book | 12.50 |",
]


def test_openai_tokens_are_those_of_cl100k() -> None:
    """The counts that OpenAI's cookbook gives: examples/How_to_count_tokens_with_tiktoken.ipynb."""
    assert [openai_tokens(text) for text in ("antidisestablishmentarianism", "2 + 2 = 4")] == [6, 7]
    assert openai_tokens("\u304a\u8a95\u751f\u65e5\u304a\u3081\u3067\u3068\u3046") == 9


def test_marks_of_the_tokenizer_in_a_text_are_plain_text() -> None:
    assert openai_tokens("<|endoftext|>") == 7


@pytest.mark.parametrize("text", TEXTS)
def test_an_unknown_tokenizer_is_counted_above_berts(text: str) -> None:
    assert unknown_tokens(text) >= LocalEmbedder().count_tokens(text)


awkward = st.sampled_from(
    [
        *[
            " ",
            "  ",
            "\n",
            "\n\n",
            "\t",
            "\r\n",
            "\u00a0",
            "\u3000",
            "word",
            "Dog",
            "'s",
            "123",
            "4567",
            "...",
            ".",
            "!?",
        ],
        *["e\u0301", "語", "👩‍👩‍👧", "//", "- ", "x" * 200, "\u2028", "\u0301"],
    ]
)


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(awkward | st.text(max_size=5), min_size=1, max_size=40))
def test_tokens_of_all_units_at_once_are_the_tokens_of_the_text(pieces: list[str]) -> None:
    """Between any two of the places that the measure knows, as between the first and the last."""
    text = "".join(pieces)
    if not text:
        return
    measured = openai_tokens.measure(text)
    places = measured.words.tolist()
    assert measured([0, len(text)]) == [openai_tokens(text)]
    counted = [openai_tokens(text[start:end]) for start, end in pairwise(places)]
    assert np.diff(measured.sums).tolist() == counted


def test_a_text_of_many_blocks_is_measured_as_a_whole() -> None:
    text = "".join(f"Number {n}. " + "x" * (n % 90) + "\n" * (n % 3) for n in range(40_000))
    assert openai_tokens.measure(text)([0, len(text)]) == [openai_tokens(text)]
    run = "ab" * 300_000
    assert openai_tokens.measure(run)([0, len(run)]) == [openai_tokens(run)]


def test_an_unknown_tokenizer_is_counted_higher_unit_by_unit() -> None:
    text = "One two three. Four five six."
    (first, second) = unknown_tokens.measure(text)([0, 15, len(text)])
    assert (first, second) == (ceil(1.3 * 4), ceil(1.3 * 4))
