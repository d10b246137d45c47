"""A text as units too small to be worth cutting: paragraphs, of long ones the sentences, lines, words, characters.

A unit begins where the one before ends. Tokens of a unit are counted with the space before it and without the one that
ends it, as tokenizers join them: then the tokens of a run of units are the sum, or nearly.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from typing import Protocol, runtime_checkable

from vector_ingest.chunk.graphemes import PLAIN, character_ends, may_cut

Span = tuple[int, int]
CountTokens = Callable[[str], int]


class Measure(Protocol):
    """The tokens of a text between its places."""

    def __call__(self, places: Sequence[int], /) -> list[int]:
        """Of text[places[i] : places[i + 1]]; a space that stands before a place is counted with what follows it."""

    def adds_up(self, places: Sequence[int], /) -> bool:
        """Whether the tokens between any two places are surely the sum, but for the space before the first."""


@runtime_checkable
class CountsUnits(Protocol):
    """A way to count that is quicker with many units at once."""

    def __call__(self, text: str, /) -> int: ...

    def measure(self, text: str, /) -> Measure: ...


class Rank(IntEnum):
    """What ends at a unit's end. A smaller rank is a better place to cut."""

    PARAGRAPH = 0
    SENTENCE = 1
    LINE = 2
    WORD = 3
    CHARACTER = 4


@dataclass(slots=True)
class Units:
    """Unit i is `text[places[i] : places[i + 1]]`. Lists beside each other: a long text has tens of thousands."""

    places: list[int]  # one more than there are units
    tokens: list[int] = field(default_factory=list)
    ranks: list[Rank] = field(default_factory=list)
    adds_up: bool = False  # as `Measure.adds_up` says of `places`

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, end: int, tokens: int, rank: Rank) -> None:
        self.places.append(end)
        self.tokens.append(tokens)
        self.ranks.append(rank)


PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
# A paragraph that ends with a heading, which belongs to what follows. Patterns that begin plainly are found fast.
HEADING = re.compile(r"\n#[^\n]*\n[^\S\n]*\n\s*")
# The marks that end a sentence, what closes after them, and white space, unless a small letter follows ("e.g. this").
# Chinese and Japanese put no space after their marks.
SENTENCE = re.compile(
    r"[.!?…\u3002\uff01\uff1f][.!?…\u3002\uff01\uff1f]*"
    r"""(?:(?<=[.!?…])["')\]»”\u2019]*\s+(?![a-z])|(?<=[\u3002\uff01\uff1f])[\u300d\u300f\uff09\u201d\u2019]*\s*)"""
)
LINE = re.compile(r"\n\s*")
WORD = re.compile(r"\s+")
_FINER = ((LINE, Rank.LINE), (WORD, Rank.WORD))


def units_of(text: str, most: int, budget: int, count_tokens: CountTokens) -> Units:
    """The text from its first to its last character, in units of at most `most` tokens.

    Only a single grapheme cluster can be above `most`; it is divided if it is above `budget`.
    """
    measure = measure_of(text, count_tokens)
    sentences = _refined(text, _paragraphs(text, measure), most, measure)
    return _fitting(text, sentences, _Rule(most, budget, count_tokens), measure)


def sentences_of(text: str, budget: int, count_tokens: CountTokens) -> Units:
    """The text's sentences, and the parts of those that are above `budget`."""
    measure = measure_of(text, count_tokens)
    places = sorted(
        {0, len(text), *inner_ends(PARAGRAPH, text, 0, len(text)), *inner_ends(SENTENCE, text, 0, len(text))}
    )
    units = Units(places, measure(places), [Rank.SENTENCE] * (len(places) - 1))
    return _fitting(text, units, _Rule(budget, budget, count_tokens), measure)


def words_of(text: str, budget: int, count_tokens: CountTokens) -> Units:
    """The text's words, and the parts of those that are above `budget`."""
    measure = measure_of(text, count_tokens)
    places = [0, *inner_ends(WORD, text, 0, len(text)), len(text)]
    units = Units(places, measure(places), [Rank.WORD] * (len(places) - 1))
    return _fitting(text, units, _Rule(budget, budget, count_tokens, len(_FINER)), measure)


