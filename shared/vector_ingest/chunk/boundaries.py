"""Where a text is cut into chunks by what stands around the place, so that an edit moves few boundaries.

A boundary between two units is ranked by what ends there (a paragraph before a sentence) and by a hash of the text
beside it. The rule, on the boundaries' distance in tokens:

1. cut where no better boundary is within a third of the budget;
2. cut what is still above the budget at its best boundary;
3. take cuts out again, the weakest first, where the two sides fit together.

Nothing far from an edit changes.
"""

from collections.abc import Iterator, Sequence
from hashlib import shake_128
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vector_ingest.chunk.sentences import WORD, CountTokens, Rank, Span, Units, units_of

REACH = 1 / 3  # of the budget: further, and edits reach further; nearer, and chunks are emptier
UNIT = 4  # a unit has at most a quarter of the budget: larger ones would leave chunks emptier
AROUND = 48  # characters on each side of a boundary that its hash covers
AT_ONCE = 4096  # boundaries whose surroundings are hashed at once
RANK_BIT = 60
MIX = np.uint64(0x9E3779B97F4A7C15)
# Numbers as good as random that never change: what is stored was cut by them.
WEIGHTS = np.frombuffer(shake_128(b"boundaries").digest(16 * AROUND), "<u8").astype(np.uint64)
JOINT = 2  # tokens that a joint of two units can cost, at most, where white space stands


