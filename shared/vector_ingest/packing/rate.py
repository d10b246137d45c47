"""How much may leave in a minute: as given, as the service tells, or as its refusals teach.

A limit that the service tells of with each answer is a bucket whose level is known: all of it may be used at once, and
then what comes back. One that only the configuration names is spread evenly, since nobody says what is left of it. And
where neither is known, the first refusal measures what the service has taken.
"""

from vector_ingest.allowances import Allowance, Allowances

MINUTE = 60.0
EVEN = 0.975  # of a limit that is spread evenly; with one piece of it, the most of any minute stays under the whole
PIECES = 50  # of a limit that is spread evenly
PIECES_TOLD = 20  # of one that is told: small enough that the last one does not wait for long
TOLD = 0.99  # of what comes back by the clock; each answer corrects it
SECOND = 1 / 60  # of a minute: requests come in no greater burst, https://platform.openai.com/docs/guides/rate-limits
NOT_EVEN = 0.2  # of a minute that a reset is off from a bucket's: then all comes back at once, when the minute is over
FIRST_TRY = 8_000.0  # tokens of the first request; twice as many after each that was taken
# Refusals while enough was said to be left: others use the account, or it is kept more strictly than said.
SURPRISES = 2
BLIND_CUT = 0.9  # at least, where too little was taken since the last refusal to measure it well
FIRST_CUT, CUT = 0.7, 0.97  # of what was taken until the first refusal, and between two
LEAST = 1_000.0  # tokens a minute that are tried, whatever is refused
GROWTH, MOST_GROWTH = 0.02, 1.0  # of what was learned, each minute; doubled each minute without a refusal


