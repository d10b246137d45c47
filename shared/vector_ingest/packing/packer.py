"""Texts of all threads to vectors: in full requests, as many at once and as fast as the service allows, nothing lost.

A thread hands in its texts (`ask`) and waits for its vectors (`Asked.result`). A request leaves when it is full, or
when nobody is about to bring more; what is in it is chosen at the moment it leaves, from what all threads have handed
in. The same text is on its way once, however many wait for it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition
from typing import Self

import numpy as np
import numpy.typing as npt

from vector_ingest.allowances import Allowances
from vector_ingest.document import Vector
from vector_ingest.embed.embedder import Embedder, Usage
from vector_ingest.errors import DataError, TransientError
from vector_ingest.packing.pace import Gate, wait_before
from vector_ingest.packing.rate import Rate
from vector_ingest.packing.remembered import VectorCache
from vector_ingest.packing.requests import Given, Queue, Request, Tally, Text, Ticket, Waiting

DEADLINE = 600.0  # seconds until a request is given up


class Asked:
    """Texts that were handed in."""

    def __init__(self, packer: "Packer", mine: Sequence[Text], others: Sequence[Text], known: Mapping[bytes, Vector]):
        """`mine` are on their way because of this, `others` already were."""
        self._packer, self._mine, self._others, self._known = packer, mine, others, known
        self._waiting = Waiting(len(mine) + len(others))
        for text in (*mine, *others):
            text.waiting.append(self._waiting)

    def result(self) -> Given:
        """When all are there. Raises what ended the packer's work."""
        if self._waiting.missing:
            self._waiting.done.wait()
        if self._waiting.missing:
            self._packer.raise_failure()
        texts = [*self._mine, *self._others]
        return Given(
            {**self._known, **{text.digest: text.vector for text in texts if text.vector is not None}},
            {text.digest: text.refused for text in texts if text.refused is not None},
            embedded=sum(text.vector is not None for text in self._mine),
            tokens=sum(text.charged for text in self._mine),
        )


