"""The rate, simulated: a client that always has more to send, against limits kept as the services keep them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.servers.embedding.limits import Limits
from vector_ingest.allowances import Allowance
from vector_ingest.embed.rate_headers import allowances_of, retry_after
from vector_ingest.packing.pace import Gate
from vector_ingest.packing.rate import Budget, Rate

LATENCY = 0.3  # seconds
MOST = 300_000  # tokens of a request, where the rate sets no lower limit


@dataclass(slots=True)
class Simulation:
    """Requests as large as the rate wants them, up to 32 in flight, by a clock that only moves here."""

    limits: Callable[[Callable[[], float]], Limits]
    rate: Rate = field(default_factory=lambda: Rate(now=0))
    gate: Gate = field(default_factory=lambda: Gate(32, start=1))
    now: float = 0.0
    flight: list[tuple[float, int, int, int]] = field(default_factory=list)  # when it arrives, tokens, tickets
    answered: list[tuple[float, float, bool]] = field(default_factory=list)  # when, tokens, accepted
    server: Limits = field(init=False)

    def __post_init__(self) -> None:
        self.server = self.limits(lambda: self.now)

    def run(self, until: float) -> None:
        while self.now < until:
            tokens = int(max(1, min(MOST, self.rate.most_tokens)))
            wait = self.rate.wait(tokens, self.now) if self.gate.is_open() else 1e9
            arrives = self.flight[0][0] if self.flight else 1e9
            if self.now + wait <= arrives:
                self.now += wait
                if self.rate.wait(tokens, self.now) == 0:
                    self.flight.append((self.now + LATENCY, tokens, self.rate.take(tokens), self.gate.enter()))
            else:
                self.now = max(self.now, arrives)
                self._answer(*self.flight.pop(0)[1:])

    def _answer(self, tokens: int, taken: int, ticket: int) -> None:
        fits, headers = self.server.take(tokens)
        self.gate.leave(ticket, failed=False if fits else None)
        self.answered.append((self.now, tokens, fits))
        if fits:
            self.rate.accepted(tokens)
        else:
            self.rate.refused(taken, tokens, retry_after(headers) or 0.0, self.now)
        if allowances := allowances_of(headers):
            self.rate.told(allowances, (len(self.flight), sum(flying[1] for flying in self.flight)), self.now)

    def used(self, since: float) -> float:
        """Tokens a minute."""
        return sum(tokens for at, tokens, fits in self.answered if fits and at > since) / (self.now - since) * 60

    def refused(self) -> float:
        return sum(not fits for _, _, fits in self.answered) / len(self.answered)

    def most_of_a_minute(self) -> float:
        sent = [(at, tokens) for at, tokens, _ in self.answered]
        return max(sum(tokens for at, tokens in sent if begin <= at < begin + 60) for begin, _ in sent)


SIZES = [10_000, 100_000, 1_000_000, 10_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_that_is_told_is_used_and_not_exceeded(size: int) -> None:
    simulation = Simulation(lambda clock: Limits(size, 500, clock=clock))
    simulation.run(600)
    assert simulation.used(since=300) >= 0.95 * size
    assert simulation.refused() < 0.01


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_that_is_given_is_used_and_no_minute_is_above_it(size: int) -> None:
    simulation = Simulation(lambda clock: Limits(10 * size, clock=clock, headers=False), Rate(None, size, now=0))
    simulation.run(600)
    assert 0.95 * size <= simulation.used(since=300) <= size
    assert simulation.most_of_a_minute() <= size
    assert simulation.refused() == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_that_nobody_names_is_learned_from_refusals(size: int) -> None:
    simulation = Simulation(lambda clock: Limits(size, clock=clock, headers=False))
    simulation.run(1200)
    assert simulation.used(since=600) >= 0.9 * size
    assert simulation.refused() < 0.06  # to find a limit is to be refused: where it is told or given, none is


@pytest.mark.parametrize("size", SIZES[:3])
def test_a_limit_that_is_whole_again_when_the_minute_is_over_is_used(size: int) -> None:
    simulation = Simulation(lambda clock: Limits(size, 5000, clock=clock, by_window=True))
    simulation.run(600)
    assert simulation.used(since=300) >= 0.95 * size
    assert simulation.refused() < 0.01


@pytest.mark.parametrize(("before", "after"), [(1_000_000, 100_000), (100_000, 1_000_000), (1_000_000, 1_000)])
def test_a_limit_that_changes_is_followed(before: int, after: int) -> None:
    simulation = Simulation(lambda clock: Limits(before, 500, clock=clock))
    simulation.run(300)
    simulation.server.change("tokens", after)
    simulation.run(900)
    assert simulation.used(since=600) >= 0.95 * after
    assert simulation.refused() < 0.01


def test_a_small_sync_goes_at_once_where_enough_is_left() -> None:
    simulation = Simulation(lambda clock: Limits(1_000_000, 3000, clock=clock))
    simulation.run(10)
    assert sum(tokens for _, tokens, _ in simulation.answered) > 900_000


def test_after_a_refusal_nothing_is_left_whatever_seemed_to_be() -> None:
    budget = Budget(60_000, 60.0, now=0.0)
    assert budget.wait(1_000, 0.0) == 0
    budget.refused(taken=0, seconds=1.0, now=0.0, first=True)
    assert budget.wait(1_000, 0.0) > 1


def test_a_reset_of_more_than_a_minute_is_not_waited_for() -> None:
    """OpenAI's page has one of 6 minutes, a limit a day one of hours."""
    budget = Budget(None, 60.0, now=0.0)
    budget.told(Allowance(limit=200, remaining=0, reset=8 * 3600), in_flight=0, now=0.0)
    assert budget.wait(1, 0.0) == 60
    assert budget.wait(1, 60.0) == 0


