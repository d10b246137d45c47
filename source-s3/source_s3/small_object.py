"""The whole of a small object by one request, without what botocore does around each: it takes half of the time.

Where and with which headers the client asks is taken from a request of its own that is not sent; its signer signs, and
its session sends (TLS, proxies, connections). What is not the whole of the version that was listed is no answer: the
caller asks again by the client's way, which retries, follows redirects and says what is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse, HeadersDict
from botocore.exceptions import BotoCoreError
from botocore.utils import percent_encode
from urllib3.exceptions import HTTPError

from source_s3.objects import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OK, THROTTLED, FAILED = 200, 429, 500
OF_THE_OBJECT = {404, 412}  # other refusals concern each request
UNESCAPED = "/~"  # in a key, as of botocore
PLAIN = (None, "v4", "s3v4")  # ways to sign that need nothing but keys and a region


def fetch_small(client: "S3Client", bucket: str, found: S3Object) -> bytes | None:
    """The listed version, or None: not so."""
    return _way(client, bucket).fetch(found)


@dataclass(frozen=True, slots=True)
class _Model:
    """What all requests have in common. `base`: the address without the key. `region`: to sign for; None: unsigned."""

    base: str
    headers: Mapping[str, str]
    signer: Any
    region: str | None


class _ShortWay:
    """To one bucket. A refusal that is not of the object ends it: the client may know better."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._session = client._endpoint.http_session  # the one name here that botocore does not publish
        self._model = _model(client, bucket)

    def fetch(self, found: S3Object) -> bytes | None:
        model = self._model
        if model is None or not found.size:
            return None
        try:
            answer = self._session.send(_request(model, found))
            body: bytes = answer.raw.read()
        except (BotoCoreError, HTTPError):
            return None
        if answer.status_code != OK:
            if answer.status_code < FAILED and answer.status_code not in {*OF_THE_OBJECT, THROTTLED}:
                self._model = None
            return None
        pinned = answer.headers.get("etag", "").strip('"') == found.etag
        return body if pinned and len(body) == found.size else None


@lru_cache(maxsize=16)
def _way(client: Any, bucket: str) -> _ShortWay:
    return _ShortWay(client, bucket)


def _model(client: Any, bucket: str) -> _Model | None:
    """Of a request that the client has made and that is answered here. None: this client asks in another way."""
    probe, made = uuid4().hex, list[_Model]()

    def answer(params: Mapping[str, Any], context: Mapping[str, Any], request_signer: Any, **_: Any) -> Any:
        base, found, rest = params["url"].partition(probe)
        if not found:  # of another thread
            return None
        signing, unsigned = context.get("signing", {}), client.meta.config.signature_version is UNSIGNED
        if not rest and (unsigned or (context.get("auth_type") in PLAIN and signing.get("signing_name", "s3") == "s3")):
            region = None if unsigned else signing.get("region") or client.meta.region_name
            made.append(_Model(base, dict(params["headers"]), request_signer, region))
        headers: Any = HeadersDict()
        return AWSResponse(params["url"], OK, headers, None), {}

    event = "before-call.s3.GetObject"
    client.meta.events.register(event, answer)
    try:
        client.get_object(Bucket=bucket, Key=probe)
    except BotoCoreError:
        return None
    finally:
        client.meta.events.unregister(event, answer)
    return made[0] if made else None


def _request(model: _Model, found: S3Object) -> AWSPreparedRequest:
    url = model.base + percent_encode(found.key, safe=UNESCAPED)
    request: Any = AWSRequest("GET", url, headers={**model.headers, "If-Match": f'"{found.etag}"'})
    if model.region is not None:
        model.signer.get_auth_instance("s3", model.region, "s3v4").add_auth(request)
    headers: Any = HeadersDict(dict(request.headers.items()))
    return AWSPreparedRequest("GET", url, headers, None, True)
