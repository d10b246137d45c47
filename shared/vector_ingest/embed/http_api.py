"""One call of a service that speaks JSON over HTTP, and the one place where its errors become ours."""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from vector_ingest.embed.answers import NO_MONEY, OF_A_TEXT, answer_seconds, is_not_there, parsed_object, refused
from vector_ingest.embed.rate_headers import retry_after
from vector_ingest.errors import ConfigError, TransientError


@dataclass(frozen=True, slots=True)
class Service:
    """How errors speak of it. `settings`: finds in a refusal that the configuration is meant, not a text."""

    name: str
    key: str = field(repr=False)
    key_property: str
    settings: re.Pattern[str]


def client_of(service: Service, base_url: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {service.key}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=answer_seconds(), verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # takes longer than a request


def post(
    client: httpx.Client, path: str, body: Mapping[str, Any], texts: Sequence[str], service: Service
) -> Mapping[str, Any]:
    """The answer's JSON object. `texts` are those that the body holds."""
    try:
        response = client.post(path, json=body)
    except httpx.TimeoutException as error:
        raise TransientError(f"{service.name} did not answer within {client.timeout.read:.0f} seconds") from error
    except httpx.RequestError as error:  # the connection, or a body that is not compressed as its header says
        raise TransientError(f"{service.name} can't be reached: {error}") from error
    if response.is_success:
        return parsed_object(response.content, service.name)
    raise _refusal(response, texts, service)


def _refusal(response: httpx.Response, texts: Sequence[str], service: Service) -> Exception:
    status, name = response.status_code, service.name
    said = response.text[:500].replace(service.key, "…") if service.key else response.text[:500]
    if status in (401, 403):
        return ConfigError(f"{name} refuses the key (status {status}): check `embedding.{service.key_property}`")
    if status == NO_MONEY:
        return ConfigError(f"{name}: the account has no quota left (status {status}): check its plan and billing")
    if is_not_there(status):
        return ConfigError(f"{name} is not there (status {status}): check the base URL and the model. {said}")
    if status in OF_A_TEXT and service.settings.search(said):
        return ConfigError(f"{name} refuses a setting: check the model and its dimensions. {said}")
    if status in OF_A_TEXT:
        return refused(texts, name, said)
    return TransientError(
        f"{name} answers with status {status}: {said}", retry_after(response.headers), throttled=status == 429
    )
