"""The one call of OpenAI's embeddings API, and the one place where its client's errors become ours.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import openai
from numpy.typing import ArrayLike
from openai.types import CreateEmbeddingResponse

from vector_ingest.embed import Usage
from vector_ingest.embed.vectors import Vectors, checked, excerpt
from vector_ingest.errors import ConfigError, DataError, TransientError

TIMEOUT = 60.0  # seconds; 2,048 texts take about 10
# Parameters of the request that come from the configuration, not from a text.
_CONFIGURED = {"dimensions", "model", "encoding_format"}


def embed(
    client: openai.OpenAI,
    model: str,
    texts: Sequence[str],
    dimensions: int,
    *,
    shorten: bool = False,
    encoding: Literal["base64", "float"] = "base64",
) -> tuple[Vectors, Usage]:
    """One request. `shorten`: ask for `dimensions`; otherwise they are what the model has."""
    if not texts:
        return np.empty((0, dimensions), np.float32), Usage(tokens=0, requests=0)
    provider = f"The embeddings API at {client.base_url.host} (model {model})"
    try:
        answer: object = client.embeddings.create(
            input=list(texts),
            model=model,
            encoding_format=encoding,
            dimensions=dimensions if shorten else openai.omit,
        )
    except openai.APIError as error:
        raise _ours(error, provider, client.api_key, texts) from (None if _names_key(error) else error)
    except ValueError as error:  # an answer that is not JSON, or was cut off
        raise TransientError(f"{provider} sent an answer that can't be read: {type(error).__name__}") from error
    if not isinstance(answer, CreateEmbeddingResponse):  # a page of a proxy, with status 200
        raise TransientError(f"{provider} sent an answer that can't be read: no JSON")
    found = sorted(answer.data or [], key=lambda item: item.index)
    vectors = checked([_numbers(item.embedding) for item in found], texts, dimensions, provider)
    # Some services leave the usage out, though the client's types say that it is always there.
    return vectors, Usage(tokens=getattr(answer.usage, "prompt_tokens", 0), requests=1)


def _numbers(vector: Any) -> ArrayLike:
    """Base64 of float32 in little-endian order; or a list, from services that don't know base64."""
    import base64

    if isinstance(vector, str):
        return np.frombuffer(base64.b64decode(vector), "<f4")
    return np.asarray(vector, np.float32)


def _names_key(error: openai.APIError) -> bool:
    # OpenAI repeats most of a wrong key in its message.
    return isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError))


def _ours(error: openai.APIError, provider: str, key: str, texts: Sequence[str]) -> Exception:
    said = _said(error, key)
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            status = error.status_code
            return ConfigError(f"{provider} refuses the key (status {status}): check it, and its rights to the model")
        case openai.NotFoundError():
            return ConfigError(f"{provider} is not there (status 404): check base URL, model or deployment. {said}")
        case openai.RateLimitError(code="insufficient_quota"):
            return ConfigError(f"{provider}: the account has no quota left: check its plan and billing")
        case openai.BadRequestError() | openai.UnprocessableEntityError() if error.param in _CONFIGURED:
            return ConfigError(f"{provider} refuses the parameter {error.param}: {said}")
        case openai.APIStatusError(status_code=400 | 413 | 422):
            where = excerpt(texts[0]) if len(texts) == 1 else f"one of {len(texts)} texts; {excerpt(texts[0])} is first"
            return DataError(where, f"{provider} refuses it: {said}")
        case openai.APIStatusError():
            after = retry_after(error.response.headers)
            return TransientError(f"{provider} answers with status {error.status_code}: {said}", after)
        case _:
            return TransientError(f"{provider} can't be reached: {said}")


def _said(error: openai.APIError, key: str) -> str:
    said = error.message[:500]
    return said.replace(key, "…") if key else said


def retry_after(headers: Any) -> float | None:
    """Seconds, from `retry-after-ms` or `retry-after`. The form with a date is not used by these services."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * factor
        except (KeyError, ValueError):
            continue
    return None
