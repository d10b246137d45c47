"""Full-text search over metadata keys: text to terms by the key's language, and BM25 over an inverted index.

The documentation names BM25, the languages and a standard analyzer, and nothing of their insides:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-configuring-full-text-search.html
"""

import math
import re
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from destination_s3vectors.emulator.index_view import IndexView

K1, B = 1.2, 0.75  # Guess: the defaults of Lucene
STEMMERS = {
    "en": "english",
    "fr": "french",
    "es": "spanish",
    "pt": "portuguese",
    "it": "italian",
    "de": "german",
    "nl": "dutch",
}
BIGRAMS = frozenset({"zh", "ja", "ko"})
IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Guess: a word is letters and digits; ideographs, kana and hangul count by the run.
WORDS = re.compile(rf"[{IDEOGRAPH}]+|[^\W_{IDEOGRAPH}]+")

Analyzer = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class TextIndex:
    """`postings`: term -> (row, how often the term is in it). `lengths`: row -> number of its terms."""

    postings: Mapping[str, Sequence[tuple[int, int]]]
    lengths: Mapping[int, int]
    analyze: Analyzer

    def scores(self, text: str) -> dict[int, float]:
        """BM25 of each row that has at least one of the text's terms.

        Guess: the statistics are those of all vectors, also where a filter leaves only some.
        """
        found: dict[int, float] = defaultdict(float)
        if not self.lengths:
            return found
        average = sum(self.lengths.values()) / len(self.lengths)
        for term in dict.fromkeys(self.analyze(text)):
            rows = self.postings.get(term, ())
            rarity = math.log(1 + (len(self.lengths) - len(rows) + 0.5) / (len(rows) + 0.5))
            for row, count in rows:
                damped = count + K1 * (1 - B + B * self.lengths[row] / average)
                found[row] += rarity * count * (K1 + 1) / damped
        return found


class TextIndexes:
    """Text indexes that were built: the last one of each metadata key, of the `most` keys that were used last."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._built: OrderedDict[tuple[str, str, str | None], tuple[object, TextIndex]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._built)

    def of(self, index: IndexView, key: str) -> TextIndex:
        """`key` must be one of `index.text_keys`."""
        language = index.text_keys[key]
        name = index.uid, key, language
        with self._lock:
            metadata, found = self._built.get(name, (None, None))
            # The object is another one after each write.
            if found is None or metadata is not index.metadata:
                found = build(index.metadata, key, analyzer(language))
            self._built[name] = index.metadata, found
            self._built.move_to_end(name)
            if len(self._built) > self._most:
                self._built.popitem(last=False)
            return found


def build(metadata: Sequence[Mapping[str, Any] | None], key: str, analyze: Analyzer) -> TextIndex:
    postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
    lengths: dict[int, int] = {}
    for row, entries in enumerate(metadata):
        terms = analyze(_text(entries.get(key))) if entries else []
        if not terms:
            continue
        lengths[row] = len(terms)
        for term, count in Counter(terms).items():
            postings[term].append((row, count))
    return TextIndex(dict(postings), lengths, analyze)


@cache
def analyzer(language: str | None) -> Analyzer:
    """Guess: no stop words; words in lower case; stems by Snowball; bigrams for Chinese, Japanese and Korean."""
    if language in BIGRAMS:
        return _bigrams
    if language is None:
        return _words
    return lambda text: [_stem(language, word) for word in _words(text)]


@lru_cache(maxsize=100_000)  # stemming takes 70 us a word: 50,000 short texts took 19 s, now 1 s
def _stem(language: str, word: str) -> str:
    import snowballstemmer

    # A stemmer keeps its state between calls: one for each call makes threads safe.
    return str(snowballstemmer.stemmer(STEMMERS[language]).stemWord(word))


def _words(text: str) -> list[str]:
    """Guess: an ideograph is a word of its own, as in Lucene's standard analyzer."""
    words = WORDS.findall(text.lower())
    return [part for word in words for part in (word if re.match(f"[{IDEOGRAPH}]", word) else (word,))]


def _bigrams(text: str) -> list[str]:
    words = WORDS.findall(text.lower())
    return [part for word in words for part in _pairs(word)]


def _pairs(word: str) -> list[str]:
    if len(word) == 1 or not re.match(f"[{IDEOGRAPH}]", word):
        return [word]
    return [first + second for first, second in pairwise(word)]


def _text(value: Any) -> str:
    """Guess: the strings of a list are one text; numbers and booleans are none."""
    if isinstance(value, list):
        return " ".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""
