"""The chunks of Airbyte's own destinations: LangChain's RecursiveCharacterTextSplitter over tokens of GPT-2.

https://github.com/airbytehq/airbyte-python-cdk/blob/main/airbyte_cdk/destinations/vector_db_based/document_processor.py

Their text is the pieces joined by one separator: of several that follow each other, one stays. A boundary that would
divide a grapheme cluster is moved to where the cluster begins.
"""

from collections.abc import Iterator

from vector_ingest.chunk.graphemes import cluster_start
from vector_ingest.chunk.separators import Rule, Separators, divided
from vector_ingest.tokens.gpt2 import gpt2_tokens

Piece = tuple[int, int, str]


def compatible(text: str, separators: Separators, budget: int, overlap: int) -> Iterator[Piece]:
    """Where each chunk begins and ends, and its text. One that no separator divides may be above the budget."""
    rule = Rule(separators.kept, budget, overlap, gpt2_tokens, code_points=True)
    for pieces, glue in divided(text, (0, len(text)), separators.patterns, rule):
        start, end = _whole(text, pieces[0][0]), _whole(text, pieces[-1][1])
        inner = [place for piece in pieces for place in piece][1:-1]
        places = [start, *inner, end]
        yield start, end, glue.join(text[first:last] for first, last in zip(places[::2], places[1::2], strict=True))


def _whole(text: str, place: int) -> int:
    return cluster_start(text, place) if 0 < place < len(text) else place