def test_few_requests_a_minute_are_made_large() -> None:
    simulation = Simulation(lambda clock: Limits(1_000_000, 6, clock=clock))
    simulation.run(600)
    assert simulation.used(since=300) >= 0.95 * 1_000_000
    assert simulation.refused() < 0.01


def test_what_others_use_of_the_account_is_left_to_them() -> None:
    simulation = Simulation(lambda clock: Limits(1_000_000, 500, clock=clock))
    for second in range(1, 600):
        simulation.run(second)
        simulation.server.take(8_000)  # 480,000 a minute
    assert simulation.used(since=300) >= 0.95 * 520_000
    assert simulation.refused() < 0.02


def seconds_of(*headers: dict[str, str]) -> Iterator[float | None]:
    return (retry_after(each, clock=lambda: 0.0) for each in headers)


def test_the_time_to_come_back_is_read_in_each_of_its_forms() -> None:
    told = seconds_of(
        {"retry-after": "2.5"},
        {"retry-after-ms": "40", "retry-after": "1"},
        {"retry-after": "Thu, 01 Jan 1970 00:00:07 GMT"},
        {"retry-after": "soon"},
        {"retry-after": "-1"},
        {"retry-after": "Thu, 01 Jan 1970 00:00:07 +9999999999999999"},
        {},
    )
    assert list(told) == [2.5, 0.04, 7.0, None, None, None, None]


def test_limits_are_read_as_openai_and_azure_write_them() -> None:
    told = {
        "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000", "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }  # fmt: skip
    found = allowances_of(told)
    assert found
    assert found.requests
    assert found.tokens
    assert (found.requests.limit, found.requests.remaining, found.requests.reset) == (60, 59, 1)
    assert (found.tokens.limit, found.tokens.remaining, found.tokens.reset) == (150_000, 149_984, 360)
    azure = {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"}
    assert allowances_of(azure) is None
    assert allowances_of({"x-ratelimit-limit-tokens": "0", "x-ratelimit-remaining-tokens": "0"}) is None
