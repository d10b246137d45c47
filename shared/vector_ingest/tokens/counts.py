"""How many tokens a text has for a model."""

from functools import cache
from typing import TYPE_CHECKING

from vector_ingest.tokens.word_counts import WordCounts

if TYPE_CHECKING:
    from bpe_openai._bindings import PyTokenizer


def _count(text: str) -> int:
    count: int = _cl100k().count(text)
    return count


@cache
def _cl100k() -> "PyTokenizer":
    # The package's public Encoding makes a dict of 100,000 tokens and lists of ids; its binding only counts.
    from bpe_openai._bindings import tokenizer_for_encoding

    return tokenizer_for_encoding("cl100k_base")


# Exact for OpenAI's embedding models, all of which use cl100k_base.
# https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb
openai_tokens = WordCounts(_count)

# For a model whose tokenizer we don't have: what cl100k_base counts, and three tenths more. That is above BERT's word
# pieces in languages that its vocabulary knows, and in code (the test measures it). Only the number of bytes would be a
# bound for every tokenizer, and would make chunks a quarter of their size.
unknown_tokens = WordCounts(_count, 1.3)
