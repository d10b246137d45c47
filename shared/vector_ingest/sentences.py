"""A text as units too small to be worth cutting: sentences, and where one is too long its lines, words, characters."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

Span = tuple[int, int]
CountTokens = Callable[[str], int]


class Rank(IntEnum):
    """What ends at a unit's end. A smaller rank is a better place to cut."""

    PARAGRAPH = 0
    SENTENCE = 1
    LINE = 2
    WORD = 3
    CHARACTER = 4


class Unit(NamedTuple):
    """`text[start:end]`, white space after it included. `tokens`: of it alone."""

    start: int
    end: int
    tokens: int
    rank: Rank


# A blank line; or the marks that end a sentence, what closes after them, and white space, unless a small letter
# follows ("e.g. this"). Chinese and Japanese put no space after their marks.
_CLOSING = r"""["')\]»”\u2019]*"""
_SENTENCE = re.compile(
    rf"\n[^\S\n]*\n\s*|[.!?…]+{_CLOSING}\s+(?![a-z])"
    r"|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09\u201d\u2019]*\s*"  # the wide . ! ? and what closes after them
)
_LINE = re.compile(r"\n\s*")
_WORD = re.compile(r"\s+")


def units_of(text: str, most: int, count_tokens: CountTokens) -> list[Unit]:
    """The text from its first to its last character, in units of at most `most` tokens.

    Only a single code point can be above `most`.
    """
    units: list[Unit] = []
    for start, end, rank in _sentences(text):
        units += _fine(text, (start, end), rank, most, count_tokens)
    return units


def _sentences(text: str) -> Iterator[tuple[int, int, Rank]]:
    start = 0
    for match in _SENTENCE.finditer(text):
        end = match.end()
        yield start, end, _rank(text, start, match)
        start = end
    if start < len(text):
        yield start, len(text), Rank.PARAGRAPH


def _rank(text: str, start: int, match: re.Match[str]) -> Rank:
    if match[0].count("\n") < 2:
        return Rank.SENTENCE
    last_line = text.rfind("\n", start, match.start()) + 1
    # A heading belongs to what follows it.
    return Rank.LINE if text.startswith("#", max(last_line, start)) else Rank.PARAGRAPH


def _fine(text: str, span: Span, rank: Rank, most: int, count_tokens: CountTokens) -> Iterator[Unit]:
    """The span as it is if it is small, else its parts; the last part ends with `rank`."""
    start, end = span
    tokens = count_tokens(text[start:end])
    if tokens <= most:
        yield Unit(start, end, tokens, rank)
        return
    ends, between = _inner_ends(text, span, most)
    if not ends:  # one code point
        yield Unit(start, end, tokens, rank)
        return
    for part_start, part_end in zip([start, *ends], [*ends, end], strict=True):
        yield from _fine(text, (part_start, part_end), rank if part_end == end else between, most, count_tokens)


def _inner_ends(text: str, span: Span, most: int) -> tuple[Sequence[int], Rank]:
    """Where to divide a span that is too long, and what ends there.

    Only a cluster that is too long by itself (a letter under many accents) is divided at its code points.
    """
    start, end = span
    for pattern, rank in ((_LINE, Rank.LINE), (_WORD, Rank.WORD)):
        ends = [match.end() for match in pattern.finditer(text, start, end) if match.end() < end]
        if ends:
            return ends, rank
    return character_ends(text, span, most) or range(start + 1, end), Rank.CHARACTER


def character_ends(text: str, span: Span, most: int) -> list[int]:
    """The inner ends of runs of whole grapheme clusters of at most `most` bytes: a token has at least one byte."""
    import regex

    start, end = span
    ends: list[int] = []
    size = 0
    for match in regex.finditer(r"\X", text, pos=start, endpos=end):
        bytes_more = len(match[0].encode())
        size += bytes_more
        if size > most and match.start() > start:
            ends.append(match.start())
            size = bytes_more
    return ends
