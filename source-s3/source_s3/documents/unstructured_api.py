"""Documents read by an Unstructured API: that of the vendor, or one that you run.

https://docs.unstructured.io/api-reference/legacy-api/partition/overview and github.com/Unstructured-IO/unstructured-api
"""

import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from source_s3.documents import Engine, Limits, Read
from source_s3.documents.elements import parsed_of
from source_s3.documents.kinds import MIME_TYPES, kind_of
from source_s3.documents.limits import TooMuch
from source_s3.documents.parsed import Parsed
from vector_ingest.errors import ConfigError, DataError, TransientError

PATH = "/general/v0/general"
OWN = {
    "md",
    "txt",
    "source",
    "eml",
    "encrypted",
}  # kinds that are read here: they are text, or there is nothing to read
OF_KIND = {**MIME_TYPES, "doc": "application/msword", "ppt": "application/vnd.ms-powerpoint"} | {
    "msg": "application/vnd.ms-outlook"
}
CONNECT_SECONDS, CONNECTIONS = 10, 4
ATTEMPTS, FIRST_WAIT, LONGEST_WAIT = 5, 1.0, 60.0  # seconds
MOST_BYTES = 256 * 1024 * 1024  # of an answer
PIECE = 1024 * 1024  # bytes of it taken at once
SAID = 500  # characters of a refusal that are told
OF_THE_DOCUMENT = {400, 413, 415, 422}
OF_THE_KEY = {401, 402, 403}
# What may be another answer the next time; the other statuses from 400 to 499 would stay as they are.
MAY_PASS = {407, 408, 409, 423, 425, 429}
NEVER = {501, 505}
PROOF = b"# Connection test\n"


@dataclass(frozen=True, slots=True)
class Api:
    """`url` without the path. `fields`: of the form that goes with each document."""

    url: str
    key: str
    fields: Sequence[tuple[str, str]]


