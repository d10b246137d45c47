"""Tokens of all units of a text in one pass: each different word is counted once, and found again by its hash.

It holds for cl100k_base, which cuts a text before it merges letters: a piece begins at each space, and after each new
line, that stands before anything but white space. Between such places, tokens add up.
https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py (the pattern)
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 1 << 18  # characters that are measured at once: what it takes stays in the processor's cache
LONGEST = 128  # characters of a word that is remembered
SLOT_BITS = 19  # words that are remembered, at most, as a power of two: 6 MB
_WHITE = np.array([0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000], np.uint32)
_Places = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A text whose words were counted. `sums[i]`: tokens before `words[i]`, which is a place in the text."""

    text: str
    words: _Places
    sums: _Places
    count: Callable[[str], int]
    times: float

    def adds_up(self, places: Sequence[int]) -> bool:
        """Whether the tokens of a run of units are the sum of the units', but for the space before the first."""
        found = np.searchsorted(self.words, edges := self._edges(places))
        return bool((self.words[found] == edges).all())

    def _edges(self, places: Sequence[int]) -> _Places:
        text, end = self.text, len(self.text)
        return np.array([place - (0 < place < end and text[place - 1] == " ") for place in places], np.int64)

    def __call__(self, places: Sequence[int]) -> list[int]:
        """Of text[places[i] : places[i + 1]]; a space that stands before a place is counted with what follows it."""
        edges = self._edges(places)
        found = np.searchsorted(self.words, edges)
        tokens = np.diff(self.sums[found])
        strange = np.flatnonzero(self.words[found] != edges)  # no place where tokens add up
        for unit in {*strange.tolist(), *(strange - 1).tolist()}:
            if 0 <= unit < len(edges) - 1:
                tokens[unit] = self.count(self.text[edges[unit] : edges[unit + 1]])
        counted: list[int] = (tokens if self.times == 1 else np.ceil(tokens * self.times).astype(int)).tolist()
        return counted


class WordCounts:
    """`count`, and the same for many units at once. Any number of threads may call it."""

    def __init__(self, count: Callable[[str], int], times: float = 1) -> None:
        """`times`: what each count is multiplied by, and rounded up."""
        self._count = count
        self._times = times
        self._lock = Lock()
        self._keys: _Hashes = np.zeros(0, np.uint64)
        self._tokens = np.zeros(0, np.int32)

    def __call__(self, text: str) -> int:
        return ceil(self._count(text) * self._times)

    def measure(self, text: str) -> Measured:
        words, tokens = [], []
        with self._lock:
            for start, end in pairwise(_blocks(text)):
                block = text[start:end]
                points = _points(block)
                begins = np.append(np.flatnonzero(_begins(points)), len(points))
                tokens.append(self._of_words(block, points, begins))
                words.append(begins[:-1] + start)
        places = np.concatenate([*words, np.array([len(text)])])
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(tokens), dtype=np.int64)])
        return Measured(text, places, sums, self._count, self._times)

    def _of_words(self, text: str, points: npt.NDArray[Any], words: _Places) -> npt.NDArray[np.int32]:
        if not len(self._keys):
            self._keys, self._tokens = np.zeros(1 << SLOT_BITS, np.uint64), np.zeros(1 << SLOT_BITS, np.int32)
        hashes = _hashes(points, words)
        slots = hashes >> np.uint64(64 - SLOT_BITS)
        tokens: npt.NDArray[np.int32] = self._tokens[slots]
        for index in np.flatnonzero(self._keys[slots] != hashes).tolist():
            slot, digest = slots[index], hashes[index]
            if self._keys[slot] != digest:  # not one that this loop has met
                start, end = int(words[index]), int(words[index + 1])
                tokens[index] = self._count(text[start:end])
                if end - start <= LONGEST:
                    self._keys[slot], self._tokens[slot] = digest, tokens[index]
            else:
                tokens[index] = self._tokens[slot]
        return tokens


def _blocks(text: str) -> list[int]:
    """Places where tokens add up, about `BLOCK` apart, from the first to the last."""
    places, end = [0], 0
    while len(text) - end > BLOCK:
        end = text.find("\n", end + BLOCK // 2, end + BLOCK) + 1 or end + BLOCK
        while end < len(text) and not (text[end - 1] == "\n" and text[end] > " ") and not _is_space_of_word(text, end):
            end += 1
        places.append(end)
    return [*places, len(text)] if places[-1] < len(text) or len(places) == 1 else places


def _is_space_of_word(text: str, place: int) -> bool:
    return text[place] == " " and place + 1 < len(text) and not text[place + 1].isspace()


def _points(text: str) -> npt.NDArray[Any]:
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _begins(points: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a piece begins for sure."""
    begins = np.zeros(len(points), np.bool_)
    begins[:1] = True
    dark = points > 32
    begins[:-1] |= (points[:-1] == 32) & dark[1:]
    begins[1:] |= (points[:-1] == 10) & dark[1:]
    if points.dtype == np.uint32:
        places = np.flatnonzero(begins[:-1])
        after = points[places + (points[places] == 32)]
        wide = np.flatnonzero(after >= 0x85)
        begins[places[wide[np.isin(after[wide], _WHITE)]]] = False
        begins[:1] = True
    return begins


def _power_table(factor: int) -> _Hashes:
    table = np.full(2 * BLOCK, factor, np.uint64)
    table[0] = 1
    return np.cumprod(table, dtype=np.uint64)


# Odd, and another one in each process; the hashes stay there. Words that collide in some processes can be made of rare
# characters in Thue and Morse's order: one of them would be counted wrongly, and its chunk be a little too long.
_FACTOR = secrets.randbits(64) | 1
_POWERS = _power_table(_FACTOR)
_INVERSES = _power_table(pow(_FACTOR, -1, 1 << 64))
_MIX = np.uint64(0x9E3779B97F4A7C15)


def _hashes(points: npt.NDArray[Any], words: _Places) -> _Hashes:
    """Of each word: its letters as the coefficients of a polynomial, modulo 2**64, mixed. Never 0."""
    starts = words[:-1]
    if len(points) <= len(_POWERS):
        hashes = np.add.reduceat(points * _POWERS[: len(points)], starts)
        hashes *= _INVERSES[starts]
    else:  # no space and no new line for long: the powers begin anew
        hashes = np.add.reduceat(points * np.resize(_POWERS, len(points)), starts)
        hashes *= _INVERSES[starts % len(_INVERSES)]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes |= np.uint64(1)
    return hashes
