"""One check: what is expected of a call, and what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from destination_s3vectors.emulator.probe.ground import Ground

Verdict = Literal["ok", "differs", "skipped"]
INVALID = "ValidationException 400"
MISSING = "NotFoundException 404"
CONFLICT = "ConflictException 409"


@dataclass(frozen=True, slots=True)
class Check:
    """`call` answers what is compared with `expected`; an error of the service is compared as "Code status".

    `is_guess`: the documentation does not say it, the emulator supposes it.
    """

    name: str
    expected: Any
    call: Callable[[Ground], Any]
    is_guess: bool = False
    needs_classic: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    check: Check
    found: Any
    verdict: Verdict


def guess(name: str, expected: Any, call: Callable[[Ground], Any]) -> Check:
    return Check(name, expected, call, is_guess=True)


def classic(name: str, expected: Any, call: Callable[[Ground], Any]) -> Check:
    """Left out where the endpoint gives a new bucket no CLASSIC index."""
    return Check(name, expected, call, needs_classic=True)


def run(check: Check, ground: Ground) -> Result:
    if check.needs_classic and not ground.has_classic:
        return Result(check, "a new bucket can't have a CLASSIC index here", "skipped")
    try:
        found = check.call(ground)
    except ClientError as error:
        answer: Any = error.response
        found = f"{answer['Error']['Code']} {answer['ResponseMetadata']['HTTPStatusCode']}"
    except (KeyError, IndexError) as error:  # a member that must be in the answer
        found = f"the answer has no {error}"
    return Result(check, found, "ok" if found == check.expected else "differs")
