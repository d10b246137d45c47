"""The type of the embedding column, and what a search and an index of it must say.

https://github.com/pgvector/pgvector#half-precision-vectors, #binary-quantization, and #hnsw for what each can index.
"""

from dataclasses import dataclass
from typing import Literal

from destination_pgvector.index_options import OPERATOR_CLASSES, Distance

Kind = Literal["vector", "halfvec"]
MOST_DIMENSIONS = 16_000  # of a column of either kind
INDEXED: dict[str, int] = {"vector": 2_000, "halfvec": 4_000, "bit": 64_000}  # dimensions that an index takes
BITS = "embedding_bits"


@dataclass(frozen=True, slots=True)
class Searched:
    """What the index is built on. `operators` is the class for the distance, of bits for Hamming's."""

    column: str
    operators: str
    most_dimensions: int


@dataclass(frozen=True, slots=True)
class VectorType:
    kind: Kind
    dimensions: int
    schema: str  # of the extension, quoted
    quantised: bool = False

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.kind}({self.dimensions})"

    @property
    def bits(self) -> str:
        """The type of the column of bits."""
        return f"bit({self.dimensions})"

    def quantise(self, expression: str) -> str:
        return f"{self.schema}.binary_quantize({expression})::{self.bits}"

    def searched(self, distance: Distance) -> Searched:
        """By which column, and which class of operators, the index finds."""
        if self.quantised:
            return Searched(BITS, "bit_hamming_ops", INDEXED["bit"])
        return Searched("embedding", f"{self.kind}_{OPERATOR_CLASSES[distance]}", INDEXED[self.kind])


def kind_for(choice: str, dimensions: int) -> Kind:
    """As the user has chosen it; by itself `halfvec` where only that can be indexed."""
    if choice == "vector" or (choice == "auto" and not INDEXED["vector"] < dimensions <= INDEXED["halfvec"]):
        return "vector"
    return "halfvec"
