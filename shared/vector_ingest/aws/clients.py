"""Clients of AWS, and of other stores that speak S3. Sign-in and errors have modules of their own."""

import base64
import binascii
import logging
import os
import re
import ssl
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from botocore import UNSIGNED, exceptions
from botocore.config import Config
from botocore.session import Session

from vector_ingest.aws.credentials import Anonymous, Credentials
from vector_ingest.aws.errors import aws_errors
from vector_ingest.aws.sign_in import SESSION_NAME, in_cloud, session
from vector_ingest.errors import ConfigError
from vector_ingest.patience import limit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger("airbyte")
# The AWS retry modes: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
ATTEMPTS, CONNECT_SECONDS, READ_SECONDS = 8, 10, 60
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
AddressingStyle = Literal["auto", "path", "virtual"]


@dataclass(frozen=True, slots=True)
class Connection:
    """How a store is spoken to. `ca_bundle`: certificates as PEM, which count in place of the usual ones."""

    addressing_style: AddressingStyle = "auto"
    verify_tls: bool = True
    ca_bundle: str | None = None
    requester_pays: bool = False


USUAL = Connection()
_CONNECTIONS: "weakref.WeakKeyDictionary[Any, Connection]" = weakref.WeakKeyDictionary()


def s3_client(
    credentials: Credentials,
    region: str | None,
    endpoint: str | None,
    connections: int = 10,
    connection: Connection = USUAL,
    session_name: str = SESSION_NAME,
) -> "S3Client":
    """`endpoint` may lack its scheme. With one, "auto" names the bucket in the path: few stores have hosts by bucket.

    ConfigError: the sign-in or the connection is not possible, or not allowed where the connector runs.
    """
    connect_seconds, read_seconds = time_limits()
    config = Config(
        signature_version=UNSIGNED if isinstance(credentials, Anonymous) else None,
        s3={"addressing_style": connection.addressing_style},
        retries={"mode": "standard", "total_max_attempts": limit("AWS_MAX_ATTEMPTS", ATTEMPTS)},
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        max_pool_connections=connections,
        # Readers check lengths and pin the ETag; some other stores answer a ranged read with the whole's checksum.
        response_checksum_validation="when_required",
        request_checksum_calculation="when_required",
    )
    signed_in = session(credentials, region, session_name)
    verify, forget = _trust(connection, endpoint)
    client: S3Client = service_client(signed_in, "s3", region, endpoint, config, verify)
    weakref.finalize(client, forget)
    _CONNECTIONS[client] = connection
    if connection.requester_pays:
        client.meta.events.register("before-parameter-build.s3", _pay, "requester-pays")
    return client


def connection_of(client: "S3Client") -> Connection | None:
    """None: it was not made here."""
    return _CONNECTIONS.get(client)


def time_limits() -> tuple[int, int]:
    """Seconds that a client of S3 waits for a connection, and for the next bytes."""
    connect = limit("S3_CONNECT_TIMEOUT_SECONDS", CONNECT_SECONDS)
    return connect, limit("S3_READ_TIMEOUT_SECONDS", READ_SECONDS)


def service_client(
    signed_in: Session,
    service: str,
    region: str | None,
    endpoint: str | None,
    config: Config,
    verify: bool | str | None = None,
) -> Any:
    """A client of any service; `region` None is the session's, `endpoint` may lack its scheme."""
    url = endpoint if not endpoint or "://" in endpoint else f"https://{endpoint}"
    if url and in_cloud() and not url.startswith("https://"):
        raise ConfigError(f"The endpoint {url} is not secure: in the cloud it must begin with https://.")
    with aws_errors("sign in to AWS"):
        try:
            create: Any = signed_in.create_client  # typed for literal names only
            return create(service, region_name=region or None, endpoint_url=url or None, config=config, verify=verify)
        except exceptions.InvalidRegionError as error:
            raise ConfigError(f"The region {region} is none. Expected a name such as eu-west-1.") from error
        except ValueError as error:  # botocore's word on an address that is none
            raise ConfigError(f"The endpoint {url} is no address. Expected one such as https://host:port.") from error


def certificates(bundle: str) -> str:
    """The certificates of a bundle as PEM, also where a form has made one line of it. ValueError: there are none."""
    try:
        found = [base64.b64decode("".join(each.replace("\\n", "").split()), validate=True) for each in _bodies(bundle)]
        pem = "".join(map(ssl.DER_cert_to_PEM_cert, found))
        ssl.create_default_context(cadata=pem)
    except (binascii.Error, ssl.SSLError, ValueError) as error:
        raise ValueError(f"expected certificates as PEM, found none that can be read ({error})") from None
    return pem


def _bodies(bundle: str) -> list[str]:
    found = CERTIFICATE.findall(bundle)
    if not found:
        raise ValueError("there is no line -----BEGIN CERTIFICATE-----")
    return found


def _trust(connection: Connection, endpoint: str | None) -> tuple[bool | str | None, Callable[[], None]]:
    """What botocore should verify certificates by, and what takes it away again."""
    if not connection.verify_tls:
        if in_cloud():
            raise ConfigError("TLS certificates must be verified in the cloud: set `verify_tls` to true.")
        logger.warning("The certificate of %s is not verified: whoever is in between can read along.", endpoint or "S3")
        return False, lambda: None
    return _private_file(connection.ca_bundle) if connection.ca_bundle else (None, lambda: None)


def _private_file(content: str) -> tuple[str, Callable[[], None]]:
    """The path of a file that botocore opens at each new connection, so it stays as long as the client.

    On Linux it lies in memory and has no name: nothing is left behind, however the process ends.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("ca-bundle", os.MFD_CLOEXEC)
        os.write(descriptor, content.encode())
        return f"/proc/self/fd/{descriptor}", partial(os.close, descriptor)
    descriptor, name = tempfile.mkstemp(suffix=".pem")  # readable for its owner alone
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return name, partial(Path(name).unlink, missing_ok=True)


def _pay(params: dict[str, Any], model: Any, **_: object) -> None:
    """Of a bucket whose requester pays, each request must say so."""
    if "RequestPayer" in model.input_shape.members:
        params.setdefault("RequestPayer", "requester")
