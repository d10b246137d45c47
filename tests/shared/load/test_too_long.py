"""Texts that are too long: nothing of them is lost, and what is shortened is said."""

import dataclasses
from hashlib import blake2b

import regex
from hypothesis import given
from hypothesis import strategies as st

from vector_ingest.document import Chunk, Document
from vector_ingest.load.too_long import TRUNCATED, split, truncate


def digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def document(text: str) -> tuple[Document, list[Chunk]]:
    other = Chunk(1, "other", len(text) + 1, len(text) + 6, digest("other"))
    return Document("d", f"{text} other", {"k": 1}, b"h"), [Chunk(0, text, 0, len(text), digest(text)), other]


TEXTS = st.text(st.sampled_from("ab \n🇩🇪e\u0301👩\u200d🔬"), min_size=2, max_size=60).filter(
    lambda text: text == text.strip() and len(text) > 1
)


@given(TEXTS)
def test_halves_hold_all_but_white_space_between_them_and_no_grapheme_is_cut(text: str) -> None:
    whole, chunks = document(text)
    ((same, halves),) = split([(whole, chunks)], frozenset([chunks[0].hash]))
    assert same is whole
    assert [chunk.number for chunk in halves] == list(range(len(halves)))
    assert all(whole.text[chunk.start : chunk.end] == chunk.text for chunk in halves)
    assert all(chunk.hash == digest(chunk.text) and chunk.text == chunk.text.strip() != "" for chunk in halves)
    pieces = [chunk.text for chunk in halves[:-1]]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    graphemes = regex.findall(r"\X", text)
    assert len(pieces) == 2 or len(graphemes) == 1 or any(letter[0].isspace() for letter in graphemes[1:])
    assert [letter for piece in pieces for letter in regex.findall(r"\X", piece) if letter.strip()] == [
        letter for letter in graphemes if letter.strip()
    ]


def test_a_cut_goes_before_a_word_near_the_middle() -> None:
    whole, chunks = document("one two three four five")
    ((_, halves),) = split([(whole, chunks)], frozenset([chunks[0].hash]))
    assert [chunk.text for chunk in halves] == ["one two", "three four five", "other"]


def test_each_half_is_embedded_with_what_stands_around_the_chunk() -> None:
    whole, chunks = document("one two three four five")
    chunks[0] = dataclasses.replace(chunks[0], before="Title: ", after=" (end)")
    ((_, halves),) = split([(whole, chunks)], frozenset([chunks[0].hash]))
    assert [chunk.embedded for chunk in halves[:2]] == ["Title: one two (end)", "Title: three four five (end)"]
    assert all(chunk.hash == digest(chunk.embedded) for chunk in halves)


def test_a_shortened_text_is_marked_and_has_a_hash_of_its_own_until_it_fits() -> None:
    whole, chunks = document("one two three four five six seven eight")
    pieces = [(whole, chunks)]
    texts = {chunks[0].hash: chunks[0].text}
    shorter = dict(texts)
    for _ in range(3):
        ((_, before),) = pieces
        pieces_now, again = truncate(pieces, frozenset([before[0].hash]), shorter)
        ((marked, after),) = pieces_now
        (text,) = again.values()
        assert chunks[0].text.startswith(text)
        assert len(text) < len(shorter[before[0].hash])
        assert after[0] == dataclasses.replace(chunks[0], hash=next(iter(again)))
        assert after[1] == chunks[1]
        assert marked.metadata == {"k": 1, TRUNCATED: [0]}
        assert marked.hash == whole.hash
        shorter |= again
        pieces = [(marked, list(after))]
    assert digest(text) != after[0].hash


def test_a_single_letter_is_not_shortened() -> None:
    whole, chunks = document("👩\u200d🔬")
    ((_, after),), again = truncate([(whole, chunks)], frozenset([chunks[0].hash]), {})
    assert not again
    assert after == chunks
