"""Chunks filled from the start of the text: as many whole sentences, or whole words, as the budget holds."""

from collections.abc import Iterator

from vector_ingest.chunk.sentences import CountTokens, Span, Units, sentences_of, words_of


def sentence_windows(text: str, budget: int, overlap: int, count_tokens: CountTokens) -> Iterator[Span]:
    return _windows(text, sentences_of(text, budget, count_tokens), budget, overlap, count_tokens)


def token_windows(text: str, budget: int, overlap: int, count_tokens: CountTokens) -> Iterator[Span]:
    return _windows(text, words_of(text, budget, count_tokens), budget, overlap, count_tokens)


def _windows(text: str, units: Units, budget: int, overlap: int, count_tokens: CountTokens) -> Iterator[Span]:
    first = done = 0
    while done < len(units):
        last = _furthest(text, units, first, budget, count_tokens)
        if last <= done:  # with what it repeats there is no room for the next unit
            first += 1
            continue
        yield units.places[first], units.places[last]
        first = done = last
        room = overlap
        while first and units.tokens[first - 1] <= room:
            first -= 1
            room -= units.tokens[first]


def _furthest(text: str, units: Units, first: int, budget: int, count_tokens: CountTokens) -> int:
    """The last unit of a window that begins with `first`, and one more: the most that fit, by exact count."""

    def fits(last: int) -> bool:
        return last == first + 1 or count_tokens(text[units.places[first] : units.places[last]].strip()) <= budget

    low = high = _guess(units, first, budget)
    step = 1
    if fits(low):
        while (high := min(low + step, len(units) + 1)) <= len(units) and fits(high):
            low, step = high, 2 * step
    else:
        while not fits(low := max(high - step, first + 1)):
            high, step = low, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _guess(units: Units, first: int, budget: int) -> int:
    last, total = first + 1, units.tokens[first]
    while last < len(units) and total + units.tokens[last] <= budget:
        total += units.tokens[last]
        last += 1
    return last
