"""A document's text to chunks, none above the budget of tokens."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from vector_ingest.document import Chunk
from vector_ingest.errors import ConfigError
from vector_ingest.processing import ProcessingConfig

Span = tuple[int, int]
CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Splitter:
    """`fingerprint`: equal fingerprints cut the same text at the same places."""

    fingerprint: str
    spans: Callable[[str], Iterable[Span]]

    def split(self, text: str) -> list[Chunk]:
        """The chunks in the text's order, without white space at their ends. None if there is nothing else."""
        trimmed = (_trimmed(text, span) for span in self.spans(text))
        return [
            Chunk(number, text[start:end], start, end, hash_of(text[start:end]))
            for number, (start, end) in enumerate(span for span in trimmed if span[0] < span[1])
        ]


def splitter_from(config: ProcessingConfig, count_tokens: CountTokens, most_tokens: int | None = None) -> Splitter:
    """`most_tokens`: what the model reads of one text (`Limits.tokens_per_text`)."""
    if most_tokens is not None and config.chunk_size > most_tokens:
        raise ConfigError(
            f"processing.chunk_size is {config.chunk_size}, but the embedding model reads at most {most_tokens} tokens "
            f"of a text: set it to {most_tokens} or less"
        )
    return Splitter(f"words/{config.chunk_size}", lambda text: _words(text, count_tokens, config.chunk_size))


def hash_of(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _trimmed(text: str, span: Span) -> Span:
    piece = text[span[0] : span[1]]
    start = span[0] + len(piece) - len(piece.lstrip())
    return start, max(start, span[0] + len(piece.rstrip()))


def _words(text: str, count_tokens: CountTokens, budget: int) -> Iterator[Span]:
    start = end = 0
    for word in re.finditer(r"\S+\s*|\s+", text):
        if end > start and count_tokens(text[start : word.end()].strip()) > budget:
            yield start, end
            start = end
        end = word.end()
    if end > start:
        yield start, end
