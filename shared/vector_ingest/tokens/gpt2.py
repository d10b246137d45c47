"""Tokens as GPT-2 counts them: Airbyte's own destinations measure chunks so, whatever the embedding model is."""

import gzip
from functools import cache
from heapq import heappop, heappush
from pathlib import Path

import regex

MERGES = Path(__file__).with_name("gpt2_vocabulary") / "merges.txt.gz"
MOST = 1 << 17  # words that are remembered, in about 20 MB
GONE = -1  # in place of a token that has been merged with the one before it
LONGEST = 64  # characters of a word that is remembered
# https://github.com/openai/gpt-2/blob/master/src/encoder.py
_WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def gpt2_tokens(text: str) -> int:
    return sum(map(_remembered().__getitem__, _WORDS.findall(text)))


class _Remembered(dict[str, int]):
    def __missing__(self, word: str) -> int:
        tokens = _merged(word.encode(errors="replace"))
        if len(word) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[word] = tokens
        return tokens


@cache
def _remembered() -> _Remembered:
    return _Remembered()


@cache
def _ranks() -> dict[tuple[int, int], tuple[int, int]]:
    """Two tokens that stand beside each other -> the merge's place in the list, the token that they become.

    The file writes a byte as a printable character: itself if it is one, else the next one from U+0100 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    numbers = {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, line in enumerate(gzip.decompress(MERGES.read_bytes()).decode().splitlines()[1:]):
        left, right = line.split(" ")
        merged = numbers.setdefault(left + right, len(numbers))
        ranks[numbers[left], numbers[right]] = (rank, merged)
    return ranks


def _merged(word: bytes) -> int:
    """How many tokens are left when no two neighbours can be merged, the merges made in the order of the list."""
    ranks = _ranks()
    tokens = list(word)
    after = list(range(1, len(word) + 1))
    before = list(range(-1, len(word) - 1))
    waiting: list[tuple[int, int, int, int, int]] = []

    def look_at(start: int) -> None:
        end = after[start] if start >= 0 else len(word)
        if end < len(word) and (merge := ranks.get((tokens[start], tokens[end]))):
            heappush(waiting, (merge[0], start, merge[1], tokens[start], tokens[end]))

    for start in range(len(word)):
        look_at(start)
    left_over = len(word)
    while waiting:
        _, place, merged, left, right = heappop(waiting)
        other = after[place]
        if tokens[place] != left or other >= len(word) or tokens[other] != right:
            continue  # one of the two has been merged with another
        tokens[place], tokens[other] = merged, GONE
        left_over -= 1
        after[place] = after[other]
        if after[other] < len(word):
            before[after[other]] = place
        look_at(before[place])
        look_at(place)
    return left_over
