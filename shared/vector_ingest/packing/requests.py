"""Texts on their way to the model, packed into requests that are as full as the limits allow."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from vector_ingest.document import Vector
from vector_ingest.embed.embedder import Limits
from vector_ingest.errors import DataError


@dataclass(slots=True, eq=False)
class Waiting:
    """Somebody who waits for texts: `done` is set when none is missing, or when nothing comes any more."""

    missing: int = 0
    done: Event = field(default_factory=Event)


@dataclass(slots=True, eq=False)
class Text:
    """One text on its way. In the end either `vector` or `refused` is set."""

    digest: bytes
    text: str
    tokens: int  # as counted here, to pack and to pace
    charged: int = 0  # its share of what the provider says that the request took
    vector: Vector | None = None
    refused: DataError | None = None
    waiting: list[Waiting] = field(default_factory=list)

    def finish(self) -> None:
        for each in self.waiting:
            each.missing -= 1
            if not each.missing:
                each.done.set()


@dataclass(slots=True, eq=False)
class Request:
    """What goes to the model at once, and how often it did. `isolating`: one of its texts is refused."""

    texts: Sequence[Text]
    isolating: bool = False
    tries: int = 0
    failing_since: float | None = None
    not_before: float = 0.0
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = sum(text.tokens for text in self.texts)

    def halves(self) -> tuple["Request", "Request"]:
        """A text that is refused is in one of them."""
        middle = len(self.texts) // 2
        return Request(self.texts[:middle], isolating=True), Request(self.texts[middle:], isolating=True)

    def share_out(self, tokens: int) -> None:
        """Charge each text with its part: they add up to `tokens`."""
        total, counted, charged = max(1, self.tokens), 0, 0
        for text in self.texts:
            counted += text.tokens
            text.charged = tokens * counted // total - charged
            charged += text.charged


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to `ask`, by digest. `embedded` texts were sent for it, and `tokens` charged."""

    vectors: Mapping[bytes, Vector]
    refused: Mapping[bytes, DataError]
    embedded: int = 0
    tokens: int = 0

    def plus(self, more: "Given") -> "Given":
        return Given(
            {**self.vectors, **more.vectors},
            {**self.refused, **more.refused},
            self.embedded + more.embedded,
            self.tokens + more.tokens,
        )


@dataclass(slots=True)
class Tally:
    """Of all requests so far."""

    requests: int = 0
    throttled: int = 0  # answered with "too many"
    retried: int = 0  # throttled ones and those that failed otherwise
    tokens: int = 0  # as the provider says

    def told(self, price: float | None) -> str:
        """For the summary. `price`: of a million tokens."""
        if not self.requests:
            return ""
        text = f"{self.requests:,} requests to the model, {self.throttled:,} throttled, {self.retried:,} tried again"
        return text if price is None else f"{text}, cost {self.tokens / 1e6 * price:,.4f}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """When a request left, for the gate and for the rate: what failed together counts once."""

    gate: int
    rate: int


class Queue:
    """Texts in the order in which they came. What leaves together is chosen only when it can leave."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._texts: deque[Text] = deque()
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, texts: Sequence[Text]) -> None:
        self._texts.extend(texts)
        self.tokens += sum(text.tokens for text in texts)

    def put_back(self, texts: Sequence[Text]) -> None:
        self._texts.extendleft(reversed(texts))
        self.tokens += sum(text.tokens for text in texts)

    def is_full(self, most_tokens: float) -> bool:
        """Whether one request can't hold more than what is here."""
        return len(self._texts) >= self._limits.texts or self.tokens >= self._most(most_tokens)

    def next_tokens(self, most_tokens: float) -> float:
        """What the next request takes at most, if no text is above that."""
        return min(self.tokens, self._most(most_tokens))

    def take(self, most_tokens: float) -> Request:
        """The next request. A text that alone is above the limit goes alone."""
        most, taken, tokens = self._most(most_tokens), list[Text](), 0
        while self._texts and len(taken) < self._limits.texts:
            if taken and tokens + self._texts[0].tokens > most:
                break
            taken.append(self._texts.popleft())
            tokens += taken[-1].tokens
        self.tokens -= tokens
        return Request(taken)

    def _most(self, most_tokens: float) -> float:
        return most_tokens if self._limits.tokens is None else min(most_tokens, self._limits.tokens)
