"""OpenAI's embeddings, and the same in Azure.

https://platform.openai.com/docs/api-reference/embeddings/create
https://learn.microsoft.com/azure/ai-services/openai/reference#embeddings
https://platform.openai.com/docs/guides/error-codes
"""

import base64
from collections.abc import Mapping
from typing import Any

from tests.servers.embedding.wire import (
    KEY,
    Asked,
    Matrix,
    RefusedError,
    check_bearer,
    check_header,
    is_date,
    texts_of,
    words,
)

DEPLOYMENT = "loopback-deployment"
MOST_TEXTS = 2048
PARAMETERS = {"model", "input", "encoding_format", "dimensions", "user"}


class OpenAI:
    """POST /v1/embeddings, Authorization: Bearer"""

    def takes(self, path: str, query: str) -> bool:
        return path == "/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        return read(body)

    def error(self, refused: RefusedError) -> Any:
        return error(refused)


class AzureOpenAI:
    """POST /openai/deployments/{name}/embeddings?api-version=, api-key"""

    def takes(self, path: str, query: str) -> bool:
        name, _, version = query.partition("=")
        return path == f"/openai/deployments/{DEPLOYMENT}/embeddings" and name == "api-version" and is_date(version)

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_header(headers, "api-key", KEY)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        return read(body)

    def error(self, refused: RefusedError) -> Any:
        return error(refused)


def read(body: dict[str, Any]) -> Asked:
    texts = texts_of(body, "input", MOST_TEXTS, PARAMETERS)
    if not isinstance(body.get("model"), str) or body.get("encoding_format", "float") not in {"float", "base64"}:
        raise RefusedError(400, "model or encoding_format is wrong")
    as_base64 = body.get("encoding_format") == "base64"

    def answer(vectors: Matrix) -> dict[str, Any]:
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        tokens = words(texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        # The order of the list is not promised: the index is.
        return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}

    return Asked(texts, answer, body.get("dimensions"))


def error(refused: RefusedError) -> dict[str, Any]:
    kind = "requests" if refused.status == 429 else "invalid_request_error"
    code = "rate_limit_exceeded" if refused.status == 429 else refused.code
    return {"error": {"message": str(refused), "type": kind, "code": code, "param": refused.param}}
