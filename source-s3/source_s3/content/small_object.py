"""The whole of a small object by one request of obstore, which takes a tenth of botocore's time for it.

Where and how the client asks is taken from a request of its own that is not sent. What is not the whole of the version
that was listed is no answer: the caller asks again by the client's way, which retries and says what is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import BotoCoreError

from source_s3.s3_object import Bucket, S3Object
from vector_ingest.aws.clients import Connection, connection_of, time_limits

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential, S3Store

OK = 200
FAILURES = 3  # in a row: the client may know better
AGENT, PAYER = "user-agent", "x-amz-request-payer"
PLAIN = (None, "v4", "s3v4")  # ways to sign that need nothing but keys and a region
# Keys that are no other key by the rules of obstore's paths, which escapes the other letters in its own way.
KEY = re.compile(r"[\w.=,@+ ()!$&':;-]+(/[\w.=,@+ ()!$&':;-]+)*")
DOTS = {".", ".."}
SOON = timedelta(minutes=1)  # obstore asks again for credentials that are good for less than five


def fetch_small(bucket: Bucket, found: S3Object) -> bytes | None:
    """The listed version, or None: not so."""
    return _way(bucket.client, bucket.holding(found)).fetch(found)


@dataclass(frozen=True, slots=True)
class _Model:
    """What all requests have in common. `base`: the address without the key. `region`: to sign for; None: unsigned."""

    base: str
    headers: Mapping[str, str]  # their names in lower case
    signer: Any
    region: str | None


class _ShortWay:
    """To one bucket. What fails again and again ends it."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._failures = 0
        model, connection = _model(client, bucket), connection_of(client)
        self._store = _store(bucket, model, connection) if model is not None and connection is not None else None

    def fetch(self, found: S3Object) -> bytes | None:
        store = self._store
        if store is None or not found.size or not _is_plain(found.key):
            return None
        from obstore import exceptions

        try:
            answer = store.get(found.key, options={"if_match": f'"{found.etag}"'})
            body = bytes(answer.bytes())
        except (FileNotFoundError, exceptions.PreconditionError):
            return None
        except exceptions.BaseError:
            self._failures += 1
            if self._failures >= FAILURES:
                self._store = None
            return None
        self._failures = 0
        pinned = (answer.meta["e_tag"] or "").strip('"') == found.etag
        return body if pinned and len(body) == found.size else None


@lru_cache(maxsize=16)
def _way(client: Any, bucket: str) -> _ShortWay:
    return _ShortWay(client, bucket)


def _is_plain(key: str) -> bool:
    return KEY.fullmatch(key) is not None and DOTS.isdisjoint(key.split("/"))


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
            headers = {name.lower(): value for name, value in params["headers"].items()}
            made.append(_Model(base.removesuffix("/"), headers, request_signer, region))
        none: Any = HeadersDict()
        return AWSResponse(params["url"], OK, none, None), {}

    event = "before-call.s3.GetObject"
    client.meta.events.register(event, answer)
    try:
        client.get_object(Bucket=bucket, Key=probe)
    except BotoCoreError:
        return None
    finally:
        client.meta.events.unregister(event, answer)
    return made[0] if made else None


def _store(bucket: str, model: _Model, connection: Connection) -> "S3Store | None":
    """None: what this client does can't be done so. (Here, a CA of one's own would count beside the usual ones.)"""
    if connection.ca_bundle or not model.headers.keys() <= {AGENT, PAYER}:
        return None
    from obstore.store import S3Store

    connect, read = time_limits()
    options: ClientConfig = {
        "allow_http": model.base.startswith("http:"),
        "allow_invalid_certificates": not connection.verify_tls,
        "connect_timeout": timedelta(seconds=connect),
        "read_timeout": timedelta(seconds=read),
        "timeout": timedelta(seconds=connect + read),
    }
    if AGENT in model.headers:
        options["user_agent"] = model.headers[AGENT]

    def credentials() -> "S3Credential":
        found = model.signer.get_auth_instance("s3", model.region, "s3v4").credentials
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": datetime.now(UTC) + SOON,
        }

    return S3Store(
        bucket,
        endpoint=model.base,
        virtual_hosted_style_request=True,  # the endpoint has the bucket's name, wherever it stands
        region=model.region or "us-east-1",
        skip_signature=model.region is None,
        request_payer=PAYER in model.headers,
        client_options=options,
        retry_config={"max_retries": 0},
        credential_provider=None if model.region is None else credentials,
    )
