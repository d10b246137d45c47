"""Servers that speak OpenAI's embeddings API, each with what it makes different. Their paths begin with their names.

Ollama: https://docs.ollama.com/api/openai-compatibility and, for the answers, openai/openai.go in its repository
vLLM: https://docs.vllm.ai/en/latest/models/pooling_models.html (Matryoshka Embeddings has the error)
text-embeddings-inference: https://huggingface.github.io/text-embeddings-inference/ (the schemas OpenAICompat…)
LM Studio: https://lmstudio.ai/docs/text-embeddings
"""

import base64
from collections.abc import Mapping
from typing import Any

from tests.servers.embedding.wire import Asked, Matrix, RefusedError, texts_of, words


class Ollama:
    """POST /ollama/v1/embeddings. No key. It can shorten any model's vectors."""

    def takes(self, path: str, query: str) -> bool:
        return path == "/ollama/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """Whoever reaches it may use it."""

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "input", 1_000_000, {"model", "input", "encoding_format", "dimensions", "user"})
        if body.get("model") != "all-minilm":
            raise RefusedError(404, f'model "{body.get("model")}" not found, try pulling it first')
        return _asked(body, texts)

    def error(self, refused: RefusedError) -> Any:
        kind = "not_found_error" if refused.status == 404 else "invalid_request_error"
        return {"error": {"message": str(refused), "type": kind, "param": None, "code": None}}


class Vllm:
    """POST /vllm/v1/embeddings. Errors are not nested, and name no parameter."""

    def takes(self, path: str, query: str) -> bool:
        return path == "/vllm/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """Without --api-key it asks for none."""

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        known = {"model", "input", "encoding_format", "dimensions", "user", "truncate_prompt_tokens", "priority"}
        texts = texts_of(body, "input", 1_000_000, known)
        if body.get("dimensions") is not None:
            raise RefusedError(
                400,
                f'Model "{body["model"]}" does not support matryoshka representation, changing output dimensions will '
                "lead to poor results.",
            )
        return _asked(body, texts)

    def error(self, refused: RefusedError) -> Any:
        return {
            "object": "error",
            "message": str(refused),
            "type": "BadRequestError",
            "param": None,
            "code": refused.status,
        }


class TextEmbeddingsInference:
    """POST /tei/v1/embeddings. At most 32 texts unless it is started with more; the model's name is of no account."""

    def takes(self, path: str, query: str) -> bool:
        return path == "/tei/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """Without --api-key it asks for none."""

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "input", 1_000_000, {"model", "input", "encoding_format", "dimensions", "user"})
        if len(texts) > 32:
            raise RefusedError(413, f"batch size {len(texts)} > maximum allowed batch size 32")
        longest = max(len(text.split()) for text in texts)
        if longest > 512:
            raise RefusedError(413, f"`inputs` must have less than 512 tokens. Given: {longest}")
        return _asked(body, texts)

    def error(self, refused: RefusedError) -> Any:
        return {"message": str(refused), "code": refused.status, "error_type": "Validation"}


class LmStudio:
    """POST /lm-studio/v1/embeddings. Numbers only, whatever was asked for; it counts no tokens."""

    def takes(self, path: str, query: str) -> bool:
        return path == "/lm-studio/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        """Whoever reaches it may use it."""

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "input", 1_000_000, {"model", "input", "encoding_format", "dimensions", "user"})
        return _asked({**body, "encoding_format": "float"}, texts, tokens=0)

    def error(self, refused: RefusedError) -> Any:
        return {"error": str(refused)}


def _asked(body: Mapping[str, Any], texts: list[str], tokens: int | None = None) -> Asked:
    as_base64 = body.get("encoding_format") == "base64"
    counted = words(texts) if tokens is None else tokens

    def answer(vectors: Matrix) -> dict[str, Any]:
        data = [
            {
                "object": "embedding",
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
                "index": index,
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": counted, "total_tokens": counted}
        return {"object": "list", "data": data, "model": body.get("model"), "usage": usage}

    return Asked(texts, answer, body.get("dimensions"))
