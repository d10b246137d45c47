"""The tokens of a model inside the process, by its own tokenizer: what it reads, and how much of that is too much."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vector_ingest.embed.batches import Ids
from vector_ingest.embed.vectors import excerpt
from vector_ingest.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def tokenizer_from(file: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()  # else the file decides, silently
    tokenizer.no_padding()
    return tokenizer


def count(tokenizer: "Tokenizer", text: str) -> int:
    """Without the marks. A sixteenth of the characters is the least, so that such a text is cut: some tokenizers make
    one token of any word that is too long for them, however long it is."""
    (encoding,) = tokenizer.encode_batch_fast([text], add_special_tokens=False)
    return max(len(encoding), len(text) // 16)


def encode(tokenizer: "Tokenizer", asked: Sequence[str], texts: Sequence[str], reads: int) -> Sequence[Ids]:
    """The tokens of each, marks included. `asked` are the texts with their prefixes; `texts` are what errors name.

    DataError: one is longer than the model reads, or nothing of it is a token.
    """
    encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(asked))]
    for text, ids in zip(texts, encoded, strict=True):
        if len(ids) > reads:
            raise DataError(
                excerpt(text),
                f"it has {len(ids)} tokens, marks and prefix included, of which the model reads {reads}: cut it into "
                "smaller chunks",
                too_long=True,
            )
        if not ids:
            raise DataError(excerpt(text), "the model's tokenizer makes no token of it: leave it out")
    return encoded