class Budget:
    """One limit. Not for many threads at once. `given` is the configuration's."""

    def __init__(self, given: float | None, minute: float, now: float, burst: float | None = None) -> None:
        """`burst`: share of the limit that may go at once, whatever is left."""
        self._given, self._minute, self._burst = given, minute, burst
        self._told: float | None = None
        self._learned: float | None = None
        self._growth = GROWTH
        self._by_window = False
        self._whole_at: float | None = None  # by window: when it is whole again
        self._surprises = 0  # refusals while enough seemed to be left
        self._at = now
        self._level = self._cap()

    @property
    def limit(self) -> float | None:
        known = [limit for limit in (self._given, self._told, self._learned) if limit is not None]
        return min(known, default=None)

    @property
    def piece(self) -> float | None:
        """The most that one request should take of it."""
        limit = self.limit
        return None if limit is None else limit / (PIECES_TOLD if self._is_known_level() else PIECES)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may leave."""
        self._refill(now)
        missing = min(amount, self._cap()) - self._level
        if self.limit is None or missing <= 1e-9 * self.limit:  # less is what floating point adds
            return 0.0
        if self._whole_at is not None:
            return max(0.0, self._whole_at - now)
        return missing / self._per_second()

    def take(self, amount: float) -> None:
        if self.limit is not None:
            self._level -= amount

    def told(self, allowance: Allowance, in_flight: float, now: float) -> None:
        """An answer came; `in_flight` may have come to the service before it or not."""
        self._refill(now)
        if allowance.limit != self._told:
            self._told, self._by_window, self._surprises = allowance.limit, False, 0
        if self._surprises < SURPRISES:
            self._learned = None
        if self.limit != self._told:
            self._level = min(self._level, allowance.remaining - in_flight)
            return
        self._level = min(self._cap(), allowance.remaining - in_flight)
        if allowance.reset is not None:
            even = (1 - allowance.remaining / allowance.limit) * self._minute
            self._by_window |= abs(allowance.reset - even) > NOT_EVEN * self._minute
            # A limit a minute is whole after a minute: what says more, as limits a day do, is asked again by then, and
            # its refusals have a deadline.
            self._whole_at = now + min(allowance.reset, self._minute) if self._by_window else None

    def refused(self, taken: float, seconds: float, now: float, first: bool) -> None:
        """The service took `taken` in `seconds`, and no more. Nothing is left."""
        self._refill(now)
        is_told = self.limit is not None and self.limit == self._told
        self._surprises += is_told
        if not is_told or self._surprises >= SURPRISES:
            learned = self._measured(taken, seconds, first)
            self._learned = learned and max(LEAST, learned)
            self._growth = GROWTH
        self._level = min(self._level, 0.0)

    def _measured(self, taken: float, seconds: float, first: bool) -> float | None:
        """The limit, by what was taken until a refusal. Until the first one, a bucket that was full was taken, too."""
        limit = self.limit
        if not taken:
            return limit and limit * BLIND_CUT
        measured = taken / max(seconds, SECOND * self._minute) * self._minute * (FIRST_CUT if first else CUT)
        if limit is None:
            return measured
        return min(measured, limit if seconds > self._minute / 2 else limit * BLIND_CUT)

    def _refill(self, now: float) -> None:
        limit, passed = self.limit, now - self._at
        self._at = now
        if limit is None:
            return
        if self._whole_at is None:
            self._level = min(self._cap(), self._level + passed * self._per_second())
        elif now >= self._whole_at:
            self._level, self._whole_at = self._cap(), None
        if self._learned is not None:
            minutes = passed / self._minute
            self._learned *= 1 + self._growth * minutes
            self._growth = min(MOST_GROWTH, self._growth * 2**minutes)

    def _per_second(self) -> float:
        limit = self.limit or 0.0
        return limit * (TOLD if self._is_known_level() else EVEN) / self._minute

    def _cap(self) -> float:
        """The most that may be left, and so go at once."""
        limit = self.limit or 0.0
        if self._burst is not None:
            return max(1.0, limit * self._burst)
        return limit if self._is_known_level() else limit / PIECES

    def _is_known_level(self) -> bool:
        return self.limit == self._told and self._surprises < SURPRISES


class Rate:
    """Requests and tokens of one model. Not for many threads at once: the packer locks."""

    def __init__(
        self, requests: float | None = None, tokens: float | None = None, *, now: float, minute: float = MINUTE
    ) -> None:
        """Limits a minute, as given. `minute` is the service's, in seconds; `now` as in all calls."""
        self._requests = Budget(requests, minute, now, SECOND)
        self._tokens = Budget(tokens, minute, now)
        self._try = FIRST_TRY  # tokens of a request, while nothing is known
        self._pause_until = now
        self._measured_from, self._taken, self._refusals = now, 0.0, 0

    @property
    def is_known(self) -> bool:
        """Whether a limit of tokens is known: then what is left says when to come back."""
        return self._tokens.limit is not None

    @property
    def most_tokens(self) -> float:
        """Of one request: small pieces keep the pace even, and large ones need fewer requests."""
        piece, tokens, requests = self._tokens.piece, self._tokens.limit, self._requests.limit
        if piece is None or tokens is None:
            return self._try
        return piece if requests is None else max(piece, tokens / (0.8 * requests))

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request of so many tokens may leave."""
        waits = (self._pause_until - now, self._requests.wait(1, now), self._tokens.wait(tokens, now))
        return max(0.0, *waits)

    def take(self, tokens: float) -> int:
        """It leaves. What is returned is for `refused`."""
        self._requests.take(1)
        self._tokens.take(tokens)
        return self._refusals

    def accepted(self, tokens: float) -> None:
        self._taken += tokens
        self._try = max(self._try, 2 * tokens)

    def told(self, allowances: Allowances, in_flight: tuple[int, float], now: float) -> None:
        """By any answer; `in_flight` are the requests and tokens that were not yet answered."""
        if allowances.requests:
            self._requests.told(allowances.requests, in_flight[0], now)
        if allowances.tokens:
            self._tokens.told(allowances.tokens, in_flight[1], now)

    def refused(self, taken: int, tokens: float, pause: float, now: float) -> None:
        """There were too many: nothing leaves for `pause` seconds. Those that left together teach but once."""
        if taken == self._refusals:
            self._tokens.refused(self._taken, now - self._measured_from, now, first=not taken)
            self._measured_from, self._taken, self._refusals = now, 0.0, self._refusals + 1
            self._try = max(FIRST_TRY / 8, tokens / 2)
        self._pause_until = max(self._pause_until, now + pause)
