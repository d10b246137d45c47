"""What a provider says in the headers of an answer: when to come back, and what it allows.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from vector_ingest.allowances import Allowance, Allowances

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def retry_after(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Seconds, from `retry-after-ms` or `retry-after`, which may also be a date. None: not said, or not readable."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return seconds * factor
    try:
        date = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError, OverflowError):
        return None
    return max(0.0, date.timestamp() - clock())


def allowances_of(headers: Mapping[str, str]) -> Allowances | None:
    """The limits that an answer tells of. None: it tells of none."""
    requests, tokens = _allowance(headers, "requests"), _allowance(headers, "tokens")
    return Allowances(requests, tokens) if requests or tokens else None


def _allowance(headers: Mapping[str, str], kind: str) -> Allowance | None:
    limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
    remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
    # Azure has answered with -1 where it had nothing to say. https://github.com/openai/openai-dotnet/issues/838
    if not limit or remaining is None:
        return None
    return Allowance(limit, remaining, _duration(headers.get(f"x-ratelimit-reset-{kind}")))


def _number(text: str | None) -> float | None:
    """Not below zero, and finite."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number >= 0 and math.isfinite(number) else None


def _duration(text: str | None) -> float | None:
    """Seconds of `6m0s`, `12ms`; a bare number is seconds, as Azure writes it."""
    if not text or _PART.sub("", text):
        return _number(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
