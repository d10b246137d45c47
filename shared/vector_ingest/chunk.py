"""A document's text to chunks, none above the budget of tokens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from vector_ingest.boundaries import content_defined
from vector_ingest.document import Chunk
from vector_ingest.processing import ProcessingConfig
from vector_ingest.sentences import CountTokens, Span
from vector_ingest.separators import separated, separators_of

VERSION = 1  # raise it when a rule changes: what is stored was cut by another one


@dataclass(frozen=True, slots=True)
class Splitter:
    """`fingerprint`: with equal ones, and one way to count tokens, a text is cut at the same places."""

    fingerprint: str
    spans: Callable[[str], Iterable[Span]]

    def split(self, text: str) -> list[Chunk]:
        """The chunks in the text's order, without white space at their ends. None where the text is nothing else."""
        trimmed = (_trimmed(text, span) for span in self.spans(text))
        filled = (span for span in trimmed if span[0] < span[1])
        return [_chunk(number, text, span) for number, span in enumerate(filled)]


def splitter_from(config: ProcessingConfig, count_tokens: CountTokens, most_tokens: int | None = None) -> Splitter:
    """`most_tokens`: what the model reads of one text (`Limits.tokens_per_text`); a larger chunk size becomes that."""
    budget = min(config.chunk_size, most_tokens or config.chunk_size)
    overlap = min(config.chunk_overlap, budget)
    option = config.text_splitter
    if option is None:
        return Splitter(
            f"content-defined/{VERSION}/{budget}/{overlap}",
            lambda text: content_defined(text, budget, overlap, count_tokens),
        )
    separators = separators_of(option)
    chosen = blake2b(repr(separators).encode(), digest_size=8).hexdigest()
    return Splitter(
        f"separators/{VERSION}/{budget}/{overlap}/{chosen}",
        lambda text: separated(text, separators, budget, overlap, count_tokens),
    )


def _chunk(number: int, text: str, span: Span) -> Chunk:
    start, end = span
    piece = text[start:end]
    return Chunk(number, piece, start, end, blake2b(piece.encode(), digest_size=16).digest())


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
