"""Cohere. Models of version 2.0 are asked by version 1 of the API, which they were made for, all others by version 2.

https://docs.cohere.com/reference/embed
https://docs.cohere.com/v1/reference/embed
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vector_ingest.embed.answers import cohere_rows, number_at
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.embed.http_api import Service, client_of, post
from vector_ingest.embed.keys import key_of
from vector_ingest.embed.options import Cohere
from vector_ingest.embed.unit import unit_length
from vector_ingest.embed.vectors import Vectors, checked
from vector_ingest.errors import ConfigError
from vector_ingest.tokens.counts import unknown_tokens


@dataclass(frozen=True, slots=True)
class Model:
    dimensions: int
    tokens: int = 512  # of a text
    sizes: tuple[int, ...] = ()  # the dimensions that it can be asked for


# https://docs.cohere.com/docs/cohere-embed
MODELS = {
    "embed-v4.0": Model(1536, 128_000, (256, 512, 1024, 1536)),
    "embed-english-v3.0": Model(1024),
    "embed-english-light-v3.0": Model(384),
    "embed-multilingual-v3.0": Model(1024),
    "embed-multilingual-light-v3.0": Model(384),
    "embed-english-v2.0": Model(4096),
    "embed-english-light-v2.0": Model(1024),
    "embed-multilingual-v2.0": Model(768),
}
TEXTS = 96  # of a request
# https://docs.cohere.com/reference/errors has what a refusal says
SETTINGS = re.compile(r"\bmodel\b.*\b(not found|not supported|removed)|input_type|output_dimension|embedding_types")


class CohereEmbedder:
    count_tokens = unknown_tokens

    def __init__(self, option: Cohere) -> None:
        model = _model(option)
        self.dimensions = option.dimensions or model.dimensions
        self.limits = Limits(TEXTS, model.tokens if model.tokens > 512 else None, model.tokens)
        self.fingerprint = f"cohere/{option.model_name}/{self.dimensions}{'/unit' if option.normalize else ''}"
        self._model, self._normalize = option.model_name, option.normalize
        self._asked_size = option.dimensions
        key = key_of(option.cohere_key, option.key_from)
        self._service = Service(f"Cohere (model {self._model})", key, "cohere_key", SETTINGS)
        self._client = client_of(self._service, option.base_url or "https://api.cohere.com")

    def embed(self, texts: Sequence[str], purpose: Purpose = "document") -> tuple[Vectors, Usage]:
        if not texts:
            return checked([], [], self.dimensions, "Cohere"), Usage(tokens=0, requests=0)
        old = self._model.endswith("-v2.0")
        body = self._old_body(texts) if old else self._body(texts, purpose)
        answer = post(self._client, "/v1/embed" if old else "/v2/embed", body, texts, self._service)
        vectors = checked(cohere_rows(answer), texts, self.dimensions, self._service.name)
        tokens = number_at(answer, "meta", "billed_units", "input_tokens") or sum(map(self.count_tokens, texts))
        return (unit_length(vectors) if self._normalize else vectors), Usage(tokens, requests=1)

    def close(self) -> None:
        self._client.close()

    def _old_body(self, texts: Sequence[str]) -> Mapping[str, Any]:
        return {"model": self._model, "texts": list(texts), "truncate": "END"}

    def _body(self, texts: Sequence[str], purpose: Purpose) -> Mapping[str, Any]:
        return {
            "model": self._model,
            "texts": list(texts),
            "input_type": f"search_{purpose}",
            "embedding_types": ["float"],
            # A text above the limit by Cohere's count, though not by ours, loses its last words, not the whole sync.
            "truncate": "END",
            **({"output_dimension": self._asked_size} if self._asked_size else {}),
        }


def _model(option: Cohere) -> Model:
    model = MODELS.get(option.model_name)
    if model is None:
        known = ", ".join(MODELS)
        raise ConfigError(f"Cohere's model {option.model_name} is not known here: set model_name to one of {known}")
    if option.dimensions and option.dimensions not in model.sizes:
        raise ConfigError(
            f"Cohere's model {option.model_name} has {model.dimensions} dimensions and can't be asked for "
            f"{option.dimensions}: leave `embedding.dimensions` out, or use embed-v4.0"
        )
    return model
