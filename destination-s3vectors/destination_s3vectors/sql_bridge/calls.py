"""One event's requests to S3 Vectors: how long they may take, and what their errors mean."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)

Event = Mapping[str, Any]
Json = dict[str, Any]
T = TypeVar("T")
CONNECT_SECONDS, READ_SECONDS = 3.0, 20.0  # that a client of any service waits

KINDS = {
    "AccessDeniedException": "denied",
    "NotFoundException": "missing",
    "ValidationException": "invalid",
    "ConflictException": "conflict",
    "ServiceQuotaExceededException": "quota",
    "TooManyRequestsException": "throttled",
    "RequestTimeoutException": "timeout",
    "ServiceUnavailableException": "unavailable",
    "InternalServerException": "unavailable",
    "KmsDisabledException": "key",
    "KmsInvalidKeyUsageException": "key",
    "KmsInvalidStateException": "key",
    "KmsNotFoundException": "key",
    "ExpiredTokenException": "sign_in",
    "UnrecognizedClientException": "sign_in",
    "InvalidSignatureException": "sign_in",
    # Of Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html (Errors)
    "ResourceNotFoundException": "missing",
    "ModelNotReadyException": "unavailable",
    "ModelTimeoutException": "unavailable",
    "ModelErrorException": "unavailable",
}
MENDED_BY_WAITING = ("throttled", "unavailable")


class RefusedError(Exception):
    """What the answer says instead of a result."""

    def __init__(self, kind: str, type_: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.type, self.message = kind, type_, message


@dataclass(frozen=True, slots=True)
class Call:
    """One event on its way to one index: the client of its region, and the moment at which it must be answered."""

    client: Any
    index: str  # the ARN
    event: Event
    deadline: float

    def ask(self, operation: str, **parameters: Any) -> Any:
        """The answer of S3 Vectors. RefusedError: none comes, as long as waiting may mend it and there is time."""

        def once() -> Any:
            try:
                return getattr(self.client, operation)(**parameters)
            except (ClientError, BotoCoreError) as error:
                raise refusal(error, operation) from error

        return self.insist(once)

    def insist(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives, again and again where its RefusedError may be mended by waiting."""
        for number in range(1, 100):
            try:
                return attempt()
            except RefusedError as refused:
                pause = random.uniform(0.5, 1) * 0.1 * 2**number  # noqa: S311 -- spreads sessions, no secret
                if refused.kind not in MENDED_BY_WAITING or time.monotonic() + pause > self.deadline:
                    raise
                time.sleep(pause)
        raise AssertionError("99 pauses, each twice the last, are longer than any deadline")

    @property
    def seconds_left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.1)

    def in_time(self) -> bool:
        return time.monotonic() < self.deadline


def refusal(error: ClientError | BotoCoreError, operation: str) -> RefusedError:
    """The error of botocore or of the service, as data."""
    if isinstance(error, ClientError):
        answer: Any = error.response
        code = str(answer.get("Error", {}).get("Code") or "unknown")
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        said = [str(answer.get("Error", {}).get("Message", ""))]
        said += [f"{each.get('path')}: {each.get('message')}" for each in answer.get("fieldList") or ()]
        kind = KINDS.get(code) or ("unavailable" if status >= 500 else "throttled" if "Throttl" in code else "refused")
        return RefusedError(kind, code, f"{operation}: {'; '.join(said)}")
    if isinstance(error, ReadTimeoutError | ConnectTimeoutError):
        hint = (
            "; can the function reach the service from its subnets?" if isinstance(error, ConnectTimeoutError) else ""
        )
        return RefusedError("timeout", type(error).__name__, f"{operation}: {error}{hint}")
    signed_out = isinstance(error, NoCredentialsError | PartialCredentialsError)
    return RefusedError("sign_in" if signed_out else "unavailable", type(error).__name__, f"{operation}: {error}")


def invalid(message: str) -> RefusedError:
    return RefusedError("invalid", "ValidationException", message)
