"""Limits per minute, kept as the services say that they keep them: a bucket that fills continuously (OpenAI), or a
count that begins anew each minute (Azure's tokens).

https://platform.openai.com/docs/guides/rate-limits
https://learn.microsoft.com/azure/ai-services/openai/how-to/quota
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`size` is the limit of a minute; what was taken comes back evenly, or all at once when the minute is over."""

    size: float
    level: float
    at: float
    by_window: bool = False
    begun: float = 0.0

    def refill(self, now: float, minute: float) -> None:
        if self.by_window:
            minutes = (now - self.begun) // minute
            if minutes > 0:
                self.level, self.begun = self.size, self.begun + minutes * minute
            self.at = now
            return
        self.level = min(self.size, self.level + (now - self.at) * self.size / minute)
        self.at = now

    def seconds_until(self, wanted: float, minute: float) -> float:
        if self.by_window:
            return self.begun + minute - self.at
        return max(0.0, (min(wanted, self.size) - self.level) * minute / self.size)


class Limits:
    """Not for many threads at once: the server locks."""

    def __init__(
        self,
        tokens: float | None = None,
        requests: float | None = None,
        *,
        minute: float = 60.0,
        begin: float = 1.0,
        headers: bool = True,
        retry_after: bool = True,
        by_window: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`minute`: how many seconds a minute has here. `begin`: how full the buckets are, from 0 to 1.

        `headers`, `retry_after`: whether the answers have them. `by_window`: all comes back when a minute is over.
        """
        self.minute, self._clock = minute, clock
        self._headers, self._retry_after = headers, retry_after
        self.accepted: list[tuple[float, int]] = []  # when, and how many tokens
        self.refused_at: list[float] = []
        self._buckets: dict[str, Bucket] = {}
        for kind, size in (("tokens", tokens), ("requests", requests)):
            if size is not None:
                self._buckets[kind] = Bucket(size, size * begin, clock(), by_window, clock())

    def change(self, kind: str, size: float) -> None:
        """In mid-run. What is in the bucket stays, as far as it fits."""
        bucket = self._buckets[kind]
        bucket.refill(self._clock(), self.minute)
        bucket.size, bucket.level = size, min(bucket.level, size)

    @property
    def refused(self) -> int:
        return len(self.refused_at)

    def used_after(self, share: float) -> tuple[int, float]:
        """Tokens that were taken after this share of the time, and in how many seconds."""
        begin, end = self.accepted[0][0], self.accepted[-1][0]
        since = begin + share * (end - begin)
        steady = [(at, tokens) for at, tokens in self.accepted if at >= since]
        return sum(tokens for _, tokens in steady[1:]), steady[-1][0] - steady[0][0]

    def take(self, tokens: int) -> tuple[bool, dict[str, str]]:
        """Whether the request may pass, and the headers of its answer."""
        now = self._clock()
        wanted = {"tokens": tokens, "requests": 1}
        for bucket in self._buckets.values():
            bucket.refill(now, self.minute)
        wait = max((b.seconds_until(wanted[kind], self.minute) for kind, b in self._buckets.items()), default=0.0)
        fits = all(bucket.level >= wanted[kind] for kind, bucket in self._buckets.items())
        if fits:
            for kind, bucket in self._buckets.items():
                bucket.level -= wanted[kind]
            self.accepted.append((now, tokens))
        else:
            self.refused_at.append(now)
        return fits, self._told(None if fits else wait)

    def _told(self, wait: float | None) -> dict[str, str]:
        told: dict[str, str] = {}
        for kind, bucket in self._buckets.items() if self._headers else ():
            told[f"x-ratelimit-limit-{kind}"] = str(int(bucket.size))
            told[f"x-ratelimit-remaining-{kind}"] = str(int(bucket.level))
            told[f"x-ratelimit-reset-{kind}"] = _duration(bucket.seconds_until(bucket.size, self.minute))
        if wait is not None and self._retry_after:
            told["retry-after-ms"] = str(int(wait * 1000) + 1)
            told["retry-after"] = str(int(wait) + 1)
        return told


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `12ms`, `1.2s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.3f}s"
