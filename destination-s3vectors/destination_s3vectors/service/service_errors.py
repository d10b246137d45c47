"""Errors of the service, of botocore and of the network: what they mean for a request, and what the user is told."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from vector_ingest.aws.errors import SIGN_IN_REMEDIES, aws_errors
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
_ACTION = re.compile(r"s3vectors:[A-Z]\w+")
_FOREIGN = (ClientError, BotoCoreError, ResponseParserError, HTTPError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Failure:
    """What came instead of an answer. `said` never holds a secret; `code` is empty where nothing was answered."""

    kind: Kind
    operation: str
    code: str
    said: str
    cause: Exception
    retry_after: float = 0.0  # seconds, where the answer names them

    def names(self, key: str) -> bool:
        """Whether the service says that it is the vector with this key that is invalid."""
        return f"Invalid record for key '{key}'" in self.said

    def explained(self, action: str, resource: str) -> ConfigError | TransientError:
        """For the user. `action` completes "Could not …"; `resource` is the ARN of the bucket or index."""
        if not self.code:
            return _without_an_answer(action, self.cause)
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
                # A call may need a second right: of reading, where it gives metadata, or of tagging.
                named = _ACTION.search(self.said)
                action = named[0] if named else f"s3vectors:{self.operation}"
                also = " (and s3vectors:GetVectors, for metadata)" if action == "s3vectors:ListVectors" else ""
                return f"Grant {action}{also} on {resource}"
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
        kind: Kind = "broken" if isinstance(_without_an_answer("ask", error), TransientError) else "refused"
        return Failure(kind, "", "", str(error), error)
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    code, said = str(answer.get("Code") or "unknown"), str(answer.get("Message", ""))
    fields: Any = error.response.get("fieldList") or ()
    more = [f"{each.get('path')}: {each.get('message')}" for each in fields if str(each.get("message")) not in said]
    metadata: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    status, later = int(metadata.get("HTTPStatusCode", 0)), str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
    said = "; ".join([said, *more])
    wait = float(later) if later.isdecimal() else 0.0
    return Failure(_kind(status, code), error.operation_name, code, said, error, wait)


def _kind(status: int, code: str) -> Kind:
    if code in _KMS_REMEDIES or code in SIGN_IN_REMEDIES:
        return "refused"
    if "Throttl" in code:  # not in the service's model, but of AWS's gateways
        return "throttled"
    return _BY_STATUS.get(status, "broken" if status >= 500 else "refused")


def _without_an_answer(action: str, error: Exception) -> ConfigError | TransientError:
    """Signing in, the connection, its certificate: the same for all services of AWS."""
    if isinstance(error, ResponseParserError):
        return TransientError(f"Could not {action}: {error} Is the endpoint that of S3 Vectors?")
    try:
        with aws_errors(action):
            raise error
    except (ConfigError, TransientError) as ours:
        return ours