def _fitting(text: str, coarse: Units, rule: "_Rule", measure: Measure) -> Units:
    """Units above the most that a unit may have, divided."""
    units = Units([0])
    start = 0
    for end, tokens, rank in zip(coarse.places[1:], coarse.tokens, coarse.ranks, strict=True):
        if tokens <= rule.most:
            units.add(end, tokens, rank)
        else:
            _divide(units, text, (start, end), rank, rule)
        start = end
    units.adds_up = measure.adds_up(units.places)
    return units


def measure_of(text: str, count_tokens: CountTokens) -> Measure:
    return count_tokens.measure(text) if isinstance(count_tokens, CountsUnits) else _OneByOne(text, count_tokens)


@dataclass(frozen=True, slots=True)
class _OneByOne:
    text: str
    count_tokens: CountTokens

    def __call__(self, places: Sequence[int]) -> list[int]:
        return [self.count_tokens(_counted(self.text, start, end)) for start, end in pairwise(places)]

    def adds_up(self, places: Sequence[int]) -> bool:  # noqa: ARG002 (one shape for all)
        return False


def _paragraphs(text: str, measure: Measure) -> Units:
    ends = [*inner_ends(PARAGRAPH, text, 0, len(text)), len(text)]
    headings = {match.end() for match in HEADING.finditer(text)}
    if text.startswith("#") and "\n" not in text[: ends[0]].rstrip():
        headings.add(ends[0])
    ranks = [Rank.LINE if end in headings else Rank.PARAGRAPH for end in ends]
    return Units([0, *ends], measure([0, *ends]), ranks)


def inner_ends(pattern: re.Pattern[str], text: str, start: int, end: int) -> list[int]:
    """Where the matches end, but for those in the middle of a character and at the text's end."""
    ends = [match.end() for match in pattern.finditer(text, start, end)]
    if ends and ends[-1] == end:
        ends.pop()
    return [place for place in ends if text[place] < PLAIN or may_cut(text, place)]


def _refined(text: str, paragraphs: Units, most: int, measure: Measure) -> Units:
    """Sentences in place of the paragraphs that are too long."""
    if not any(tokens > most for tokens in paragraphs.tokens):
        return paragraphs
    places, ranks = [0], list[Rank]()
    for start, end, tokens, rank in zip(
        paragraphs.places, paragraphs.places[1:], paragraphs.tokens, paragraphs.ranks, strict=False
    ):
        if tokens > most:
            ends = inner_ends(SENTENCE, text, start, end)
            places += ends
            ranks += [Rank.SENTENCE] * len(ends)
        places.append(end)
        ranks.append(rank)
    return Units(places, measure(places), ranks)


@dataclass(frozen=True, slots=True)
class _Rule:
    most: int
    budget: int
    count_tokens: CountTokens
    finest: int = 0  # the first of the finer kinds of place that has not been tried


def _divide(units: Units, text: str, span: Span, rank: Rank, rule: _Rule) -> None:
    """Add the parts of a span that is too long; the last part ends with `rank`."""
    start, end = span
    ends, between, finest = _parts(text, span, rule)
    for place in [*ends, end]:
        tokens = rule.count_tokens(_counted(text, start, place))
        ends_with = rank if place == end else between
        if tokens <= rule.most or not ends:
            units.add(place, tokens, ends_with)
        else:
            _divide(units, text, (start, place), ends_with, replace(rule, finest=finest))
        start = place


def _parts(text: str, span: Span, rule: _Rule) -> tuple[Sequence[int], Rank, int]:
    """Where to divide, what ends there, and what is to be tried next. No place: it can't be divided."""
    start, end = span
    for kind in range(rule.finest, len(_FINER)):
        pattern, rank = _FINER[kind]
        if ends := inner_ends(pattern, text, start, end):
            return ends, rank, kind + 1
    ends = character_ends(text, start, end, rule.most)
    if not ends and rule.count_tokens(text[start:end]) > rule.budget:
        return range(start + 1, end), Rank.CHARACTER, len(_FINER)
    return ends, Rank.CHARACTER, len(_FINER)


def _counted(text: str, start: int, end: int) -> str:
    """The unit as the tokenizer meets it: a space belongs to what follows."""
    if start and text[start - 1] == " ":
        start -= 1
    if end < len(text) and end - 1 > start and text[end - 1] == " ":
        end -= 1
    return text[start:end]
