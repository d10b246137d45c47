"""Cohere's embed, versions 1 and 2.

https://docs.cohere.com/v1/reference/embed
https://docs.cohere.com/reference/embed
https://docs.cohere.com/docs/cohere-embed
https://docs.cohere.com/reference/errors
"""

from collections.abc import Mapping
from typing import Any

from tests.servers.embedding.wire import Asked, Matrix, RefusedError, check_bearer, texts_of, words

OLD_PARAMETERS = {"model", "texts", "truncate", "input_type", "embedding_types"}
PARAMETERS = OLD_PARAMETERS | {"images", "inputs", "max_tokens", "output_dimension"}
MOST_TEXTS = 96
USES = {"search_document", "search_query", "classification", "clustering", "image"}
# Of version 3 and later, and what they have without being asked.
MODELS = {
    "embed-v4.0": 1536,
    "embed-english-v3.0": 1024,
    "embed-english-light-v3.0": 384,
    "embed-multilingual-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
}


class Cohere:
    """POST /v1/embed, Authorization: Bearer"""

    def takes(self, path: str, query: str) -> bool:
        return path == "/v1/embed" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "texts", MOST_TEXTS, OLD_PARAMETERS)
        old = str(body.get("model")).endswith("-v2.0")
        check_use(body, required=not old)

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


class CohereV2:
    """POST /v2/embed, Authorization: Bearer"""

    def takes(self, path: str, query: str) -> bool:
        return path == "/v2/embed" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "texts", MOST_TEXTS, PARAMETERS)
        model = body.get("model")
        if model not in MODELS:
            raise RefusedError(404, f"model '{model}' not found, make sure the correct model ID was used")
        check_use(body, required=True)
        if body.get("embedding_types") != ["float"]:
            raise RefusedError(400, "invalid request: embedding_types must be given, and only float is served here")
        if "output_dimension" in body and (
            model != "embed-v4.0" or body["output_dimension"] not in {256, 512, 1024, 1536}
        ):
            raise RefusedError(400, f"invalid request: output_dimension is not supported by {model}")

        def answer(vectors: Matrix) -> dict[str, Any]:
            return {
                "id": "0",
                "embeddings": {"float": [vector.tolist() for vector in vectors]},
                "texts": texts,
                "response_type": "embeddings_by_type",
                "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": words(texts)}},
            }

        return Asked(texts, answer, body.get("output_dimension") or MODELS[model])

    def error(self, refused: RefusedError) -> Any:
        return {"id": "1", "message": str(refused)}


def check_use(body: Mapping[str, Any], *, required: bool) -> None:
    if body.get("truncate", "END") not in {"NONE", "START", "END"}:
        raise RefusedError(400, "invalid request: truncate must be one of NONE, START, END")
    if ("input_type" in body or required) and body.get("input_type") not in USES:
        raise RefusedError(400, "invalid request: valid input_type must be provided with the provided model")
