"""The rule by which a text is cut, as the form's section "Processing" chooses it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

from vector_ingest.chunk.boundaries import content_defined
from vector_ingest.chunk.compatible import Piece, compatible
from vector_ingest.chunk.parts import parted
from vector_ingest.chunk.sentences import CountTokens, Span
from vector_ingest.chunk.separators import Separators, separated, separators_of
from vector_ingest.chunk.windows import sentence_windows, token_windows
from vector_ingest.document import Section
from vector_ingest.forms.processing import (
    ByMarkdownHeader,
    ByProgrammingLanguage,
    BySections,
    BySentences,
    BySeparator,
    ByTokens,
    NoChunking,
    ProcessingConfig,
)

# Text, its sections and the budget -> where it is cut; the text of a chunk too, where it is not just that range.
Cut = Callable[[str, Sequence[Section], int], Iterable[Span | Piece]]
Separating = BySeparator | ByMarkdownHeader | ByProgrammingLanguage


def cut_by(config: ProcessingConfig, count_tokens: CountTokens) -> tuple[str, Cut]:
    """A name of the rule, with all that it is made of but the budget, and the rule."""
    option, overlap = config.text_splitter, config.chunk_overlap
    if config.compatible_chunks and isinstance(option, Separating | None):
        return _as_airbyte(config, separators_of(option or BySeparator()), count_tokens)
    match option:
        case None:
            return f"content-defined/{overlap}", _of_text(content_defined, overlap, count_tokens)
        case BySentences():
            return f"sentences/{overlap}", _of_text(sentence_windows, overlap, count_tokens)
        case ByTokens():
            return f"tokens/{overlap}", _of_text(token_windows, overlap, count_tokens)
        case NoChunking():
            return "whole", lambda text, sections, budget: [(0, len(text))]  # noqa: ARG005 (one shape for all)
        case BySections(by=by):
            return f"{by}s/{overlap}", lambda text, sections, budget: parted(
                text, sections, by, budget, min(overlap, budget), count_tokens
            )
        case _:
            separators = separators_of(option)
            return f"separators/{overlap}/{short(repr(separators))}", lambda text, sections, budget: separated(  # noqa: ARG005
                text, separators, budget, min(overlap, budget), count_tokens
            )


def short(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _of_text(
    rule: Callable[[str, int, int, CountTokens], Iterable[Span]], overlap: int, count_tokens: CountTokens
) -> Cut:
    return lambda text, sections, budget: rule(text, budget, min(overlap, budget), count_tokens)  # noqa: ARG005


def _as_airbyte(config: ProcessingConfig, separators: Separators, count_tokens: CountTokens) -> tuple[str, Cut]:
    size, overlap = config.chunk_size, config.chunk_overlap

    def cut(text: str, sections: Sequence[Section], budget: int) -> Iterator[Span | Piece]:  # noqa: ARG001
        """The budget is what the model reads: a chunk that is above it is cut further."""
        for start, end, content in compatible(text, separators, size, overlap):
            if count_tokens(content.strip()) <= budget:
                yield start, end, content
            else:
                for first, last in content_defined(text[start:end], budget, 0, count_tokens):
                    yield start + first, start + last

    return f"airbyte/{size}/{overlap}/{short(repr(separators))}", cut
