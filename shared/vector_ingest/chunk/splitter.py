"""A document's text to chunks, none above the budget of tokens."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count

from vector_ingest.chunk.cuts import Cut, cut_by, short
from vector_ingest.chunk.headings import markdown_sections
from vector_ingest.chunk.sentences import CountTokens, Span
from vector_ingest.document import Chunk, Document, Section
from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ByMarkdownHeader, NoChunking, ProcessingConfig
from vector_ingest.template import Parts, around

VERSION = 2  # raise it when a rule changes: what is stored was cut by another one
UNLIMITED = 1 << 30
NOWHERE = Section(0, 0)


@dataclass(frozen=True, slots=True)
class Splitter:
    """`fingerprint`: with equal ones, and one way to count tokens, a text is cut at the same places.

    `most`: what the model reads of one text, what the template puts around a chunk included.
    """

    fingerprint: str
    cut: Cut
    budget: int
    count_tokens: CountTokens
    config: ProcessingConfig
    most: int | None = None

    def split_document(self, document: Document) -> list[Chunk]:
        """As `split`. DataError: the template leaves no room for the text."""
        return self.split(document.text, document.sections, document.frame, f"document `{document.id}`")

    def split(
        self, text: str, sections: Sequence[Section] = (), frame: Parts = (), where: str = "a document"
    ) -> list[Chunk]:
        """The chunks in the text's order, without white space at their ends. None where the text is nothing else."""
        if not text.strip():
            return []
        headed = self._headed(text, sections)
        if not headed and not sections and not frame:
            return list(self._chunks(text, sections, self.budget))
        budget = self.budget - self._taken(headed, frame)
        for times in count():
            if budget < 1:
                raise DataError(
                    where,
                    f"what the template of the embedded text puts around a chunk leaves no room for it in the "
                    f"{self.most} tokens that the model reads. Take long fields out of `processing.embedded_text`",
                )
            chunks = [_framed(chunk, sections, headed, frame) for chunk in self._chunks(text, sections, budget)]
            excess = self._excess(chunks) if frame else 0
            if not excess:
                break
            budget -= excess << times  # ever more: one letter may be what doesn't fit
        return [replace(chunk, hash=hash_of(chunk.embedded)) if frame else chunk for chunk in chunks]

    def _headed(self, text: str, sections: Sequence[Section]) -> Sequence[Section]:
        """The sections that tell the headings: the record's, or those of a Markdown text."""
        if isinstance(self.config.text_splitter, ByMarkdownHeader) and not any(each.headings for each in sections):
            return markdown_sections(text)
        return sections

    def _taken(self, headed: Sequence[Section], frame: Parts) -> int:
        """Tokens of the budget that the frame takes, where the model's limit is what binds."""
        if not frame or self.most is None or self._whole:
            return 0
        frames = {around(frame, None, ()), *(around(frame, each.page, each.headings) for each in headed)}
        return max(0, self.budget + max(self.count_tokens(before + after) for before, after in frames) - self.most)

    @property
    def _whole(self) -> bool:
        return isinstance(self.config.text_splitter, NoChunking)

    def _excess(self, chunks: Sequence[Chunk]) -> int:
        if self.most is None or self._whole:
            return 0
        return max(0, max((self.count_tokens(chunk.embedded) for chunk in chunks), default=0) - self.most)

    def _chunks(self, text: str, sections: Sequence[Section], budget: int) -> Iterable[Chunk]:
        number = 0
        embedded, places = self.config.store_embedded_text, self.config.store_positions
        for piece in self.cut(text, sections, budget):
            start, end = _trimmed(text, piece[0], piece[1])
            if start < end:
                content = piece[2].strip() if len(piece) == 3 else text[start:end]
                digest = hash_of(content)
                yield Chunk(number, content, start, end, digest, stores_embedded=embedded, places=places)
                number += 1


def hash_of(embedded: str) -> bytes:
    """The hash of a chunk by what is embedded for it."""
    return blake2b(embedded.encode(errors="surrogatepass"), digest_size=16).digest()


def _framed(chunk: Chunk, sections: Sequence[Section], headed: Sequence[Section], frame: Parts) -> Chunk:
    """With its page and headings, and what is embedded around it."""
    page, headings = _section_at(sections, chunk.start).page, _section_at(headed, chunk.start).headings
    before, after = around(frame, page, headings)
    return replace(chunk, page=page, headings=headings, before=before, after=after)


def _section_at(sections: Sequence[Section], place: int) -> Section:
    at = bisect_right(sections, place, key=lambda section: section.start) - 1
    return sections[at] if at >= 0 and place < sections[at].end else NOWHERE


def splitter_from(config: ProcessingConfig, count_tokens: CountTokens, most_tokens: int | None = None) -> Splitter:
    """`most_tokens`: what the model reads of one text (`Limits.tokens_per_text`); a larger chunk size becomes that."""
    budget = min(config.chunk_size, most_tokens or config.chunk_size)
    if config.compatible_chunks:
        budget = most_tokens or UNLIMITED  # the chunk size counts tokens of another model
    name, cut = cut_by(config, count_tokens)
    fingerprint = f"{name}/{VERSION}/{budget}"
    if config.embedded_text:
        fingerprint += f"/{short(config.embedded_text)}"
    return Splitter(fingerprint, cut, budget, count_tokens, config, most_tokens)


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
