"""Where a text may be cut without cutting a character as people see it: a grapheme cluster of Unicode."""

from collections.abc import Iterator
from itertools import pairwise
from unicodedata import category

import regex

_CLUSTER = regex.compile(r"\X")
PLAIN = "\u0300"  # below it only CR LF is a cluster of several characters
FAR = 256  # code points: longer clusters (a letter under hundreds of accents) may be cut


def may_cut(text: str, place: int) -> bool:
    """Whether no cluster is cut before `text[place]`."""
    if not 0 < place < len(text):
        return True
    if text[place] < PLAIN and text[place - 1] < PLAIN:
        return text[place] != "\n" or text[place - 1] != "\r"
    return cluster_start(text, place) == place


def cluster_start(text: str, place: int) -> int:
    """Where the cluster begins that a cut before `text[place]` would divide; `place` itself if it divides none."""
    start = place
    for _ in range(FAR):
        if _surely_begins(text, start):
            break
        start -= 1
    else:
        return place
    for match in _CLUSTER.finditer(text, start):
        if match.end() > place:
            return match.start()
        if match.end() == place:
            return place
    return place


def _surely_begins(text: str, place: int) -> bool:
    """Whether a cluster begins here, whatever stands further back: only marks, joiners and flags look back."""
    if place == 0:
        return True
    before = text[place - 1]
    looks_back = category(before)[0] in "MC" or "\U0001f1e6" <= before <= "\U0001f1ff"
    cluster = _CLUSTER.match(text, place - 1)
    return not looks_back and (cluster is None or cluster.end() == place)


def clusters(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _CLUSTER.finditer(text, start, end):
        yield match.span()


def character_ends(text: str, start: int, end: int, most: int) -> list[int]:
    """The inner ends of runs of whole clusters of at most `most` bytes; 0 gives each cluster its end."""
    if most == 0 or not text[start:end].isascii():
        return _ends(text, start, end, most)
    return [place for place in range(start + most, end, most) if may_cut(text, place)]


def _ends(text: str, start: int, end: int, most: int) -> list[int]:
    ends, size = [], 0
    for first, last in clusters(text, start, end):
        more = len(text[first:last].encode())
        size += more
        if size > most and first > start:
            ends.append(first)
            size = more
    return ends


def between(start: int, ends: list[int], end: int) -> Iterator[tuple[int, int]]:
    return pairwise([start, *ends, end])
