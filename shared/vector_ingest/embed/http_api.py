"""One call of a service that speaks JSON over HTTP, and the one place where its errors become ours."""

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import orjson

from vector_ingest.embed.rate_headers import retry_after
from vector_ingest.embed.vectors import excerpt, is_too_long
from vector_ingest.errors import ConfigError, DataError, TransientError

TIMEOUT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Service:
    """How errors speak of it. `settings`: finds in a refusal that the configuration is meant, not a text."""

    name: str
    key: str
    key_property: str
    settings: re.Pattern[str]


def client_of(service: Service, base_url: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {service.key}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT, verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # takes longer than a request


def post(
    client: httpx.Client, path: str, body: Mapping[str, Any], texts: Sequence[str], service: Service
) -> Mapping[str, Any]:
    """The answer's JSON object. `texts` are those that the body holds."""
    try:
        response = client.post(path, json=body)
    except httpx.TransportError as error:
        raise TransientError(f"{service.name} can't be reached: {error}") from error
    if response.is_success:
        return _parsed(response.content, service)
    raise _refusal(response, texts, service)


def _parsed(content: bytes, service: Service) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            answer = json.loads(content)  # it knows NaN, which is found in the vectors
        except ValueError as error:
            raise TransientError(f"{service.name} sent an answer that can't be read") from error
    if not isinstance(answer, dict):
        raise TransientError(f"{service.name} sent an answer that can't be read: no JSON object")
    return answer


def _refusal(response: httpx.Response, texts: Sequence[str], service: Service) -> Exception:
    status, name = response.status_code, service.name
    said = response.text[:500].replace(service.key, "…") if service.key else response.text[:500]
    if status in (401, 403):
        return ConfigError(f"{name} refuses the key (status {status}): check `embedding.{service.key_property}`")
    if status == 404:
        return ConfigError(f"{name} is not there (status 404): check the base URL and the model. {said}")
    if status in (400, 422) and service.settings.search(said):
        return ConfigError(f"{name} refuses a setting: check the model and its dimensions. {said}")
    if status in (400, 413, 422):
        where = excerpt(texts[0]) if len(texts) == 1 else f"one of {len(texts)} texts; {excerpt(texts[0])} is first"
        return DataError(where, f"{name} refuses it: {said}", too_long=is_too_long(said))
    return TransientError(
        f"{name} answers with status {status}: {said}", retry_after(response.headers), throttled=status == 429
    )
