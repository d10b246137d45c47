"""Three kinds of error, sorted by what to do next. Whatever is none of them is a bug of ours.

    ConfigError      the user can mend it: wrong setting, missing right, table of another shape   -> config_error
    TransientError   trying again mends it: throttling, restart, broken connection                -> transient_error
    DataError        one document or record can't be processed: look at the data                  -> config_error
    anything else    a bug                                                                        -> system_error

A message names the object, what was expected, what was found, and the remedy. It never holds a secret.
"""

from typing import Literal

from vector_ingest.allowances import Allowances

FailureType = Literal["config_error", "transient_error", "system_error"]


class ConfigError(Exception):
    """The configuration, or what it points to, must be changed by the user."""


class TransientError(Exception):
    """The same call may succeed later: `retry_after` says in how many seconds, where the service has said so.

    `throttled`: it was refused because there were too many, and nothing is wrong with the service; `allowances`: what
    it said then of its limits.
    """

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        *,
        throttled: bool = False,
        allowances: Allowances | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.throttled = throttled
        self.allowances = allowances


class DataError(Exception):
    """One document or record can't be processed; `where` names it (object and line, stream and key).

    `too_long`: less of it could be.
    """

    def __init__(self, where: str, reason: str, *, too_long: bool = False) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
        self.too_long = too_long


class ReportedError(Exception):
    """The work has failed in parts, and a message about each has left: nothing more is to be told."""


# What a user is told without a traceback.
EXPLAINED = (ConfigError, DataError, TransientError)


def failure_type(error: BaseException) -> FailureType:
    """The kind that the platform knows: it retries `transient_error`, and asks the user for `config_error`."""
    match error:
        case ConfigError() | DataError():
            return "config_error"
        case TransientError():
            return "transient_error"
        case _:
            return "system_error"
