"""The services that embed questions: Amazon Bedrock by botocore, others by one POST.

Where a service is and its key are the function's own, never SQL's: S3VL_OPENAI_KEY has the key, or
S3VL_OPENAI_KEY_SECRET the ARN of a secret in AWS Secrets Manager, and S3VL_OPENAI_URL another address. Likewise
AZURE_OPENAI, OPENAI_COMPATIBLE, COHERE and VOYAGE.
"""

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from destination_s3vectors.sql_bridge.calls import CONNECT_SECONDS, READ_SECONDS, Json, RefusedError, refusal
from destination_s3vectors.sql_bridge.embedding import (
    Embed,
    Model,
    model_refused,
    needs_name_and_dimensions,
)

SECRET_SECONDS = 300  # until a secret is read again: it may have been changed
AZURE_API = "2024-10-21"
# https://platform.openai.com/docs/guides/embeddings, https://docs.cohere.com/docs/cohere-embed and
# https://docs.voyageai.com/docs/embeddings: the dimensions of models that are not asked for them. Without name: of all.
OWN_DIMENSIONS: Mapping[str, Mapping[str, int]] = {
    "openai": {"text-embedding-ada-002": 1536, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072},
    "cohere": {"embed-v4.0": 1536},
    "voyage": {"": 1024},
}
KINDS = {401: "sign_in", 403: "sign_in", 404: "missing", 408: "unavailable", 429: "throttled"}


@dataclass(frozen=True, slots=True)
class Service:
    """`url`: where the environment names none. `request`: path and body. `vector`: finds it in the answer."""

    url: str
    request: Callable[[Model, str], tuple[str, Json]]
    vector: Callable[[Any], Any]
    key_header: str = "Authorization"
    needs_key: bool = True


def providers(environment: Mapping[str, str]) -> Mapping[str, Embed]:
    """By the first word of a fingerprint. The environment is read when a question comes."""
    pool = urllib3.PoolManager(retries=False)
    client = functools.cache(_client)
    others = {name: functools.partial(_by_http, pool, client, environment, name) for name in SERVICES}
    return {"bedrock": functools.partial(_by_bedrock, client), **others}


def _client(service: str, region: str | None) -> Any:
    """`signature_version`: said, so that no bearer token of the environment takes the place of the sign-in."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        signature_version="v4",
    )
    create: Any = get_session().create_client
    return create(service, region_name=region, config=config)


BEDROCK_IDS = {
    "amazon.titan-embed-text-v2": "amazon.titan-embed-text-v2:0",
    "cohere.embed-english-v3": "cohere.embed-english-v3",
    "cohere.embed-multilingual-v3": "cohere.embed-multilingual-v3",
}


def _by_bedrock(client: Callable[[str, str], Any], model: Model, text: str, region: str, _: float) -> list[float]:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html and …-embed.html"""
    needs_name_and_dimensions(model)
    name = model.options.get("model_id") or BEDROCK_IDS.get(model.name)
    if name is None:
        raise model_refused(
            f"{model.fingerprint} is reached by an inference profile: register the embedding with its ID, such as "
            '{"model_id": "eu.cohere.embed-v4:0"}'
        )
    body: Json
    if model.name.startswith("amazon."):
        body = {"inputText": text, "dimensions": model.dimensions, "normalize": "raw" not in model.flags}
    else:
        body = {"texts": [text], "input_type": "search_query", "embedding_types": ["float"]}
        body |= (
            {"truncate": "RIGHT", "output_dimension": model.dimensions} if "-v4" in model.name else {"truncate": "END"}
        )
    try:
        answer = client("bedrock-runtime", model.options.get("region") or region).invoke_model(
            modelId=name, body=json.dumps(body), contentType="application/json", accept="application/json"
        )
        content = json.loads(answer["body"].read())
    except (ClientError, BotoCoreError) as error:
        raise refusal(error, "embed with Amazon Bedrock") from error
    return _numbers(lambda: content["embedding"] if "embedding" in content else _cohere(content), "Amazon Bedrock")


def _by_http(
    pool: urllib3.PoolManager,
    client: Callable[[str, str | None], Any],
    environment: Mapping[str, str],
    provider: str,
    model: Model,
    text: str,
    _region: str,
    seconds: float,
) -> list[float]:
    needs_name_and_dimensions(model)
    service = SERVICES[provider]
    url = _address(environment, provider, model)
    key = _key(client, environment, provider)
    if service.needs_key and not key:
        name = f"S3VL_{provider.upper()}_KEY"
        raise model_refused(f"the function has no key: set its environment variable {name}, or {name}_SECRET to an ARN")
    headers = {service.key_header: f"Bearer {key}" if service.key_header == "Authorization" else key} if key else {}
    path, body = service.request(model, text)
    try:
        answer = pool.request(
            "POST", url + path, json=body, headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, total=seconds),
        )  # fmt: skip
    except urllib3.exceptions.TimeoutError as error:
        raise RefusedError("timeout", type(error).__name__, f"{provider} does not answer in time: {error}") from error
    except urllib3.exceptions.HTTPError as error:
        hint = "can the function reach it from its subnets?"
        raise RefusedError(
            "unavailable", type(error).__name__, f"{provider} is not reached: {error}; {hint}"
        ) from error
    if answer.status != 200:
        said = answer.data[:300].decode(errors="replace")
        kind = KINDS.get(answer.status) or ("unavailable" if answer.status >= 500 else "invalid")
        message = f"{provider} answers with status {answer.status}: {said.replace(key, '…') if key else said}"
        raise RefusedError(kind, f"Http{answer.status}", message)
    return _numbers(lambda: service.vector(answer.json()), provider)


