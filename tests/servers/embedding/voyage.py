"""Voyage AI's text embeddings.

https://docs.voyageai.com/reference/embeddings-api
https://docs.voyageai.com/docs/embeddings
https://github.com/voyage-ai/openapi (voyage-openapi.yml: the errors are objects with `detail`)
"""

import base64
from collections.abc import Mapping
from typing import Any

from tests.servers.embedding.wire import Asked, Matrix, RefusedError, check_bearer, texts_of, words

PARAMETERS = {"input", "model", "input_type", "truncation", "output_dimension", "output_dtype", "encoding_format"}
MOST_TEXTS = 1_000
SIZES = {256, 512, 1024, 2048}
# The tokens of a request; the models of version 2 have one size.
MODELS = {
    "voyage-4-large": 120_000,
    "voyage-4": 320_000,
    "voyage-4-lite": 1_000_000,
    "voyage-3-large": 120_000,
    "voyage-3.5": 320_000,
    "voyage-3.5-lite": 1_000_000,
    "voyage-code-3": 120_000,
    "voyage-finance-2": 120_000,
    "voyage-law-2": 120_000,
}


class Voyage:
    """POST /voyage/v1/embeddings, Authorization: Bearer. The real one has no /voyage."""

    def takes(self, path: str, query: str) -> bool:
        return path == "/voyage/v1/embeddings" and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        check_bearer(headers)

    def read(self, path: str, body: dict[str, Any]) -> Asked:  # noqa: ARG002
        texts = texts_of(body, "input", MOST_TEXTS, PARAMETERS)
        model = body.get("model")
        if model not in MODELS:
            raise RefusedError(400, f"Model {model} is not supported. Supported models are {sorted(MODELS)}.")
        self._check(body, str(model))
        tokens = words(texts)
        if tokens > MODELS[model]:
            raise RefusedError(
                400,
                f"Request to model '{model}' failed. The max allowed tokens per submitted batch is {MODELS[model]}. "
                f"Your batch has {tokens} tokens after truncation. Please lower the number of tokens in the batch.",
            )
        as_base64 = body.get("encoding_format") == "base64"

        def answer(vectors: Matrix) -> dict[str, Any]:
            data = [
                {
                    "object": "embedding",
                    "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
                    "index": index,
                }
                for index, vector in enumerate(vectors)
            ]
            return {"object": "list", "data": data, "model": model, "usage": {"total_tokens": tokens}}

        return Asked(texts, answer, body.get("output_dimension") or 1024)

    def error(self, refused: RefusedError) -> Any:
        return {"detail": str(refused)}

    def _check(self, body: Mapping[str, Any], model: str) -> None:
        if body.get("input_type") not in {None, "query", "document"}:
            raise RefusedError(400, "Argument 'input_type' must be one of null, query, document.")
        if body.get("output_dtype", "float") not in {"float", "int8", "uint8", "binary", "ubinary"}:
            raise RefusedError(400, "Argument 'output_dtype' is invalid.")
        if body.get("encoding_format") not in {None, "base64"} or not isinstance(body.get("truncation", True), bool):
            raise RefusedError(400, "Argument 'encoding_format' or 'truncation' is invalid.")
        size = body.get("output_dimension")
        if size is not None and (size not in SIZES or model.endswith("-2")):
            raise RefusedError(400, f"The model {model} does not support output_dimension set to {size}.")
