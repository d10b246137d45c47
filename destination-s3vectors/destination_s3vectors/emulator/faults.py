"""Faults by rule, as data: what goes wrong on purpose, for which operation, and when.

Rules are JSON objects, sent to `PUT /_emulator/faults` as {"seed": 1, "rules": [...]} or given to `Faults.set`:

    {"kind": "throttle", "operation": "PutVectors", "probability": 0.2, "burst": 3}
    {"kind": "reset_after", "calls": [2, 5]}          the 2nd and 5th call that fit the rule, from 1
    {"kind": "deny", "action": "s3vectors:GetVectors"}

Without `operation` a rule fits every call, without `calls` and `probability` always. The first rule that fires wins.
"""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from destination_s3vectors.emulator.errors import (
    ServiceError,
    access_denied,
    internal,
    request_timeout,
    too_many_requests,
    unavailable,
)

Kind = Literal[
    "throttle",  # 429 TooManyRequestsException
    "unavailable",  # 503 ServiceUnavailableException
    "internal",  # 500 InternalServerException
    "request_timeout",  # 408 RequestTimeoutException
    "error",  # the error named by `code`, with `status`
    "deny",  # 403 AccessDeniedException for calls that need the IAM `action`
    "timeout",  # no answer; the connection is closed after `seconds`
    "reset_before",  # the connection is reset, nothing was done
    "reset_after",  # the call takes effect, then the connection is reset instead of an answer
    "slow",  # the answer comes `seconds` later
]


@dataclass(frozen=True, slots=True)
class Rule:
    """`probability` from 0 to 1; `calls` counts those that fit this rule, from 1; `burst`: once the rule fires, so
    many calls in a row are hit, the first included; `times`: how many calls it may hit in all, None for no end."""

    kind: Kind
    operation: str | None = None
    probability: float | None = None
    calls: Sequence[int] = ()
    burst: int = 1
    times: int | None = None
    seconds: float = 1.0
    action: str | None = None
    code: str = "InternalServerException"
    status: int = 500
    message: str = "An injected fault"
    retry_after: float | None = None

    def error(self) -> ServiceError | None:
        """The answer, for the kinds that are one."""
        match self.kind:
            case "throttle":
                return too_many_requests("The request was denied due to request throttling", self.retry_after)
            case "unavailable":
                return unavailable()
            case "internal":
                return internal("The request failed due to an internal server error")
            case "request_timeout":
                return request_timeout("The request timed out. Retry your request.")
            case "deny":
                return access_denied(f"User is not authorized to perform: {self.action or 'this action'}")
            case "error":
                return ServiceError(self.code, self.status, self.message, retry_after=self.retry_after)
            case _:
                return None


@dataclass(slots=True)
class _Count:
    seen: int = 0
    fired: int = 0
    left: int = field(default=0)  # of the burst


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set((), seed=0)

    def set(self, rules: Sequence[Rule], seed: int = 0) -> None:
        """Instead of all rules so far. The same seed and order of calls give the same faults."""
        with self._lock:
            self._rules = [(rule, _Count()) for rule in rules]
            self._random = random.Random(seed)  # noqa: S311 -- to be repeatable, not secret

    def next(self, operation: str, actions: frozenset[str]) -> Rule | None:
        """The rule that hits this call; counted."""
        with self._lock:
            for rule, count in self._rules:
                if self._fits(rule, operation, actions) and self._fires(rule, count):
                    return rule
            return None

    def state(self) -> list[dict[str, Any]]:
        """The rules, with how many calls fitted and were hit."""
        with self._lock:
            return [asdict(rule) | {"seen": count.seen, "fired": count.fired} for rule, count in self._rules]

    def _fits(self, rule: Rule, operation: str, actions: frozenset[str]) -> bool:
        return rule.operation in {None, operation} and (rule.action is None or rule.action in actions)

    def _fires(self, rule: Rule, count: _Count) -> bool:
        count.seen += 1
        if rule.times is not None and count.fired >= rule.times:
            return False
        begins = count.seen in rule.calls or (not rule.calls and rule.probability is None)
        if rule.probability is not None:
            begins = self._random.random() < rule.probability or begins
        if begins and count.left == 0:
            count.left = rule.burst
        if count.left == 0:
            return False
        count.left -= 1
        count.fired += 1
        return True


def rule_from(given: Any, operations: Sequence[str]) -> Rule:
    """A rule as it came in JSON. Raises ValueError that says what is wrong with it."""
    names = [known.name for known in fields(Rule)]
    if not isinstance(given, Mapping) or given.keys() - set(names):
        raise ValueError(f"A rule is an object with some of {', '.join(names)}; got {given!r}")
    if given.get("kind") not in get_args(Kind):
        raise ValueError(f"`kind` is one of {', '.join(get_args(Kind))}; got {given.get('kind')!r}")
    if given.get("operation") not in {None, *operations}:
        raise ValueError(f"`operation` is one of {', '.join(operations)}; got {given.get('operation')!r}")
    if given["kind"] == "deny" and not given.get("action"):
        raise ValueError("A rule of the kind deny needs `action`, such as s3vectors:GetVectors")
    return Rule(**given)
