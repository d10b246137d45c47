"""What some models want before a text: `query: ` before a question, `passage: ` before a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from vector_ingest.embed.embedder import Purpose


@dataclass(frozen=True, slots=True)
class Prefixes:
    query: str = ""
    document: str = ""

    def put(self, texts: Sequence[str], purpose: Purpose) -> list[str]:
        prefix = self.query if purpose == "query" else self.document
        return [prefix + text for text in texts] if prefix else list(texts)

    @property
    def fingerprint(self) -> str:
        """Of what changes the stored vectors: a question's prefix does not. Empty where nothing does."""
        return f"/prefix-{blake2b(self.document.encode(), digest_size=8).hexdigest()}" if self.document else ""