class UnstructuredApi:
    """An engine. `own` reads what need not be sent."""

    def __init__(self, api: Api, own: Engine, limits: Limits) -> None:
        self._api, self._own, self._limits = api, own, limits
        self._address = api.url.rstrip("/").removesuffix(PATH) + PATH
        self._pool = _pool(self._address)

    def read(
        self, name: str, content: bytes | memoryview, content_type: str | None = None, as_text: Sequence[str] = ()
    ) -> list[Read]:
        """The document, or why it can't be read. ConfigError: the API takes none. TransientError: it has no answer."""
        whole = bytes(content)
        kind = kind_of(name, whole, content_type) if whole else None
        if kind is None or kind in OWN:
            return self._own.read(name, content, content_type, as_text)
        try:
            return [Read(self._parsed(name, kind, whole))]
        except DataError as error:
            return [Read(None, error.reason)]
        except RecursionError:
            return [Read(None, "nested too deep: exclude the object, or save it anew")]
        except TooMuch as error:
            return [Read(None, f"{error}: raise the limit in the format's `limits`, or exclude the object")]

    def prove(self) -> None:
        """ConfigError, TransientError: it does not read documents as it is asked to."""
        try:
            self._ask("test.md", MIME_TYPES["md"], PROOF, attempts=1)
        except DataError as error:
            raise ConfigError(
                f"{self._address} refuses a document of one line: {error.reason}. Check `strategy` and `parameters`"
            ) from error

    def close(self) -> None:
        self._pool.clear()
        self._own.close()

    def _parsed(self, name: str, kind: str, content: bytes) -> Parsed:
        mime_type = OF_KIND.get(kind) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        elements = self._ask(name.rpartition("/")[2] or "document", mime_type, content)
        parsed = parsed_of(name, elements, self._limits)
        if not parsed.content.strip():
            raise DataError(name, f"the API finds no text in this {kind} file: exclude it by the stream's globs")
        return replace(parsed, mime_type=mime_type)

    def _ask(self, name: str, mime_type: str, content: bytes, attempts: int = ATTEMPTS) -> list[dict[str, object]]:
        """Again where that may help. The elements."""
        for attempt in range(1, attempts + 1):
            try:
                status, headers, body = self._post(name, mime_type, content)
            except (ReadTimeoutError, TimeoutError) as error:
                seconds = self._limits.seconds
                raise DataError(
                    name, f"not read within {seconds} seconds by the API: raise `seconds` of the format's `limits`"
                ) from error
            except HTTPError as error:
                failed = TransientError(f"{self._address} can't be reached: {error}. Check `api_url` and the network")
                failed.__cause__ = error
                wait = None
            else:
                if status == 200:
                    return _elements(self._address, body)
                self._refuse(name, status, body)
                failed = TransientError(f"{self._address} answers with status {status}: {self._said(body)}")
                wait = headers.get("Retry-After")
            if attempt < attempts:
                time.sleep(_seconds(wait, attempt))
        raise failed

    def _post(self, name: str, mime_type: str, content: bytes) -> tuple[int, urllib3.HTTPHeaderDict, bytes]:
        response = self._pool.request(
            "POST",
            self._address,
            fields=[*self._api.fields, ("files", (name, content, mime_type))],
            headers={"accept": "application/json", "unstructured-api-key": self._api.key},
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._limits.seconds),
            retries=False,
            preload_content=False,
        )
        try:
            body = _body(response, time.monotonic() + self._limits.seconds)
        finally:
            response.release_conn()
        if len(body) > MOST_BYTES:
            raise DataError(name, f"the API makes more than {MOST_BYTES:,} bytes of it: exclude the object")
        return response.status, response.headers, body

    def _refuse(self, name: str, status: int, body: bytes) -> None:
        """Raises what asking again does not mend."""
        if status in OF_THE_KEY:
            raise ConfigError(f"{self._address} refuses the key (status {status}): check `api_key` and `api_url`")
        if status in OF_THE_DOCUMENT:
            raise DataError(name, f"the API refuses it (status {status}): {self._said(body)}")
        if status in NEVER or (status < 500 and status not in MAY_PASS):
            raise ConfigError(f"{self._address} is no Unstructured API (status {status}): check `api_url`")

    def _said(self, body: bytes) -> str:
        said = body.decode("utf-8", "replace")
        return (said.replace(self._api.key, "…") if self._api.key else said)[:SAID]


def _body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """As far as it may go. TimeoutError: an answer that comes drop by drop has not ended by then."""
    body = bytearray()
    while len(body) <= MOST_BYTES and (part := response.read1(PIECE, decode_content=True)):
        body += part
        if time.monotonic() > deadline:
            response.close()
            raise TimeoutError
    return bytes(body)


def _elements(address: str, body: bytes) -> list[dict[str, object]]:
    try:
        return msgspec.json.decode(body, type=list[dict[str, object]])
    except msgspec.DecodeError as error:
        raise TransientError(f"{address} sent an answer that is no list of elements: {error}") from error


def _seconds(asked: str | None, attempt: int) -> float:
    """To wait: as long as the API says, else twice as long each time."""
    if asked is not None and asked.strip().isdecimal():
        return min(float(asked), LONGEST_WAIT)
    return FIRST_WAIT * 2.0 ** (attempt - 1)


def _pool(address: str) -> urllib3.PoolManager:
    """Through the proxy that the machine is set up for. ConfigError: no address."""
    try:
        parts = urlsplit(address)
        proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    except ValueError as error:
        raise ConfigError(f"{address} can't be reached: {error}. Check `api_url`") from error
    if proxy:
        try:
            return urllib3.ProxyManager(proxy, num_pools=1, maxsize=CONNECTIONS)
        except ValueError:  # whose words may have the password in them
            raise ConfigError(
                f"{address} can't be reached: expected an address with scheme, host and port as this machine's proxy, "
                f"found another form. Check the environment variable {parts.scheme}_proxy"
            ) from None
    return urllib3.PoolManager(num_pools=1, maxsize=CONNECTIONS)
