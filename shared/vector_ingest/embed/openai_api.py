"""The one call of OpenAI's embeddings API, and the one place where its client's errors become ours.

https://platform.openai.com/docs/api-reference/embeddings/create
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import httpx2
import numpy as np
import openai
import orjson

from vector_ingest.embed.answers import (
    NO_MONEY,
    OF_A_TEXT,
    is_not_there,
    number_at,
    openai_rows,
    parsed_object,
    refused,
)
from vector_ingest.embed.embedder import Usage
from vector_ingest.embed.rate_headers import allowances_of, retry_after
from vector_ingest.embed.vectors import Vectors, checked
from vector_ingest.errors import ConfigError, TransientError

# Parameters of the request that come from the configuration, not from a text.
_CONFIGURED = {"dimensions", "model", "encoding_format"}


def embed(
    client: openai.OpenAI,
    model: str,
    texts: Sequence[str],
    dimensions: int,
    count_tokens: Callable[[str], int],
    *,
    shorten: bool = False,
    encoding: Literal["base64", "float"] = "base64",
) -> tuple[Vectors, Usage]:
    """One request. `shorten`: ask for `dimensions`; otherwise they are what the model has.

    `count_tokens`: where the answer does not say how many there were. LM Studio says 0, others leave it out.
    """
    if not texts:
        return np.empty((0, dimensions), np.float32), Usage(tokens=0, requests=0)
    provider = f"The embeddings API at {client.base_url.host} (model {model})"
    body = {"input": texts, "model": model, "encoding_format": encoding}
    try:
        response = _post(client, orjson.dumps({**body, "dimensions": dimensions} if shorten else body))
    except openai.APIError as error:
        raise _ours(error, provider, client, texts) from (None if _names_key(error) else error)
    answer = parsed_object(response.content, provider)
    vectors = checked(openai_rows(answer, provider), texts, dimensions, provider)
    tokens = number_at(answer, "usage", "prompt_tokens") or sum(map(count_tokens, texts))
    return vectors, Usage(tokens, requests=1, allowances=allowances_of(response.headers))


def _post(client: openai.OpenAI, body: bytes) -> httpx2.Response:
    # `client.embeddings.create` looks at every text and number in Python: this is a quarter of its work.
    options: Any = {"headers": {"Content-Type": "application/json"}}
    return client.post("/embeddings", cast_to=httpx2.Response, content=body, options=options)


def _names_key(error: openai.APIError) -> bool:
    # OpenAI repeats most of a wrong key in its message.
    return isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError))


def _ours(error: openai.APIError, provider: str, client: openai.OpenAI, texts: Sequence[str]) -> Exception:
    said = _said(error, client.api_key)
    match error:
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            status = error.status_code
            return ConfigError(f"{provider} refuses the key (status {status}): check it, and its rights to the model")
        case openai.NotFoundError(code="model_not_found"):
            return ConfigError(f"{provider} does not know the model, or the key has no right to it: check it. {said}")
        case openai.NotFoundError(code="DeploymentNotFound"):
            return ConfigError(f"{provider} has no such deployment: check `embedding.deployment`. {said}")
        case openai.APIStatusError(status_code=status) if is_not_there(status):
            return ConfigError(
                f"{provider} is not there (status {status}): check base URL, model or deployment. {said}"
            )
        case openai.APIStatusError() if error.status_code == NO_MONEY or error.code == "insufficient_quota":
            return ConfigError(f"{provider}: the account has no quota left: check its plan and billing")
        case openai.BadRequestError() | openai.UnprocessableEntityError() if error.param in _CONFIGURED:
            return ConfigError(f"{provider} refuses the parameter {error.param}: {said}")
        case openai.APIStatusError(status_code=status) if status in OF_A_TEXT:
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
            return TransientError(f"{provider} did not answer within {client.timeout} seconds")
        case _:
            return TransientError(f"{provider} can't be reached: {said}")


def _said(error: openai.APIError, key: str) -> str:
    said = error.message[:500]
    if isinstance(error, openai.APIConnectionError) and error.__cause__:  # it only says "Connection error."
        said = str(error.__cause__)[:500] or type(error.__cause__).__name__
    return said.replace(key, "…") if key else said
