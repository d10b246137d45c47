"""The one call of OpenAI's embeddings API, and the one place where its client's errors become ours.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx2
import numpy as np
import openai
import orjson

from vector_ingest.embed.answers import parsed, refused
from vector_ingest.embed.embedder import Usage
from vector_ingest.embed.rate_headers import allowances_of, retry_after
from vector_ingest.embed.vectors import Vectors, checked
from vector_ingest.errors import ConfigError, TransientError
from vector_ingest.patience import limit

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
    body = {"input": texts, "model": model, "encoding_format": encoding}
    try:
        response = _post(client, orjson.dumps({**body, "dimensions": dimensions} if shorten else body))
    except openai.APIError as error:
        raise _ours(error, provider, client.api_key, texts) from (None if _names_key(error) else error)
    vectors, tokens = _read(response.content, texts, dimensions, provider)
    return vectors, Usage(tokens, requests=1, allowances=allowances_of(response.headers))


def _post(client: openai.OpenAI, body: bytes) -> httpx2.Response:
    # `client.embeddings.create` looks at every text and number in Python: this is a quarter of its work.
    headers = {"Content-Type": "application/json"}
    options: Any = {"headers": headers, "timeout": _timeout()}
    return client.post("/embeddings", cast_to=httpx2.Response, content=body, options=options)


def _timeout() -> int:
    return limit("EMBEDDING_TIMEOUT", int(TIMEOUT))


def _read(content: bytes, texts: Sequence[str], dimensions: int, provider: str) -> tuple[Vectors, int]:
    try:
        answer = parsed(content)
        found: list[Any] = [None] * len(answer["data"])
        for item in answer["data"]:
            found[item["index"]] = _numbers(item["embedding"])
        # Some services leave the usage out.
        tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        start = content[:60].decode(errors="replace")
        raise TransientError(
            f"{provider} sent an answer that can't be read ({len(content):,} bytes, it begins with {start!r}): "
            "expected JSON with `data`, a list of `index` and `embedding`"
        ) from error
    return checked(found, texts, dimensions, provider), tokens


def _numbers(vector: str | list[float]) -> Vectors:
    """Base64 of float32 in little-endian order; or a list, from services that don't know base64."""
    return np.frombuffer(a2b_base64(vector), "<f4") if isinstance(vector, str) else np.array(vector, np.float32)


def _names_key(error: openai.APIError) -> bool:
    # OpenAI repeats most of a wrong key in its message.
    return isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError))


def _ours(error: openai.APIError, provider: str, key: str, texts: Sequence[str]) -> Exception:
    said = _said(error, key)
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            status = error.status_code
            return ConfigError(f"{provider} refuses the key (status {status}): check it, and its rights to the model")
        case openai.NotFoundError(code="model_not_found"):
            return ConfigError(f"{provider} does not know the model, or the key has no right to it: check it. {said}")
        case openai.NotFoundError(code="DeploymentNotFound"):
            return ConfigError(f"{provider} has no such deployment: check `embedding.deployment`. {said}")
        case openai.NotFoundError():
            return ConfigError(f"{provider} is not there (status 404): check base URL, model or deployment. {said}")
        case openai.RateLimitError(code="insufficient_quota"):
            return ConfigError(f"{provider}: the account has no quota left: check its plan and billing")
        case openai.BadRequestError() | openai.UnprocessableEntityError() if error.param in _CONFIGURED:
            return ConfigError(f"{provider} refuses the parameter {error.param}: {said}")
        case openai.APIStatusError(status_code=400 | 413 | 422):
            return refused(texts, provider, said)
        case openai.APIStatusError():
            headers: Mapping[str, str] = error.response.headers
            return TransientError(
                f"{provider} answers with status {error.status_code}: {said}",
                retry_after(headers),
                throttled=error.status_code == 429,
                allowances=allowances_of(headers),
            )
        case openai.APITimeoutError():
            return TransientError(f"{provider} did not answer within {_timeout()} seconds")
        case _:
            return TransientError(f"{provider} can't be reached: {said}")


def _said(error: openai.APIError, key: str) -> str:
    said = error.message[:500]
    return said.replace(key, "…") if key else said
