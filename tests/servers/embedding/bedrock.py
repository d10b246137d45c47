"""Amazon Bedrock's InvokeModel, with the models of Titan and Cohere.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tests.servers.embedding.wire import KEY, Asked, Matrix, RefusedError, words

PATH = re.compile(r"/model/([^/]+)/invoke")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/[a-z0-9-]+/bedrock/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=[0-9a-f]{64}"
)
NOT_ENABLED = "cohere.embed-english-v3"  # a model that this account has no access to
TITAN = "amazon.titan-embed-text-v2:0"
COHERE_3 = "cohere.embed-multilingual-v3"
COHERE_4 = {"eu.cohere.embed-v4:0"}
COHERE_3_KEYS = {"input_type", "texts", "images", "truncate", "embedding_types"}
COHERE_4_KEYS = COHERE_3_KEYS | {"inputs", "output_dimension", "max_tokens"}
USES = {"search_document", "search_query", "classification", "clustering"}


class RefusedByAwsError(RefusedError):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, message)
        self.code = code


class Bedrock:
    """POST /model/{modelId}/invoke, Authorization: AWS4-HMAC-SHA256"""

    def takes(self, path: str, query: str) -> bool:
        return PATH.fullmatch(path) is not None and not query

    def sign_in(self, headers: Mapping[str, str]) -> None:
        found = SIGNATURE.fullmatch(headers["Authorization"] or "")
        if not found or not re.fullmatch(r"\d{8}T\d{6}Z", headers["X-Amz-Date"] or ""):
            raise RefusedByAwsError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        if not {"host", "x-amz-date"} <= set(found["headers"].split(";")):
            raise RefusedByAwsError(403, "InvalidSignatureException", "Host and date must be signed.")
        if found["key"] != KEY:
            raise RefusedByAwsError(
                403, "UnrecognizedClientException", "The security token included in the request is invalid."
            )

    def read(self, path: str, body: dict[str, Any]) -> Asked:
        model = unquote(PATH.fullmatch(path)[1])  # type: ignore[index]
        if model == NOT_ENABLED:
            raise RefusedByAwsError(
                403, "AccessDeniedException", "You don't have access to the model with the specified model ID."
            )
        if model == "cohere.embed-v4:0":
            raise _invalid(
                f"Invocation of model ID {model} with on-demand throughput isn't supported. Retry your request with "
                "the ID or ARN of an inference profile that contains this model."
            )
        if model == TITAN:
            return _titan(body)
        if model == COHERE_3 or model in COHERE_4:
            return _cohere(body, four=model in COHERE_4)
        raise _invalid("The provided model identifier is invalid.")

    def error(self, refused: RefusedError) -> Any:
        # The header x-amzn-ErrorType says the same: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
        code = refused.code if isinstance(refused, RefusedByAwsError) else "ValidationException"
        return {"__type": code, "message": str(refused)}


def _titan(body: dict[str, Any]) -> Asked:
    _no_others(body, {"inputText", "dimensions", "normalize", "embeddingTypes"})
    text = body.get("inputText")
    if not isinstance(text, str) or not 1 <= len(text) <= 50_000:
        raise _malformed(f"#/inputText: expected minLength: 1, maxLength: 50000, actual: {len(text or '')}")
    if body.get("dimensions", 1024) not in {256, 512, 1024}:
        raise _malformed(f"#/dimensions: {body['dimensions']} is not a valid enum value")
    if not isinstance(body.get("normalize", True), bool):
        raise _malformed("#/normalize: expected type: Boolean")
    length = 1 if body.get("normalize", True) else 3

    def answer(vectors: Matrix) -> dict[str, Any]:
        found = [(length * vector).tolist() for vector in vectors]
        # One vector is all that the schema has room for.
        return {
            "embedding": found[0] if found else None,
            "embeddingsByType": {"float": found[0] if found else None},
            "inputTextTokenCount": words([text]),
        }

    return Asked([text], answer, body.get("dimensions"))


def _cohere(body: dict[str, Any], *, four: bool) -> Asked:
    _no_others(body, COHERE_4_KEYS if four else COHERE_3_KEYS)
    texts = body.get("texts")
    if not isinstance(texts, list) or not 1 <= len(texts) <= 96:
        raise _malformed(f"#/texts: expected maximum item count: 96, found: {len(texts or [])}")
    for index, text in enumerate(texts):
        if not isinstance(text, str) or not text:
            raise _malformed(f"#/texts/{index}: expected minLength: 1, actual: 0")
        if not four and len(text) > 2048:
            raise _malformed(f"#/texts/{index}: expected maxLength: 2048, actual: {len(text)}")
    if body.get("input_type") not in USES:
        raise _malformed(f"#/input_type: {body.get('input_type')} is not a valid enum value")
    if body.get("truncate", "NONE") not in ({"NONE", "LEFT", "RIGHT"} if four else {"NONE", "START", "END"}):
        raise _malformed(f"#/truncate: {body['truncate']} is not a valid enum value")
    if body.get("output_dimension", 1536) not in {256, 512, 1024, 1536}:
        raise _malformed(f"#/output_dimension: {body['output_dimension']} is not a valid enum value")
    by_type = "embedding_types" in body

    def answer(vectors: Matrix) -> dict[str, Any]:
        rows = [vector.tolist() for vector in vectors]
        return {
            "id": "0",
            "response_type": "embeddings_by_type" if by_type else "embeddings_floats",
            "embeddings": {"float": rows} if by_type else rows,
            "texts": texts,
        }

    return Asked(texts, answer, body.get("output_dimension", 1536) if four else 1024)


def _no_others(body: Mapping[str, Any], known: set[str]) -> None:
    for name in set(body) - known:
        raise _malformed(f"#: extraneous key [{name}] is not permitted")


def _malformed(what: str) -> RefusedByAwsError:
    return _invalid(f"Malformed input request: {what}, please reformat your input and try again.")


def _invalid(message: str) -> RefusedByAwsError:
    return RefusedByAwsError(400, "ValidationException", message)
