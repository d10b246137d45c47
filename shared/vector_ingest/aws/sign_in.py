"""From the form's credentials to a session of botocore. A role's credentials are renewed before they expire."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import Any

from botocore import exceptions
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import Loader, create_loader
from botocore.session import Session
from botocore.utils import parse_timestamp

from vector_ingest.aws.credentials import (
    EXTERNAL_ID_VARIABLE,
    Anonymous,
    Credentials,
    DefaultCredentials,
    IamRole,
    IamUser,
)
from vector_ingest.aws.errors import aws_errors
from vector_ingest.errors import EXPLAINED, ConfigError

logger = logging.getLogger("airbyte")
SESSION_NAME = "airbyte"
EARLY = 0.25  # of how long credentials are good for is left when new ones are fetched
LATE = 0.05  # is left when every request waits for them, and a failure is one
PATIENCE = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})  # with STS: a reader waits
# Where a role of a partition is assumed if no region says so. https://docs.aws.amazon.com/general/latest/gr/sts.html
FIRST_REGION = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def session(credentials: Credentials, region: str | None, name: str = SESSION_NAME) -> Session:
    """No request is sent before the first call that must be signed, except to look for the machine's credentials.

    botocore's session, as boto3's has one inside: importing boto3 takes a tenth of the start of a small read.
    `name`: what a role's session is called where the form does not say.
    ConfigError: these credentials may not be used here, or the machine's configuration of AWS is wrong.
    """
    if in_cloud():
        _require_own(credentials)
    with aws_errors("sign in to AWS"):
        match credentials:
            case IamUser():
                return _user_session(credentials, region)
            case IamRole():
                return _role_session(credentials, region, name)
            case DefaultCredentials() | Anonymous():
                return _core(region)


def in_cloud() -> bool:
    """Whether the platform runs the connectors of many tenants on its own machines. Its word for it, in any case."""
    return os.environ.get("DEPLOYMENT_MODE", "").casefold() == "cloud"


def _require_own(credentials: Credentials) -> None:
    """There a tenant must not act as the platform, nor as another tenant whose role trusts the platform."""
    match credentials:
        case DefaultCredentials():
            raise ConfigError(
                "The credentials of the machine can't be used in the cloud: they are the platform's. Use an IAM role "
                "with an external ID, an IAM user, or `anonymous` for a public bucket."
            )
        case IamRole() if not _external_id(credentials):
            raise ConfigError(
                f"The role {credentials.role_arn} has no external ID, without which no role is assumed in the cloud. "
                "Set `external_id` to the one that its trust policy asks for."
            )


def _external_id(role: IamRole) -> str | None:
    return role.external_id or os.environ.get(EXTERNAL_ID_VARIABLE) or None


def _core(region: str | None) -> Session:
    core = Session()
    core.register_component("data_loader", _loader(core.get_config_variable("data_path")))
    if region:
        core.set_config_variable("region", region)
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    return core


@cache
def _loader(data_path: str | None) -> Loader:
    """One for all sessions: what botocore knows of a service is read from its files once, which takes 0.1 s."""
    return create_loader(data_path)


def _parse_time(value: Any) -> datetime:
    """Half of the time of a listing goes into its timestamps, if botocore has dateutil parse them."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):  # a number, or the form of HTTP's headers
        found = None
    if found is None or found.tzinfo is None:
        found = parse_timestamp(value)
    return found


def _user_session(user: IamUser, region: str | None) -> Session:
    signed_in = _core(region)
    signed_in.set_credentials(
        user.aws_access_key_id.get_secret_value(),
        user.aws_secret_access_key.get_secret_value(),
        user.aws_session_token.get_secret_value() if user.aws_session_token else None,
    )
    return signed_in


@dataclass(frozen=True, slots=True)
class _RoleCredentials:
    """Stands in for botocore's chain of credential providers in the session of a role."""

    credentials: "RenewedCredentials"

    def load_credentials(self) -> "RenewedCredentials":
        return self.credentials


