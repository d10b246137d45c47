"""What a service says of its limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer says of one limit: its size a minute, what is left of it, the seconds until it is whole again."""

    limit: float
    remaining: float
    reset: float | None = None


@dataclass(frozen=True, slots=True)
class Allowances:
    """Those of requests and tokens, as far as the provider tells them."""

    requests: Allowance | None = None
    tokens: Allowance | None = None
