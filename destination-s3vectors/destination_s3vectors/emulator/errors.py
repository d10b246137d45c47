"""The service's errors, as the emulator's operations raise them. The server turns them into answers of rest-json."""

from collections.abc import Sequence

Field = tuple[str, str]  # path, message


class ServiceError(Exception):
    """An answer that is an error: `code` is the name of the model's shape, `status` that of HTTP.

    `fields` is for a ValidationException only. `retry_after`: seconds, sent as the header of that name.
    """

    def __init__(
        self, code: str, status: int, message: str, fields: Sequence[Field] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.fields = tuple(fields)
        self.retry_after = retry_after


def validation(message: str, *fields: Field) -> ServiceError:
    return ServiceError("ValidationException", 400, message, fields)


def invalid_fields(*fields: Field) -> ServiceError:
    """A ValidationException about members of the request, worded as the service words it."""
    count = f"{len(fields)} validation error{'s' if len(fields) > 1 else ''} detected. "
    return validation(count + "; ".join(message for _, message in fields), *fields)


def not_found(message: str) -> ServiceError:
    return ServiceError("NotFoundException", 404, message)


def conflict(message: str) -> ServiceError:
    return ServiceError("ConflictException", 409, message)


def access_denied(message: str) -> ServiceError:
    return ServiceError("AccessDeniedException", 403, message)


def quota_exceeded(message: str) -> ServiceError:
    return ServiceError("ServiceQuotaExceededException", 402, message)


def too_many_requests(message: str, retry_after: float | None = None) -> ServiceError:
    return ServiceError("TooManyRequestsException", 429, message, retry_after=retry_after)


def unavailable(message: str = "Currently unable to handle the request") -> ServiceError:
    return ServiceError("ServiceUnavailableException", 503, message)


def internal(message: str) -> ServiceError:
    return ServiceError("InternalServerException", 500, message)


def request_timeout(message: str) -> ServiceError:
    return ServiceError("RequestTimeoutException", 408, message)
