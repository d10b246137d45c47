"""Sign-in to AWS, S3 clients, and the one place where AWS errors become ours.

The properties are those of Airbyte's source-s3. Temporary credentials of a role are renewed before they expire.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from botocore import UNSIGNED, exceptions
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.session import Session
from botocore.utils import parse_timestamp
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from urllib3.exceptions import HTTPError

from vector_ingest.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXTERNAL_ID_VARIABLE = "AWS_ASSUME_ROLE_EXTERNAL_ID"  # where Airbyte's own connectors look for it
# The AWS retry modes: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
ATTEMPTS, CONNECT_SECONDS, READ_SECONDS = 8, 10, 60


class IamUser(BaseModel):
    """Signs in with the access key of an IAM user, or with temporary keys and their session token."""

    model_config = ConfigDict(title="IAM user", str_strip_whitespace=True)  # pasted keys often end in a line break
    auth_type: Literal["iam_user"] = Field("iam_user", json_schema_extra={"order": 0})
    aws_access_key_id: SecretStr = Field(
        min_length=1,  # boto3 takes empty keys for none, and would sign in as the machine
        title="AWS Access Key ID",
        description="The access key ID of a user that may list the bucket and read its objects.",
        json_schema_extra={"order": 1},
    )
    aws_secret_access_key: SecretStr = Field(
        min_length=1,
        title="AWS Secret Access Key",
        description="The secret that belongs to the access key ID.",
        json_schema_extra={"order": 2},
    )
    aws_session_token: SecretStr | None = Field(
        None,
        title="AWS Session Token",
        description="Only for temporary keys: the token that was issued with them. Such keys expire.",
        json_schema_extra={"order": 3},
    )


class IamRole(BaseModel):
    """Assumes a role with the credentials that the connector's own machine has, and renews it as long as needed."""

    model_config = ConfigDict(title="IAM role")
    auth_type: Literal["iam_role"] = Field("iam_role", json_schema_extra={"order": 0})
    role_arn: str = Field(
        title="AWS Role ARN",
        description="The role to assume. Its trust policy must name who runs the connector.",
        examples=["arn:aws:iam::123456789012:role/read-documents"],
        json_schema_extra={"order": 1},
    )
    external_id: str | None = Field(
        None,
        title="External ID",
        description=f"The external ID that the trust policy asks for. If absent, {EXTERNAL_ID_VARIABLE} is used.",
        json_schema_extra={"order": 2},
    )


class DefaultCredentials(BaseModel):
    """Uses what the machine has: environment variables, profile, container or instance role."""

    model_config = ConfigDict(title="Credentials of the machine")
    auth_type: Literal["default_credentials"] = Field("default_credentials", json_schema_extra={"order": 0})


class Anonymous(BaseModel):
    """Sends unsigned requests: for public buckets only."""

    model_config = ConfigDict(title="None (public bucket)")
    auth_type: Literal["anonymous"] = Field("anonymous", json_schema_extra={"order": 0})


Credentials = Annotated[IamUser | IamRole | DefaultCredentials | Anonymous, Field(discriminator="auth_type")]


def session(credentials: Credentials, region: str | None) -> Session:
    """No request is sent before the first call that must be signed, except to look for the machine's credentials.

    botocore's session, as boto3's has one inside: importing boto3 takes a tenth of the start of a small read.
    """
    match credentials:
        case IamUser():
            token = credentials.aws_session_token
            signed_in = _core(region)
            signed_in.set_credentials(
                credentials.aws_access_key_id.get_secret_value(),
                credentials.aws_secret_access_key.get_secret_value(),
                token.get_secret_value() if token else None,
            )
            return signed_in
        case IamRole():
            return _role_session(credentials, region)
        case DefaultCredentials() | Anonymous():
            return _core(region)


def _core(region: str | None) -> Session:
    core = Session()
    if region:
        core.set_config_variable("region", region)
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse_time)
    return core


def _parse_time(value: Any) -> datetime:
    """Half of the time of a listing goes into its timestamps, if botocore has dateutil parse them."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):  # a number, or the form of HTTP's headers
        found = None
    if found is None or found.tzinfo is None:
        found = parse_timestamp(value)
    return found


def s3_client(credentials: Credentials, region: str | None, endpoint: str | None, connections: int = 10) -> "S3Client":
    """`endpoint` may lack its scheme. With one, the path names the bucket: few stores have a host name per bucket."""
    config = Config(
        signature_version=UNSIGNED if isinstance(credentials, Anonymous) else None,
        s3={"addressing_style": "path"} if endpoint else None,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        # Readers check lengths and pin the ETag; some other stores answer a ranged read with the whole's checksum.
        response_checksum_validation="when_required",
        request_checksum_calculation="when_required",
    )
    with aws_errors("sign in to AWS"):
        signed_in = session(credentials, region)
    client: S3Client = service_client(signed_in, "s3", region, endpoint, config)
    return client


def service_client(signed_in: Session, service: str, region: str | None, endpoint: str | None, config: Config) -> Any:
    """A client of any service; `region` None is the session's, `endpoint` may lack its scheme."""
    url = endpoint if not endpoint or "://" in endpoint else f"https://{endpoint}"
    with aws_errors("sign in to AWS"):
        try:
            create: Any = signed_in.create_client  # typed for literal names only
            return create(service, region_name=region or None, endpoint_url=url or None, config=config)
        except exceptions.InvalidRegionError as error:
            raise ConfigError(f"The region {region} is none. Expected a name such as eu-west-1.") from error
        except ValueError as error:  # botocore's word on an address that is none
            raise ConfigError(f"The endpoint {url} is no address. Expected one such as https://host:port.") from error