def content_defined(text: str, budget: int, overlap: int, count_tokens: CountTokens) -> Iterator[Span]:
    """Spans of at most `budget` tokens that cover the text. `overlap`: tokens that a span repeats, at most."""
    if len(text) <= 4 * budget and count_tokens(text.strip()) <= budget:
        yield 0, len(text)
        return
    room = max(1, budget - overlap)
    units = units_of(text, max(1, room // UNIT), budget, count_tokens)
    keys = keys_of(text, units)
    for piece in pairwise(cuts_of(keys, units.tokens, room)):
        for first, last in _checked(text, units, keys, piece, room, count_tokens):
            start = _overlapped(text, units, (first, last), budget, overlap, count_tokens)
            yield units.places[start], units.places[last]


def cuts_of(keys: Sequence[int], tokens: Sequence[int], budget: int) -> list[int]:
    """The units that begin a chunk, from 0 to their number, both included. `keys`: as `keys_of` makes them."""
    ends = [0, *np.cumsum(tokens, dtype=np.int64).tolist()]  # ends[i]: tokens before unit i
    cuts = [0, *_local_minima(keys, ends, budget * REACH), len(keys)]
    split = [0]
    for first, last in pairwise(cuts):
        split += _split(keys, ends, first, last, budget)
    return _merged(keys, ends, split, budget)


def keys_of(text: str, units: Units) -> list[int]:
    """keys[i] ranks the boundary before unit i; smaller is better. keys[0] is no boundary."""
    keys = [0]
    inner = units.places[1:-1]
    for first in range(0, len(inner), AT_ONCE):
        places = np.asarray(inner[first : first + AT_ONCE], np.int64)
        ranks = np.asarray(units.ranks[first : first + len(places)], np.int64)
        keys += (ranks << RANK_BIT | _hashes_around(text, places)).tolist()
    return keys


def _hashes_around(text: str, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """60 bits for the `AROUND` characters on each side of each place."""
    base, end = max(0, int(places[0]) - AROUND), int(places[-1]) + AROUND
    encoded = np.frombuffer(text[base:end].encode("utf-32-le", "surrogatepass"), np.uint32)
    padded = np.zeros(len(encoded) + 2 * AROUND, np.uint32)
    padded[AROUND : AROUND + len(encoded)] = encoded
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND)[places - base]
    hashes = windows.astype(np.uint64) @ WEIGHTS
    hashes ^= hashes >> np.uint64(32)
    hashes *= MIX
    found: npt.NDArray[np.int64] = (hashes >> np.uint64(64 - RANK_BIT)).astype(np.int64)
    return found


def _local_minima(keys: Sequence[int], ends: Sequence[int], reach: float) -> list[int]:
    """Boundaries without a better one, or an equal one to the left, within `reach` tokens. One pass with a stack."""
    stack: list[tuple[int, bool]] = []  # boundaries that no later one has beaten; whether the left side is free
    minima = []
    for index in range(1, len(keys)):
        key, end = keys[index], ends[index]
        while stack and keys[stack[-1][0]] > key:
            beaten, free = stack.pop()
            if free and end - ends[beaten] > reach:
                minima.append(beaten)
        stack.append((index, not stack or end - ends[stack[-1][0]] > reach))
    minima += [index for index, free in stack if free]
    return sorted(minima)


def _split(keys: Sequence[int], ends: Sequence[int], first: int, last: int, budget: int) -> list[int]:
    """The ends of pieces that `first` to `last` is cut into until each fits; `last` is the last of them."""
    done: list[int] = []
    pending = [last]
    while pending:
        last = pending[-1]
        if ends[last] - ends[first] <= budget or last - first == 1:
            done.append(last)
            first = pending.pop()
        else:
            pending.append(_best(keys, ends, first, last))
    return done


def _best(keys: Sequence[int], ends: Sequence[int], first: int, last: int) -> int:
    """The best boundary inside; of equal ones the most central (a text may repeat one line for ever)."""
    least = min(keys[first + 1 : last])
    middle = (ends[first] + ends[last]) / 2
    equal = (index for index in range(first + 1, last) if keys[index] == least)
    return min(equal, key=lambda index: abs(ends[index] - middle))


def _merged(keys: Sequence[int], ends: Sequence[int], cuts: Sequence[int], budget: int) -> list[int]:
    """The cuts that stay. One pass is enough: two sides that don't fit together will not fit when they have grown."""
    before = dict(zip(cuts[1:], cuts, strict=False))
    after = dict(pairwise(cuts))
    for cut in sorted(cuts[1:-1], key=keys.__getitem__, reverse=True):
        left, right = before[cut], after[cut]
        if ends[right] - ends[left] <= budget:
            after[left], before[right] = right, left
            del after[cut], before[cut]
    return [cuts[0], *before]


def _checked(
    text: str, units: Units, keys: Sequence[int], piece: Span, budget: int, count_tokens: CountTokens
) -> Iterator[Span]:
    """The piece, or halves of it: tokens of a whole can be more than those of its units, though they rarely are."""
    first, last = piece
    if last - first > 1 and not _surely_fits(text, units, first, last, budget):
        whole = text[units.places[first] : units.places[last]].strip()
        if count_tokens(whole) > budget:
            # In characters: units may have no tokens of their own (accents, for a model that drops them).
            middle = _best(keys, units.places, first, last)
            yield from _checked(text, units, keys, (first, middle), budget, count_tokens)
            yield from _checked(text, units, keys, (middle, last), budget, count_tokens)
            return
    yield piece


def _surely_fits(text: str, units: Units, first: int, last: int, budget: int) -> bool:
    """Otherwise it must be counted. What two units have in common has no bound where no white space is between them."""
    tokens = sum(units.tokens[first:last])
    if units.adds_up:  # without the space before it, the first word may have a token for each letter
        start = units.places[first]
        word = WORD.search(text, start)
        return tokens + (word.start() if word else len(text)) - start <= budget
    return tokens + JOINT * (last - first - 1) <= budget and Rank.CHARACTER not in units.ranks[first : last - 1]


def _overlapped(text: str, units: Units, piece: Span, budget: int, overlap: int, count_tokens: CountTokens) -> int:
    """The unit to begin with so that at most `overlap` tokens before the piece are repeated and all fits."""
    first, last = piece
    while first and overlap and overlap >= units.tokens[first - 1]:
        if count_tokens(text[units.places[first - 1] : units.places[last]].strip()) > budget:
            break
        first -= 1
        overlap -= units.tokens[first]
    return first