class Packer:
    """Shared by all threads. To be closed."""

    def __init__(
        self,
        embedder: Embedder,
        rate: Rate | None = None,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`deadline`: seconds in which a request must succeed, or any other where it is only throttled."""
        self.embedder = embedder
        self.tally = Tally()
        self._rate = rate or Rate(now=clock())
        self._deadline, self._clock = deadline, clock
        most = embedder.limits.at_once
        self._gate = Gate(most, start=1)  # each success adds one: the first answer tells what the service allows
        self._pool = ThreadPoolExecutor(most + 1, thread_name_prefix="embed")
        self._changed = Condition()  # guards all that follows
        self._queue = Queue(embedder.limits)
        self._again: list[Request] = []
        self._on_their_way: dict[bytes, Text] = {}
        self._cache = VectorCache(embedder.dimensions)
        self._bringing = 0  # threads that are about to hand in texts
        self._in_flight = self._in_flight_tokens = 0
        self._throttled_since: float | None = None  # none has succeeded since
        self._throttled_tries = 0
        self._failure: BaseException | None = None
        self._dispatcher: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(TransientError("The load has ended before all texts were embedded"))
        self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def bringing(self) -> Iterator[None]:
        """While this lasts, texts may come: a request that is not full waits for them."""
        with self._changed:
            self._bringing += 1
        try:
            yield
        finally:
            with self._changed:
                self._bringing -= 1
                self._changed.notify_all()

    def ask(self, texts: Mapping[bytes, str]) -> Asked:
        """Hand in texts by digest: equal digests, equal texts."""
        counted = {digest: Text(digest, text, self._count(text)) for digest, text in texts.items()}
        with self._changed:
            if counted:
                self.raise_failure()
            others = [self._on_their_way[digest] for digest in counted if digest in self._on_their_way]
            known = self._cache.find([digest for digest in counted if digest not in self._on_their_way])
            mine = [
                text for digest, text in counted.items() if digest not in known and digest not in self._on_their_way
            ]
            asked = Asked(self, mine, others, known)
            if mine:
                self._on_their_way |= {text.digest: text for text in mine}
                self._queue.add(mine)
                self._start()
                self._changed.notify_all()
        return asked

    def stop(self, error: BaseException) -> None:
        """Nothing leaves any more. Whoever waits is told `error`."""
        with self._changed:
            self._failure = self._failure or error
            for text in self._on_their_way.values():
                for waiting in text.waiting:
                    waiting.done.set()
            self._on_their_way, self._again, self._queue = {}, [], Queue(self.embedder.limits)
            self._changed.notify_all()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _count(self, text: str) -> int:
        # Where no limit is in tokens, what paces need only grow with the text.
        return self.embedder.count_tokens(text) if self.embedder.limits.tokens else len(text) // 4 + 1

    def _start(self) -> None:
        if self._dispatcher is None:
            self._dispatcher = self._pool.submit(self._dispatch)
            self._dispatcher.add_done_callback(self._ended)

    def _dispatch(self) -> None:
        while request := self._next():
            self._pool.submit(self._send, *request).add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        """What no provider's module made an error of ours is a bug, and ends the work as a wrong key does."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self.stop(error)

    def _next(self) -> tuple[Request, Ticket] | None:
        """The next request and its ticket, when it may leave. None: there will be no more."""
        with self._changed:
            while self._failure is None:
                now = self._clock()
                wait = self._wait(now)
                if wait == 0:
                    request = self._take(now)
                    self._in_flight += 1
                    self._in_flight_tokens += request.tokens
                    return request, Ticket(self._gate.enter(), self._rate.take(request.tokens))
                self._changed.wait(wait)
        return None

    def _wait(self, now: float) -> float | None:
        """Seconds until the next request may leave, or None: until something changes."""
        if not self._gate.is_open():
            return None
        first = min(self._again, key=lambda request: request.not_before, default=None)
        ready = bool(self._queue) and (not self._bringing or self._queue.is_full(self._rate.most_tokens))
        if first is not None and (first.not_before <= now or not ready):
            return max(first.not_before - now, self._rate.wait(first.tokens, now))
        if not ready:
            return None
        return self._rate.wait(self._queue.next_tokens(self._rate.most_tokens), now)

    def _take(self, now: float) -> Request:
        first = min(self._again, key=lambda request: request.not_before, default=None)
        if first is not None and first.not_before <= now:
            self._again.remove(first)
            return first
        return self._queue.take(self._rate.most_tokens)

    def _send(self, request: Request, ticket: Ticket) -> None:
        try:
            vectors, usage = self.embedder.embed([text.text for text in request.texts])
        except TransientError as error:
            self._failed(request, ticket, error)
        except DataError as error:
            self._refused(request, ticket, error)
        else:
            self._answered(request, ticket, vectors, usage)

    def _answered(self, request: Request, ticket: Ticket, vectors: npt.NDArray[np.float32], usage: Usage) -> None:
        request.share_out(usage.tokens)
        for text, vector in zip(request.texts, vectors, strict=True):
            text.vector = vector
        # Before they leave the way: a thread that asks for one of them finds it here or there.
        self._cache.keep({text.digest: text.vector for text in request.texts if text.vector is not None})
        with self._changed:
            now = self._leave(request, ticket, failed=False)
            self._throttled_since, self._throttled_tries = None, 0
            self.tally.tokens += usage.tokens
            self._rate.accepted(request.tokens)
            self._hear(usage.allowances, now)
            self._finish(request.texts)

    def _refused(self, request: Request, ticket: Ticket, error: DataError) -> None:
        """Halves are tried again, until the text is alone that is refused."""
        with self._changed:
            self._leave(request, ticket, failed=None)
            if len(request.texts) > 1:
                self._again += request.halves()
            else:
                request.texts[0].refused = error
                self._finish(request.texts)

    def _failed(self, request: Request, ticket: Ticket, error: TransientError) -> None:
        """Try again later, or give up: TransientError."""
        with self._changed:
            now = self._leave(request, ticket, failed=None if error.throttled else True)
            self.tally.retried += 1
            if error.throttled:
                self._throttled(request, ticket, error, now)
            else:
                request.tries += 1
                request.failing_since = now if request.failing_since is None else request.failing_since
                wait = wait_before(error, request.tries)
                self._give_up_after(request.tries, now + wait - request.failing_since, error)
                request.not_before = now + wait
                self._again.append(request)

    def _throttled(self, request: Request, ticket: Ticket, error: TransientError, now: float) -> None:
        """Nothing is wrong with the request: its texts leave again, packed anew, when the rate allows."""
        self.tally.throttled += 1
        self._throttled_tries += 1
        # Where others are let through, being throttled is only a matter of turns.
        self._throttled_since = now if self._throttled_since is None else self._throttled_since
        wait = 0.0 if not error.retry_after and self._rate.is_known else wait_before(error, self._throttled_tries)
        self._give_up_after(self._throttled_tries, now + wait - self._throttled_since, error)
        self._rate.refused(ticket.rate, request.tokens, wait, now)
        self._hear(error.allowances, now)
        if not request.isolating:
            self._queue.put_back(request.texts)
        elif len(request.texts) > 1 and request.tokens > self._rate.most_tokens:
            self._again += request.halves()
        else:
            self._again.append(request)

    def _hear(self, allowances: Allowances | None, now: float) -> None:
        if allowances is not None:
            self._rate.told(allowances, (self._in_flight, self._in_flight_tokens), now)

    def _give_up_after(self, tries: int, seconds: float, error: TransientError) -> None:
        if seconds > self._deadline:
            message = f"Gave up after {tries} tries within {self._deadline:.0f} seconds. {error}"
            raise TransientError(message, error.retry_after) from error

    def _leave(self, request: Request, ticket: Ticket, failed: bool | None) -> float:
        self._in_flight -= 1
        self._in_flight_tokens -= request.tokens
        self._gate.leave(ticket.gate, failed)
        self.tally.requests += 1
        self._changed.notify_all()
        return self._clock()

    def _finish(self, texts: Sequence[Text]) -> None:
        for text in texts:
            self._on_their_way.pop(text.digest, None)
            text.finish()
