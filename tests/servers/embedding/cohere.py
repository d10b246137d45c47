"""Cohere's embed, version 1.

https://docs.cohere.com/v1/reference/embed
https://docs.cohere.com/reference/errors
"""

from collections.abc import Mapping
from typing import Any

from tests.servers.embedding.wire import Asked, Matrix, RefusedError, check_bearer, texts_of, words

PARAMETERS = {"model", "texts", "truncate", "input_type", "embedding_types"}


class Cohere:
    """POST /v1/embed, Authorization: Bearer"""

    def takes(self, path: str, query: str) -> bool:
        return path == "/v1/embed" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "texts", 96, PARAMETERS)
        old = str(body.get("model")).endswith("-v2.0")
        if body.get("truncate", "END") not in {"NONE", "START", "END"} or (not old and "input_type" not in body):
            raise RefusedError(400, "truncate or input_type is wrong")

        def answer(vectors: Matrix) -> dict[str, Any]:
            return {
                "id": "0",
                "response_type": "embeddings_floats",
                "texts": texts,
                "embeddings": [vector.tolist() for vector in vectors],
                "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": words(texts)}},
            }

        return Asked(texts, answer)

    def error(self, refused: RefusedError) -> Any:
        return {"message": str(refused)}
