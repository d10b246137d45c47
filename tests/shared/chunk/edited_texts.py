"""Long texts of paragraphs, and edits of them: a sentence replaced, a paragraph put in or taken out."""

import pydoc_data.topics
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from vector_ingest.chunk.splitter import Splitter

Text = list[list[str]]  # paragraphs of sentences


@cache
def vocabulary() -> list[str]:
    """Words as they are frequent in Python's documentation, so that they have as many tokens as words usually have."""
    return re.findall(r"[a-z]{2,}", " ".join(pydoc_data.topics.topics.values()))[:20_000]


def sentence(generator: random.Random, words: Sequence[str]) -> str:
    return " ".join(generator.choices(words, k=generator.randint(4, 30))).capitalize() + "."


def paragraph(generator: random.Random, words: Sequence[str]) -> list[str]:
    return [sentence(generator, words) for _ in range(generator.randint(1, 8))]


def edited(generator: random.Random, text: Text, new: Callable[[], list[str]]) -> Text:
    place = generator.randrange(len(text))
    match generator.randrange(3):
        case 0:
            changed = [*text[place]]
            changed[generator.randrange(len(changed))] = new()[0]
            return [*text[:place], changed, *text[place + 1 :]]
        case 1:
            return [*text[:place], new(), *text[place:]]
        case _:
            return [*text[:place], *text[place + 1 :]]


def joined(text: Text) -> str:
    return "\n\n".join(" ".join(sentences) for sentences in text)


def paragraphs_of(text: str) -> Text:
    """A real text in the same form, as far as its sentences end with a full stop."""
    return [part.replace(". ", ".\0").split("\0") for part in text.split("\n\n") if part.strip()]


@dataclass(frozen=True, slots=True)
class Stability:
    """Over all edits; `fill`: tokens of a chunk, of its budget, on average."""

    edits: int
    chunks: int
    fill: float
    mean: float
    worst: int
    above_three: float  # of the edits

    def figures(self) -> dict[str, float]:
        return {
            "edits": self.edits,
            "chunks": self.chunks,
            "fill": round(self.fill, 3),
            "new_chunks_per_edit": round(self.mean, 2),
            "worst": self.worst,
            "edits_above_three": round(self.above_three, 4),
        }


def stability(new_chunks: Sequence[int], chunks: int, fill: float) -> Stability:
    above = sum(new > 3 for new in new_chunks) / len(new_chunks)
    return Stability(len(new_chunks), chunks, fill, sum(new_chunks) / len(new_chunks), max(new_chunks), above)


def versions(seed: int, text: Text, edits: int) -> Iterator[str]:
    """The text, and `edits` times the text with one edit."""
    generator = random.Random(seed)
    words = vocabulary()
    yield joined(text)
    for _ in range(edits):
        yield joined(edited(generator, text, lambda: paragraph(generator, words)))


def measured(splitter: Splitter, budget: int, seed: int, text: Text, edits: int) -> Stability:
    """How many chunks of a text are new after each of many single edits."""
    first, *others = versions(seed, text, edits)
    chunks = splitter.split(first)
    known = {chunk.hash for chunk in chunks}
    fill = sum(splitter.count_tokens(chunk.text) for chunk in chunks) / len(chunks) / budget
    new = [sum(chunk.hash not in known for chunk in splitter.split(other)) for other in others]
    return stability(new, len(chunks), fill)


def long_text(seed: int, budget: int, chunks: int, count: Callable[[str], int]) -> Text:
    """Paragraphs for about so many chunks."""
    generator = random.Random(seed)
    words = vocabulary()
    text: Text = []
    tokens = 0
    while tokens < chunks * budget * 0.72:
        text.append(paragraph(generator, words))
        tokens += count(" ".join(text[-1])) + 1
    return text
