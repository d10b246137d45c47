"""Which errors of a read concern the one object that was read, and which would befall the others as well."""

from collections.abc import Iterator
from typing import Literal

from botocore import exceptions
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from vector_ingest.errors import DataError, TransientError

Fault = Literal["gone", "changed", "unreadable"]

# Answers about one object: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
# All others are about the sign-in, the bucket or the whole store: no other object would fare better.
OF_ONE_OBJECT: dict[str, Fault] = {
    "NoSuchKey": "gone",
    "404": "gone",
    "PreconditionFailed": "changed",
    "412": "changed",
    "InvalidRange": "changed",  # shrunk, in a store without If-Match
    "AccessDenied": "unreadable",
    "AllAccessDisabled": "unreadable",
    "403": "unreadable",
    "InvalidObjectState": "unreadable",
    "InternalError": "unreadable",
    "500": "unreadable",
}
KEY_SERVICE = "KMS."  # the codes of a key that is disabled, deleted or withheld begin so
READS = ("GetObject", "HeadObject", "GetObjectTagging", "GetObjectAcl")
NO_CONNECTION = (
    exceptions.EndpointConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyConnectionError,
    exceptions.SSLError,
    exceptions.MetadataRetrievalError,
    NewConnectionError,
    ConnectTimeoutError,
)


def fault_of(error: Exception) -> Fault | None:
    """What is wrong with the one object that was read. None: the fault is not the object's."""
    for cause in _causes(error):
        if isinstance(cause, exceptions.ClientError):
            code = str(cause.response.get("Error", {}).get("Code"))
            of_key = code.startswith(KEY_SERVICE)
            return OF_ONE_OBJECT.get(code, "unreadable" if of_key else None) if cause.operation_name in READS else None
        if isinstance(cause, NO_CONNECTION) or _is_of_the_machine(cause):
            return None
    return "unreadable" if isinstance(error, TransientError | DataError) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_of_the_machine(cause: BaseException) -> bool:
    """A full disk, say. Some of botocore's errors are OSErrors, too."""
    of_network = (ConnectionError, TimeoutError, exceptions.BotoCoreError)
    return isinstance(cause, OSError) and not isinstance(cause, of_network)
