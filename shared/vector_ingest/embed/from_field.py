"""Vectors that the records bring along: nothing is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vector_ingest.document import Vector
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.options import FromField
from vector_ingest.embed.vectors import Vectors
from vector_ingest.errors import DataError
from vector_ingest.tokens.counts import unknown_tokens

_NUMBERS = frozenset({int, float})


class FromFieldEmbedder:
    limits = Limits(texts=2048, tokens=None, tokens_per_text=None)

    def __init__(self, option: FromField) -> None:
        self.dimensions = option.dimensions
        self.fingerprint = f"from_field/{option.field_name}/{option.dimensions}"

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:  # noqa: ARG002
        """Only for no text at all: every document has its vector already (`vector_of`)."""
        if texts:
            raise DataError(f"{len(texts)} texts", "they have no vector, and `from_field` computes none")
        return np.empty((0, self.dimensions), np.float32), Usage(tokens=0, requests=0)

    def count_tokens(self, text: str) -> int:
        return unknown_tokens(text)

    def close(self) -> None:
        """It holds nothing."""


def vector_of(data: Mapping[str, Any], option: FromField, where: str = "record") -> Vector:
    """The record's vector, float32. DataError, named by `where`: no such field, not numbers, another dimension."""
    field = data.get(option.field_name)
    expected = f"expected an array of {option.dimensions} numbers in the field {option.field_name}"
    if not isinstance(field, list):
        raise DataError(where, f"{expected}, found {'no such field' if field is None else type(field).__name__}")
    if len(field) != option.dimensions:
        raise DataError(where, f"{expected}, found {len(field)}: change `embedding.dimensions` or the source")
    if not _NUMBERS.issuperset(map(type, field)):  # what numpy would take as well: texts, truth values, lists of one
        raise DataError(where, f"{expected}, found other values among them")
    try:
        with np.errstate(over="ignore"):  # too large for float32 is infinite, and found below
            vector: Vector = np.array(field, np.float32)
    except OverflowError as error:  # an integer that no float holds
        raise DataError(where, f"{expected}, found a number that is too large") from error
    if not np.isfinite(vector).all():
        raise DataError(where, f"{expected}, found NaN or a number that is too large")
    return vector
