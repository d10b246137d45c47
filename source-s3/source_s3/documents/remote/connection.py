"""A connection to a server that documents are sent to: its address, the proxy, attempts, and what refusals mean."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from vector_ingest.errors import ConfigError, DataError, TransientError

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
Form = Sequence[tuple[str, str | tuple[str, bytes, str]]]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Api:
    """`url` without the path. `fields`: of the form that goes with each document."""

    url: str
    key: str
    fields: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a server. `name`: what an address is or is not; `called`: in a sentence about a document."""

    name: str
    called: str
    key_header: str


@dataclass(frozen=True, slots=True)
class Request:
    """`about`: the document, for messages. One with a form is a POST, another a GET."""

    about: str
    path: str
    form: Form | None = None
    attempts: int = ATTEMPTS


class Gone(Exception):  # noqa: N818  a finding: who asked says what it means
    """What a request without a form asks for is not there, or not any more. It may be, if all is asked anew."""


class Connection:
    """For many threads. Close it after use. `seconds`: until an answer has come. ConfigError: no address."""

    def __init__(self, kind: Kind, api: Api, seconds: int) -> None:
        self._kind, self._api, self._seconds = kind, api, seconds
        self._pool = _pool(api.url)

    def ask(self, request: Request) -> bytes:
        """The answer; asked for again where that may help.

        DataError: the document is refused, or its answer too slow or too long. ConfigError: the server takes none.
        TransientError: it has no answer. Gone: see there.
        """
        where = self.address_of(request)
        for attempt in range(1, request.attempts + 1):
            try:
                status, headers, body = self._send(request)
            except (ReadTimeoutError, TimeoutError) as error:
                raise self.too_slow(request.about) from error
            except HTTPError as error:
                failed = TransientError(f"{where} can't be reached: {error}. Check `api_url` and the network")
                failed.__cause__ = error
                wait = None
            else:
                if status == 200:
                    return body
                self._refuse(request, status, body)
                failed = TransientError(f"{where} answers with status {status}: {self._words(body)}")
                wait = headers.get("Retry-After")
            if attempt < request.attempts:
                time.sleep(seconds_until(attempt, wait))
        raise failed

    def decoded(self, request: Request, body: bytes, form: type[Answer]) -> Answer:
        """TransientError: the server sent something else."""
        try:
            return msgspec.json.decode(body, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            where = self.address_of(request)
            raise TransientError(f"{where} sent another answer than a {self._kind.name} does: {error}") from error

    def address_of(self, request: Request) -> str:
        return f"{self._api.url}{request.path}"

    def too_slow(self, about: str) -> DataError:
        limit = "raise `seconds` of the format's `limits`"
        return DataError(about, f"not read within {self._seconds} seconds by {self._kind.called}: {limit}")

    def told(self, words: str) -> str:
        """What the server says, as far as it may be repeated: it may say the key, too."""
        return (words.replace(self._api.key, "…") if self._api.key else words)[:SAID]

    def close(self) -> None:
        self._pool.clear()

    def _send(self, request: Request) -> tuple[int, urllib3.HTTPHeaderDict, bytes]:
        key = {self._kind.key_header: self._api.key} if self._api.key else {}
        response = self._pool.request(
            "GET" if request.form is None else "POST",
            self.address_of(request),
            fields=request.form,
            headers={"accept": "application/json", **key},
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._seconds),
            retries=False,
            preload_content=False,
        )
        try:
            body = _body(response, time.monotonic() + self._seconds)
        finally:
            response.release_conn()
        if len(body) > MOST_BYTES:
            called = self._kind.called
            raise DataError(request.about, f"{called} makes more than {MOST_BYTES:,} bytes of it: exclude the object")
        return response.status, response.headers, body

    def _refuse(self, request: Request, status: int, body: bytes) -> None:
        """Raises what asking again does not mend."""
        where = self.address_of(request)
        if status == 404 and request.form is None:
            raise Gone
        if status in OF_THE_KEY:
            raise ConfigError(f"{where} refuses the key (status {status}): check `api_key` and `api_url`")
        if status in OF_THE_DOCUMENT:
            raise DataError(request.about, f"{self._kind.called} refuses it (status {status}): {self._words(body)}")
        if status in NEVER or (status < 500 and status not in MAY_PASS):
            raise ConfigError(f"{where} is no {self._kind.name} (status {status}): check `api_url`")

    def _words(self, body: bytes) -> str:
        return self.told(body.decode("utf-8", "replace"))


def seconds_until(attempt: int, asked: str | None = None) -> float:
    """How long to wait after the attempt: as long as the server says, else twice as long each time."""
    if asked is not None and asked.strip().isdecimal():
        return min(float(asked), LONGEST_WAIT)
    return FIRST_WAIT * 2.0 ** (attempt - 1)


def _body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """As far as it may go. TimeoutError: an answer that comes drop by drop has not ended by then."""
    body = bytearray()
    while len(body) <= MOST_BYTES and (part := response.read1(PIECE, decode_content=True)):
        body += part
        if time.monotonic() > deadline:
            response.close()
            raise TimeoutError
    return bytes(body)


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