@dataclass(frozen=True, slots=True)
class _RoleCredentials:
    """Stands in for botocore's chain of credential providers in the session of a role."""

    credentials: DeferredRefreshableCredentials

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return self.credentials


def _role_session(role: IamRole, region: str | None) -> Session:
    machine = Session()
    with aws_errors(f"assume the role {role.role_arn}"):
        source = machine.get_credentials()
        if source is None:
            raise exceptions.NoCredentialsError
    external_id = role.external_id or os.environ.get(EXTERNAL_ID_VARIABLE)
    sts_region = region or machine.get_config_variable("region") or "us-east-1"  # roles are global, endpoints are not
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(machine.create_client, region_name=sts_region),
        source_credentials=source,
        role_arn=role.role_arn,
        extra_args={"RoleSessionName": "airbyte"} | ({"ExternalId": external_id} if external_id else {}),
    )
    assumed = _core(region)
    renewed = DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")
    assumed.register_component("credential_provider", _RoleCredentials(renewed))
    return assumed


# What the user can do about an answer, by its code.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the common errors of STS
_MISSING_RIGHT = "Grant s3:ListBucket on the bucket and s3:GetObject on its objects (and kms:Decrypt where KMS is used)"
_WRONG_KEY = "Check the access key ID, and that it is active and of this account or store"
_EXPIRED = "Give new temporary credentials, or use a role: its credentials are renewed"
SIGN_IN_REMEDIES: Mapping[str, str] = {  # of any service
    "InvalidAccessKeyId": _WRONG_KEY,
    "InvalidClientTokenId": _WRONG_KEY,
    "UnrecognizedClientException": _WRONG_KEY,
    "SignatureDoesNotMatch": "Check the secret access key",
    "InvalidSignatureException": "Check the secret access key",
    "InvalidToken": "Check the session token: it must have been issued with this access key",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestTimeTooSkewed": "Set the clock of the machine that runs the connector",
}
_REMEDIES: Mapping[str, str] = {
    **SIGN_IN_REMEDIES,
    "NoSuchBucket": "Check the bucket's name, the region and the endpoint",
    "AccessDenied": _MISSING_RIGHT,
    "AllAccessDisabled": _MISSING_RIGHT,
    "403": _MISSING_RIGHT,
    "InvalidObjectState": "Restore the object from the archive, or leave it out by the globs",
}
_WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_CHANGED = {"PreconditionFailed", "412", "InvalidRange"}  # the last: shrunk, in a store without If-Match
_GONE = {"NoSuchKey", "404"}
_SLOW_DOWN = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "429"}
_SIGN_IN_ERRORS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
)
_BROKEN_CONNECTIONS = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.IncompleteReadError,
    exceptions.MetadataRetrievalError,
    HTTPError,
    ConnectionError,
    TimeoutError,
)


@contextmanager
def aws_errors(action: str) -> Iterator[None]:
    """Turns the errors of botocore and urllib3 into ours; `action` completes "Could not …" and names the object.

    Errors that the tables above don't know stay as they are: they are bugs.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise _from_answer(action, error) from error
    except _SIGN_IN_ERRORS as error:
        remedy = "Give credentials in the configuration, or to the machine that runs the connector"
        raise ConfigError(f"Could not {action}: no usable AWS credentials ({error}). {remedy}.") from error
    except exceptions.NoRegionError as error:
        raise ConfigError(f"Could not {action}: the AWS region is not known. Set the region.") from error
    except exceptions.ParamValidationError as error:
        raise ConfigError(f"Could not {action}: {error}") from error
    except _BROKEN_CONNECTIONS as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            remedy = "Check the endpoint's name and its certificate"
            raise ConfigError(f"Could not {action}: {error}. {remedy}.") from error
        remedy = "Check the endpoint and the network if this stays"
        raise TransientError(f"Could not {action}: {str(error) or type(error).__name__}. {remedy}.") from error


def _from_answer(action: str, error: exceptions.ClientError) -> ConfigError | TransientError:
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    code = str(answer.get("Code", "unknown"))
    metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    status = int(metadata.get("HTTPStatusCode", 0))
    found = f"Could not {action}: {error.operation_name} was answered with {code}"
    if error.operation_name == "AssumeRole" and code == "AccessDenied":
        remedy = "Check that the role's trust policy names who runs the connector, and that the external ID is the same"
        return ConfigError(f"{found} ({answer.get('Message', '')}). {remedy}.")
    if code in _REMEDIES:
        # Only the refusal's own words add to its code; others may repeat parts of what was sent.
        said = f" ({answer['Message']})" if code == "AccessDenied" and answer.get("Message") else ""
        return ConfigError(f"{found}{said}. {_REMEDIES[code]}.")
    if code in _WRONG_REGION:
        return ConfigError(f"{found}. {_right_region(answer, metadata)}.")
    if code in _CHANGED:
        return TransientError(f"{found}: the object was changed while it was read. The next sync reads it anew.")
    if code in _GONE:
        return TransientError(f"{found}: it is not there, or no longer. The next sync lists the bucket anew.")
    if status >= 500 or code in _SLOW_DOWN or status == 429:
        return TransientError(f"{found} (HTTP {status}), also when asked again. Try later, or with fewer at once.")
    return ConfigError(f"{found} (HTTP {status}: {answer.get('Message', '')}). Check the configuration.")


def _right_region(answer: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    region = answer.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return f"The bucket is in the region {region}: set it" if region else "The bucket is in another region: set that"
