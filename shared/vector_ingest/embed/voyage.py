"""Voyage AI. https://docs.voyageai.com/reference/embeddings-api"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vector_ingest.embed.answers import number_at, openai_rows
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.http_api import Service, client_of, post
from vector_ingest.embed.keys import key_of
from vector_ingest.embed.options import Voyage
from vector_ingest.embed.vectors import Vectors, checked
from vector_ingest.errors import ConfigError
from vector_ingest.tokens.counts import unknown_tokens


@dataclass(frozen=True, slots=True)
class Model:
    tokens: int  # of all texts of a request together
    tokens_per_text: int = 32_000
    sizes: tuple[int, ...] = (1024, 256, 512, 2048)  # the first is its own


ONE_SIZE = (1024,)
# https://docs.voyageai.com/docs/embeddings and, for the limits of a request, the reference above
MODELS = {
    "voyage-4-large": Model(120_000),
    "voyage-4": Model(320_000),
    "voyage-4-lite": Model(1_000_000),
    "voyage-3-large": Model(120_000),
    "voyage-3.5": Model(320_000),
    "voyage-3.5-lite": Model(1_000_000),
    "voyage-code-3": Model(120_000),
    "voyage-finance-2": Model(120_000, sizes=ONE_SIZE),
    "voyage-law-2": Model(120_000, 16_000, ONE_SIZE),
}
TEXTS = 1_000
SETTINGS = re.compile(r"\b[Mm]odel\b.*\bnot supported|input_type|output_dimension|output_dtype|encoding_format")


class VoyageEmbedder:
    count_tokens = (
        unknown_tokens  # Voyage's own are 1.1 to 1.2 times OpenAI's: https://docs.voyageai.com/docs/tokenization
    )

    def __init__(self, option: Voyage) -> None:
        model = _model(option)
        self.dimensions = option.dimensions or model.sizes[0]
        self.limits = Limits(TEXTS, model.tokens, model.tokens_per_text)
        self.fingerprint = f"voyage/{option.model_name}/{self.dimensions}"
        self._model = option.model_name
        self._asked_size = option.dimensions
        key = key_of(option.voyage_key, option.key_from)
        self._service = Service(f"Voyage (model {self._model})", key, "voyage_key", SETTINGS)
        self._client = client_of(self._service, option.base_url or "https://api.voyageai.com/v1")

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        name = self._service.name
        if not texts:
            return checked([], [], self.dimensions, name), Usage(tokens=0, requests=0)
        answer = post(self._client, "/embeddings", self._body(texts, purpose), texts, self._service)
        vectors = checked(openai_rows(answer, name), texts, self.dimensions, name)
        tokens = number_at(answer, "usage", "total_tokens") or sum(map(self.count_tokens, texts))
        return vectors, Usage(tokens, requests=1)

    def close(self) -> None:
        self._client.close()

    def _body(self, texts: Sequence[str], purpose: Purpose) -> Mapping[str, Any]:
        return {
            "model": self._model,
            "input": list(texts),
            "input_type": purpose,
            "truncation": False,  # a text that is too long is told, not cut
            "output_dtype": "float",
            "encoding_format": "base64",  # of float32: a third of the bytes, and nothing to parse
            **({"output_dimension": self._asked_size} if self._asked_size else {}),
        }


def _model(option: Voyage) -> Model:
    model = MODELS.get(option.model_name)
    if model is None:
        known = ", ".join(MODELS)
        raise ConfigError(f"Voyage's model {option.model_name} is not known here: set model_name to one of {known}")
    if option.dimensions and option.dimensions not in model.sizes:
        sizes = ", ".join(map(str, model.sizes))
        raise ConfigError(
            f"Voyage's model {option.model_name} can't be asked for {option.dimensions} dimensions: set "
            f"`embedding.dimensions` to one of {sizes}, or leave it out"
        )
    return model