def _role_session(role: IamRole, region: str | None, name: str) -> Session:
    base = _user_session(role.user, None) if role.user else _core(None)
    place = _sts_region(role, base, region)
    with aws_errors(f"assume the role {role.role_arn}"):
        if base.get_credentials() is None:
            raise exceptions.NoCredentialsError
    request: dict[str, Any] = {"RoleArn": role.role_arn, "RoleSessionName": role.session_name or name}
    if external_id := _external_id(role):
        request["ExternalId"] = external_id
    if role.duration_seconds:
        request["DurationSeconds"] = role.duration_seconds

    def assume() -> "Issued":
        with aws_errors(f"assume the role {role.role_arn} ({_sent(role)})"):
            client: Any = base.create_client("sts", region_name=place, config=PATIENCE)
            try:
                return Issued.by(client.assume_role(**request))
            finally:
                client.close()

    assumed = _core(region or (None if role.partition in (None, "aws") else place))
    assumed.register_component("credential_provider", _RoleCredentials(RenewedCredentials(role.role_arn, assume)))
    return assumed


def _sent(role: IamRole) -> str:
    """Where the external ID comes from; not the ID, which tells others how to pass for this account's customer."""
    if role.external_id:
        return "with the external ID of the form"
    return f"with the external ID of {EXTERNAL_ID_VARIABLE}" if _external_id(role) else "without an external ID"


def _sts_region(role: IamRole, base: Session, region: str | None) -> str:
    """Where STS is asked: the region given, else the machine's, else the first of the role's partition.

    Each partition of AWS has its own accounts: STS of another one would only say that the key is not known.
    """
    given, machine = _partition(base, region), base.get_config_variable("region")
    if given and role.partition and given != role.partition:
        raise ConfigError(
            f"The role {role.role_arn} is of the partition {role.partition}, and the region {region} of {given}. "
            f"Set a region of {role.partition}, or a role of {given}."
        )
    if given and region:
        return region
    if machine and _partition(base, machine) == role.partition:
        return str(machine)
    return FIRST_REGION.get(role.partition or "", FIRST_REGION["aws"])


def _partition(session: Session, region: str | None) -> str | None:
    """None: another store's region, which may be called as it likes."""
    try:
        return str(session.get_partition_for_region(region)) if region else None
    except exceptions.UnknownRegionError:
        return None


@dataclass(frozen=True, slots=True)
class Issued:
    """Credentials as STS has issued them. `lifetime`: seconds, by the machine's clock."""

    keys: ReadOnlyCredentials
    expires: datetime
    lifetime: float

    @staticmethod
    def by(answer: dict[str, Any]) -> "Issued":
        """ConfigError: they have expired, so this machine's clock is wrong."""
        issued = answer["Credentials"]
        expires: datetime = issued["Expiration"]
        found = datetime.now(UTC)
        lifetime = (expires - found).total_seconds()
        if lifetime <= 0:
            raise ConfigError(
                f"The role's new credentials have expired at {expires:%Y-%m-%d %H:%M:%S} UTC, and this machine has "
                f"{found:%Y-%m-%d %H:%M:%S}. Set the clock of the machine that runs the connector."
            )
        keys = ReadOnlyCredentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
        return Issued(keys, expires, lifetime)

    @property
    def left(self) -> float:
        """The share of their lifetime."""
        return (self.expires - datetime.now(UTC)).total_seconds() / self.lifetime


class RenewedCredentials(BotoCredentials):
    """Fetched at the first request and again before they expire, by one thread while the others go on with the old.

    botocore's own are renewed 15 minutes before their end: a session of 15 minutes would be renewed at each request.
    """

    def __init__(self, name: str, fetch: Callable[[], Issued]) -> None:
        super().__init__("", "", method="assume-role")
        self._name, self._fetch = name, fetch
        self._issued: Issued | None = None
        self._lock = Lock()
        self._next_try = EARLY  # the share that is left at the next attempt

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """ConfigError or TransientError, once the old ones are at their end and there are no new ones."""
        issued = self._issued
        if issued is None or issued.left < LATE:
            with self._lock:
                if self._issued is None or self._issued.left < LATE:
                    self._take(self._fetch())
        elif issued.left < self._next_try and self._lock.acquire(blocking=False):
            try:
                if self._issued is issued:  # else another thread was faster
                    self._renew_early()
            finally:
                self._lock.release()
        assert self._issued is not None
        return self._issued.keys

    def _renew_early(self) -> None:
        try:
            self._take(self._fetch())
        except EXPLAINED as error:
            logger.warning("%s The credentials that it has are good for a while yet; it tries again.", error)
            self._next_try /= 2

    def _take(self, issued: Issued) -> None:
        self._issued, self._next_try = issued, EARLY
        logger.info("Assumed the role %s until %s UTC.", self._name, f"{issued.expires:%Y-%m-%d %H:%M:%S}")