def _address(environment: Mapping[str, str], provider: str, model: Model) -> str:
    url = (environment.get(f"S3VL_{provider.upper()}_URL") or SERVICES[provider].url or "").rstrip("/")
    if not url or (provider == "azure_openai" and not model.name.startswith(url + "/")):
        raise model_refused(
            f"the function has {url or 'no address'} as S3VL_{provider.upper()}_URL, which is not that of "
            f"{model.fingerprint}: set it in the function's environment"
        )
    return url


def _key(client: Callable[[str, str | None], Any], environment: Mapping[str, str], provider: str) -> str:
    variable = f"S3VL_{provider.upper()}_KEY"
    secret = environment.get(f"{variable}_SECRET")
    if secret and not environment.get(variable):
        return _secret(client, secret, int(time.monotonic() / SECRET_SECONDS))
    return environment.get(variable, "").strip()


@functools.lru_cache(maxsize=16)
def _secret(client: Callable[[str, str | None], Any], secret: str, _age: int) -> str:
    parts = secret.split(":")  # arn:aws:secretsmanager:REGION:…
    try:
        found = client("secretsmanager", parts[3] if len(parts) > 3 else None).get_secret_value(SecretId=secret)
    except (ClientError, BotoCoreError) as error:
        raise refusal(error, f"read the secret {secret}") from error
    return str(found.get("SecretString", "")).strip()


def _numbers(read: Callable[[], Any], provider: str) -> list[float]:
    try:
        return [float(number) for number in read()]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        message = f"{provider} sent an answer without a vector ({type(error).__name__})"
        raise RefusedError("unavailable", "UnreadableAnswer", message) from error


def _cohere(answer: Any) -> Any:
    found = answer["embeddings"]
    return (found["float"] if isinstance(found, dict) else found)[0]


def _shortened(model: Model, name: str) -> Json:
    own = OWN_DIMENSIONS.get(model.provider, {})
    usual = own.get(model.name) or own.get("")
    asked = model.options.get("shorten", model.provider in ("openai", "voyage") or usual is not None)
    return {name: model.dimensions} if asked and usual != model.dimensions else {}


def _openai(model: Model, text: str) -> tuple[str, Json]:
    """https://platform.openai.com/docs/api-reference/embeddings/create"""
    return "/embeddings", {"input": [text], "model": model.name, **AS_FLOATS, **_shortened(model, "dimensions")}


def _azure(model: Model, text: str) -> tuple[str, Json]:
    """https://learn.microsoft.com/azure/ai-services/openai/reference#embeddings"""
    deployment = model.name.rpartition("/")[2]
    body = {"input": [text], "model": deployment, **AS_FLOATS, **_shortened(model, "dimensions")}
    return f"/openai/deployments/{deployment}/embeddings?api-version={AZURE_API}", body


def _voyage(model: Model, text: str) -> tuple[str, Json]:
    """https://docs.voyageai.com/reference/embeddings-api"""
    body = {"input": [text], "model": model.name, "input_type": "query"}
    return "/embeddings", body | _shortened(model, "output_dimension")


def _cohere_question(model: Model, text: str) -> tuple[str, Json]:
    """https://docs.cohere.com/reference/embed; models of version 2.0: https://docs.cohere.com/v1/reference/embed"""
    body = {"texts": [text], "model": model.name, "truncate": "END"}
    if model.name.endswith("-v2.0"):
        return "/v1/embed", body
    body |= {"input_type": "search_query", "embedding_types": ["float"]}
    return "/v2/embed", body | _shortened(model, "output_dimension")


def _data(answer: Any) -> Any:
    return answer["data"][0]["embedding"]


AS_FLOATS = {"encoding_format": "float"}
SERVICES = {
    "openai": Service("https://api.openai.com/v1", _openai, _data),
    "azure_openai": Service("", _azure, _data, "api-key"),
    "openai_compatible": Service("", _openai, _data, needs_key=False),
    "cohere": Service("https://api.cohere.com", _cohere_question, _cohere),
    "voyage": Service("https://api.voyageai.com/v1", _voyage, _data),
}
