"""Cohere. https://docs.cohere.com/v1/reference/embed"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from vector_ingest.embed import Limits, Usage
from vector_ingest.embed.openai_api import retry_after
from vector_ingest.embed.options import Cohere
from vector_ingest.embed.vectors import Vectors, checked, excerpt
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.tokens import unknown_tokens

# https://docs.cohere.com/docs/cohere-embed
MODELS = {
    "embed-english-v2.0": 4096,
    "embed-english-light-v2.0": 1024,
    "embed-multilingual-v2.0": 768,
    "embed-english-v3.0": 1024,
    "embed-english-light-v3.0": 384,
    "embed-multilingual-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
}
LIMITS = Limits(texts=96, tokens=None, tokens_per_text=512)


class CohereEmbedder:
    limits = LIMITS

    def __init__(self, option: Cohere) -> None:
        if option.model_name not in MODELS:
            known = ", ".join(MODELS)
            raise ConfigError(f"Cohere's model {option.model_name} is not known here: set model_name to one of {known}")
        self.dimensions = MODELS[option.model_name]
        self.fingerprint = f"cohere/{option.model_name}/{self.dimensions}"
        self._model = option.model_name
        self._client = httpx.Client(
            base_url=option.base_url or "https://api.cohere.com",
            headers={"Authorization": f"Bearer {option.cohere_key.get_secret_value()}"},
            timeout=60.0,
        )

    def embed(self, texts: Sequence[str]) -> tuple[Vectors, Usage]:
        if not texts:
            return checked([], [], self.dimensions, "Cohere"), Usage(tokens=0, requests=0)
        provider = f"Cohere (model {self._model})"
        answer = _post(self._client, self._body(texts), texts, provider)
        vectors = checked(answer.get("embeddings", []), texts, self.dimensions, provider)
        return vectors, Usage(
            tokens=int(answer.get("meta", {}).get("billed_units", {}).get("input_tokens", 0)), requests=1
        )

    def close(self) -> None:
        self._client.close()

    def count_tokens(self, text: str) -> int:
        return unknown_tokens(text)

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        # END: a text above 512 tokens by Cohere's count, though not by ours, loses its last words, not the whole sync.
        body = {"model": self._model, "texts": list(texts), "truncate": "END"}
        return body if self._model.endswith("-v2.0") else {**body, "input_type": "search_document"}


def _post(client: httpx.Client, body: Mapping[str, Any], texts: Sequence[str], provider: str) -> Mapping[str, Any]:
    """The one call, and the one place where its errors become ours."""
    try:
        response = client.post("/v1/embed", json=body)
        if response.is_success:
            return dict(response.json())
    except httpx.TransportError as error:
        raise TransientError(f"{provider} can't be reached: {error}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise TransientError(f"{provider} sent an answer that can't be read") from error
    status, said = response.status_code, response.text[:500]
    if status in (401, 403):
        raise ConfigError(f"{provider} refuses the key (status {status}): check `embedding.cohere_key`")
    if status == 404:
        raise ConfigError(f"{provider} is not there (status 404): check the base URL and the model. {said}")
    if status in (400, 413, 422):
        raise DataError(f"one of {len(texts)} texts; {excerpt(texts[0])} is first", f"{provider} refuses it: {said}")
    raise TransientError(f"{provider} answers with status {status}: {said}", retry_after(response.headers))
