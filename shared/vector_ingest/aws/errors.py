"""The one place where the errors of AWS, of botocore and of urllib3 become ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

from botocore import exceptions
from urllib3.exceptions import HTTPError

from vector_ingest.errors import ConfigError, TransientError

# What the user can do about an answer, by its code.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the common errors of STS
_MISSING_RIGHT = "Grant s3:ListBucket on the bucket and s3:GetObject on its objects (and kms:Decrypt where KMS is used)"
_WRONG_KEY = "Check the access key ID, and that it is active and of this account or store"
_EXPIRED = "Give new temporary credentials, or use a role: its credentials are renewed"
_CLOCK = "Set the clock of the machine that runs the connector"
SIGN_IN_REMEDIES: Mapping[str, str] = {  # of any service
    "InvalidAccessKeyId": _WRONG_KEY,
    "InvalidClientTokenId": _WRONG_KEY,
    "UnrecognizedClientException": _WRONG_KEY,
    "SignatureDoesNotMatch": "Check the secret access key",
    "InvalidSignatureException": "Check the secret access key",
    "InvalidToken": "Check the session token: it must have been issued with this access key",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "RequestInTheFuture": _CLOCK,
    "RegionDisabledException": "Activate STS in this region in the account's settings, or set another region",
}
_REMEDIES: Mapping[str, str] = {
    **SIGN_IN_REMEDIES,
    "NoSuchBucket": "Check the bucket's name, the region and the endpoint",
    "AccessDenied": _MISSING_RIGHT,
    "AllAccessDisabled": _MISSING_RIGHT,
    "403": _MISSING_RIGHT,
    "InvalidObjectState": "Restore the object from the archive, or leave it out by the globs",
}
_ROLE_REMEDIES: Mapping[str, str] = {
    "AccessDenied": "Check that the role's trust policy names who runs the connector, and asks for the same external "
    "ID; and that who runs it may call sts:AssumeRole on this role",
    "ValidationError": "Check the ARN, the session name, the external ID, and that the role's maximum session duration "
    "allows for the session's (an hour at most where a role assumes it)",
}
_CLOCK_WORDS = ("Signature expired", "Signature not yet current")  # what other services than S3 say of a wrong clock
_WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_CHANGED = {"PreconditionFailed", "412", "InvalidRange"}  # the last: shrunk, in a store without If-Match
_GONE = {"NoSuchKey", "404"}
_SLOW_DOWN = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "429"}
_SIGN_IN_ERRORS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.ConfigParseError,
    exceptions.InvalidConfigError,  # a profile that points to none
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
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")  # OpenSSL's words, before and since 3.2


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
            remedy = "Check the endpoint's name; where its certificate is of an own CA, give that as the CA bundle"
            raise ConfigError(f"Could not {action}: {error}. {remedy}.") from error
        if any(word in str(error) for word in _NO_TLS):
            remedy = "Check the endpoint's scheme and port: no TLS is spoken there (http:// asks for none)"
            raise ConfigError(f"Could not {action}: {error}. {remedy}.") from error
        remedy = "Check the endpoint and the network if this stays"
        raise TransientError(f"Could not {action}: {str(error) or type(error).__name__}. {remedy}.") from error


def _from_answer(action: str, error: exceptions.ClientError) -> ConfigError | TransientError:
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    code = str(answer.get("Code", "unknown"))
    metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    status = int(metadata.get("HTTPStatusCode", 0))
    found = f"Could not {action}: {error.operation_name} was answered with {code}"
    if error.operation_name == "AssumeRole" and code in _ROLE_REMEDIES:
        return ConfigError(f"{found} ({answer.get('Message', '')}). {_ROLE_REMEDIES[code]}.")
    if str(answer.get("Message", "")).startswith(_CLOCK_WORDS):
        return ConfigError(f"{found} ({answer['Message']}). {_CLOCK}.")
    if code in _REMEDIES:
        # Only the refusal's own words add to its code; others may repeat parts of what was sent.
        said = (
            f" ({answer['Message']})" if code == "AccessDenied" and answer.get("Message") else _clocks(metadata, code)
        )
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


def _clocks(metadata: Mapping[str, Any], code: str) -> str:
    """Both times, where one of them is wrong."""
    theirs = metadata.get("HTTPHeaders", {}).get("date")
    if _REMEDIES.get(code) != _CLOCK or not theirs:
        return ""
    return f" (there it is {theirs}, here {formatdate(usegmt=True)})"
