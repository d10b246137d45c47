"""Where a text is cut into chunks by what stands around the place, so that an edit moves few boundaries.

A boundary between two units is ranked by what ends there (a paragraph before a sentence) and by a hash of the units
beside it. The rule, on the boundaries' distance in tokens:

1. cut where no better boundary is within 0.3 of the budget;
2. cut what is still above the budget at its best boundary;
3. take cuts out again, the weakest first, where the two sides fit together.

Nothing far from an edit changes: 1.4 chunks are new after one edit of a long text, against 5.3 if chunks are filled
from the start, at the price of chunks that are 0.7 full instead of 0.9.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate, pairwise

from vector_ingest.sentences import CountTokens, Span, Unit, units_of

REACH = 0.3  # of the budget: further, and edits reach further; nearer, and chunks are emptier
UNIT = 4  # a unit has at most a quarter of the budget: larger ones would leave chunks emptier


def content_defined(text: str, budget: int, overlap: int, count_tokens: CountTokens) -> Iterator[Span]:
    """Spans of at most `budget` tokens that cover the text. `overlap`: tokens that a span repeats, at most."""
    if count_tokens(text.strip()) <= budget:
        yield 0, len(text)
        return
    room = max(1, budget - overlap)
    units = units_of(text, max(1, room // UNIT), count_tokens)
    for first, last in pairwise(cuts_of(text, units, room)):
        for fitting in _checked(text, units, (first, last), room, count_tokens):
            start = _overlapped(text, units, fitting, budget, overlap, count_tokens)
            yield units[start].start, units[fitting[1] - 1].end


def cuts_of(text: str, units: Sequence[Unit], budget: int) -> list[int]:
    """Indices of the units that begin a chunk, from 0 to len(units), both included."""
    if not units:
        return []
    keys = _keys(text, units)
    ends = list(accumulate((unit.tokens for unit in units), initial=0))  # ends[i]: tokens before unit i
    cuts = [0, *_local_minima(keys, ends, budget * REACH), len(units)]
    split = [0]
    for first, last in pairwise(cuts):
        split += _split(keys, ends, first, last, budget)
    return _merged(keys, ends, split, budget)


def _keys(text: str, units: Sequence[Unit]) -> list[int]:
    """keys[i] ranks the boundary before unit i; smaller is better. keys[0] is no boundary."""
    keys = [0]
    for left, right in pairwise(units):
        around = text[left.start : right.end].encode()
        keys.append(left.rank << 64 | int.from_bytes(blake2b(around, digest_size=8).digest()))
    return keys


def _local_minima(keys: Sequence[int], ends: Sequence[int], reach: float) -> list[int]:
    """Boundaries without a better one, or an equal one to the left, within `reach` tokens. One pass with a stack."""
    stack: list[tuple[int, bool]] = []  # boundaries that no later one has beaten; whether the left side is free
    minima = []
    for index in range(1, len(keys)):
        while stack and keys[stack[-1][0]] > keys[index]:
            beaten, free = stack.pop()
            if free and ends[index] - ends[beaten] > reach:
                minima.append(beaten)
        stack.append((index, not stack or ends[index] - ends[stack[-1][0]] > reach))
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
    text: str, units: Sequence[Unit], piece: tuple[int, int], budget: int, count_tokens: CountTokens
) -> Iterator[tuple[int, int]]:
    """The piece, or halves of it: tokens of a whole can be more than those of its units, though they rarely are."""
    first, last = piece
    if last - first > 1 and count_tokens(_stripped(text, units, first, last)) > budget:
        keys = _keys(text, units[first:last])
        # In characters: units may have no tokens of their own (accents, for a model that drops them).
        ends = [units[first].start, *(unit.end for unit in units[first:last])]
        middle = first + _best(keys, ends, 0, last - first)
        yield from _checked(text, units, (first, middle), budget, count_tokens)
        yield from _checked(text, units, (middle, last), budget, count_tokens)
    else:
        yield piece


def _overlapped(
    text: str, units: Sequence[Unit], piece: tuple[int, int], budget: int, overlap: int, count_tokens: CountTokens
) -> int:
    """The unit to begin with so that at most `overlap` tokens before the piece are repeated and all fits."""
    first, last = piece
    while first and overlap and overlap >= units[first - 1].tokens:
        if count_tokens(_stripped(text, units, first - 1, last)) > budget:
            break
        first -= 1
        overlap -= units[first].tokens
    return first


def _stripped(text: str, units: Sequence[Unit], first: int, last: int) -> str:
    return text[units[first].start : units[last - 1].end].strip()
