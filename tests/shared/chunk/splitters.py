"""Splitters as a form makes them, and counts of tokens that a reader can follow."""

from collections.abc import Callable

from vector_ingest.chunk.splitter import Splitter, splitter_from
from vector_ingest.forms.processing import ProcessingConfig


def words(text: str) -> int:
    return len(text.split())


def quarter_bytes(text: str) -> int:
    return (len(text.encode()) + 3) // 4


def splitter(budget: int, count: Callable[[str], int] = words, overlap: int = 0, option: object = None) -> Splitter:
    return splitter_from(
        ProcessingConfig.model_validate({"chunk_size": budget, "chunk_overlap": overlap, "text_splitter": option}),
        count,
    )
