"""Chunks by the sections or pages that a document's source told."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from vector_ingest.chunk.boundaries import content_defined
from vector_ingest.chunk.sentences import CountTokens, Span
from vector_ingest.document import Section


def parted(
    text: str,
    sections: Sequence[Section],
    by: Literal["section", "page"],
    budget: int,
    overlap: int,
    count: CountTokens,
) -> Iterator[Span]:
    """No chunk is of two parts. What lies before a section belongs to it, and the end of the text to the last one."""
    for start, end in pairwise([0, *_inner_ends(sections, by), len(text)]):
        for first, last in content_defined(text[start:end], budget, overlap, count):
            yield start + first, start + last


def _inner_ends(sections: Sequence[Section], by: Literal["section", "page"]) -> list[int]:
    return [left.end for left, right in pairwise(sections) if by == "section" or left.page != right.page]
