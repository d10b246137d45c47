"""Errors of the service, of botocore and of the network: what they mean for a request, and what the user is told."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from vector_ingest.aws import SIGN_IN_REMEDIES, aws_errors
from vector_ingest.errors import ConfigError, TransientError

T = TypeVar("T")

# throttled  429, too fast                          unavailable  503, also: this batch is too much for the index
# broken     no answer, or an error of the service  invalid      400, something in the request itself
# missing    404, no such index or bucket           conflict     409, the name exists, or another change is going on
# refused    the user must mend something
Kind = Literal["throttled", "unavailable", "broken", "invalid", "missing", "conflict", "refused"]
_BY_STATUS: Mapping[int, Kind] = {
    400: "invalid",
    404: "missing",
    408: "broken",
    409: "conflict",
    413: "invalid",
    429: "throttled",
    503: "unavailable",
}
# Each Kms error comes with the status 400.
_KMS_REMEDIES: Mapping[str, str] = {
    "KmsDisabledException": "Enable the KMS key that encrypts the index",
    "KmsInvalidKeyUsageException": "The KMS key of the index must be symmetric, for encryption and decryption",
    "KmsInvalidStateException": "Bring the KMS key of the index back to the state Enabled",
    "KmsNotFoundException": "The KMS key of the index is gone: cancel its deletion, or load into a new index",
}
_NAMED_KEY = re.compile(r"Invalid record for key '(.+?)'(?:[:.,]|\s|$)", re.DOTALL)
_FOREIGN = (ClientError, BotoCoreError, HTTPError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Failure:
    """What came instead of an answer. `said` never holds a secret; `code` is empty where nothing was answered."""

    kind: Kind
    operation: str
    code: str
    said: str
    cause: Exception

    @property
    def key(self) -> str | None:
        """The vector's key that the service names as the invalid one."""
        found = _NAMED_KEY.search(self.said)
        return found[1] if found else None

    def explained(self, action: str, resource: str) -> ConfigError | TransientError:
        """For the user. `action` completes "Could not …"; `resource` is the ARN of the bucket or index."""
        if isinstance(self.cause, ConfigError | TransientError):
            return type(self.cause)(f"Could not {action}: {self.cause}")
        found = f"Could not {action}: {self.operation} on {resource} was answered with {self.code} ({self.said})"
        match self.kind:
            case "throttled" | "unavailable" | "broken" | "conflict":
                return TransientError(f"{found}. Run the sync again, later or with less load on the index.")
            case _:
                return ConfigError(f"{found}. {self._remedy(resource)}.")

    def _remedy(self, resource: str) -> str:
        if remedy := SIGN_IN_REMEDIES.get(self.code) or _KMS_REMEDIES.get(self.code):
            return remedy
        match self.code:
            case "AccessDeniedException":
                also = " (and s3vectors:GetVectors, for metadata)" if self.operation == "ListVectors" else ""
                return f"Grant s3vectors:{self.operation}{also} on {resource}"
            case "ServiceQuotaExceededException":
                return "Ask AWS for a higher quota of S3 Vectors, or make room"
            case "NotFoundException":
                return (
                    "Check the names of bucket and index, the account and the region; was it deleted during the sync?"
                )
            case _:
                return "Check the configuration"


def attempt(call: Callable[[], T]) -> T | Failure:
    """The call's answer, or what came instead. Whatever is no error of AWS or the network is a bug and is raised."""
    try:
        return call()
    except _FOREIGN as error:
        return failure_of(error)


def failure_of(error: Exception) -> Failure:
    if not isinstance(error, ClientError) or error.operation_name == "AssumeRole":
        return _before_an_answer(error)
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    code, said = str(answer.get("Code", "unknown")), " ".join(str(answer.get("Message", "")).split())
    fields: Any = error.response.get("fieldList") or ()
    said = "; ".join([said, *(f"{field.get('path')}: {field.get('message')}" for field in fields)])
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return Failure(_kind(status, code), error.operation_name, code, said, error)


def _kind(status: int, code: str) -> Kind:
    if code in _KMS_REMEDIES or code in SIGN_IN_REMEDIES:
        return "refused"
    if "Throttl" in code:  # not in the service's model, but of AWS's gateways
        return "throttled"
    return _BY_STATUS.get(status, "broken" if status >= 500 else "refused")


def _before_an_answer(error: Exception) -> Failure:
    """Signing in, the connection, its certificate: the same for all services of AWS."""
    try:
        with aws_errors("reach S3 Vectors"):
            raise error
    except TransientError as ours:
        return Failure("broken", "", "", str(ours), ours)
    except ConfigError as ours:
        return Failure("refused", "", "", str(ours), ours)
