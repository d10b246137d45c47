"""Requests to S3 Vectors: many vectors at a time, many requests at once, as fast as the index takes them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from destination_s3vectors.service import limits
from destination_s3vectors.service.client import THREADS, client_for
from destination_s3vectors.service.patience import MENDED_BY_WAITING, PATIENCE, Counts, Patience, Tally
from destination_s3vectors.service.rate import BatchSize, Pacer
from destination_s3vectors.service.render import Vector, fill, request_buffer
from destination_s3vectors.service.service_errors import Failure, attempt
from vector_ingest.errors import TransientError
from vector_ingest.packing.pace import Gate

if TYPE_CHECKING:
    from mypy_boto3_s3vectors import S3VectorsClient

__all__ = ["Found", "RefusedVector", "Transport", "Vector", "client_for"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """A stored vector; `data` (shape (dimension,)) only where it was asked for."""

    metadata: Mapping[str, Any]
    data: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class RefusedVector:
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Lane:
    """What is known of one index's capacity for writes."""

    pacer: Pacer
    batch: BatchSize


class Transport:
    """Shared by all threads. Writes wait for their index's pace, so reads have threads of their own."""

    def __init__(
        self,
        client: "S3VectorsClient",
        threads: int = THREADS,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """`threads`: most requests at once, of writes and of reads each. `patience`: seconds without success."""
        self.client = client
        self._closed = Event()
        self._clock, self._sleep, self._seconds = clock, sleep or self._closed.wait, patience
        self._tally = Tally(clock)
        self._writers = ThreadPoolExecutor(threads, "put")
        self._readers = ThreadPoolExecutor(threads, "get")
        self._buffers = [request_buffer() for _ in range(threads)]  # those that no writer uses; the warmest is last
        self._gate = Gate(threads)
        self._lanes: dict[str, _Lane] = {}
        self._lock = Lock()

    @property
    def counts(self) -> Counts:
        return self._tally.counts

    def close(self) -> None:
        """Requests under way end; those that wait to be sent again are given up."""
        self._closed.set()
        for pool in (self._writers, self._readers):
            pool.shutdown(cancel_futures=True)

    def put(self, index: str, vectors: Sequence[Vector]) -> Sequence[RefusedVector]:
        """Returns when all are stored, except for the refused ones. Of vectors with the same key the last is stored.

        `index` is an ARN.
        """
        last = list({vector.key: vector for vector in vectors}.values())
        parts = [last[start : start + limits.PUT_VECTORS] for start in range(0, len(last), limits.PUT_VECTORS)]
        calls = [self._writers.submit(self._put, index, part) for part in parts]
        return [refused for part in _results(calls) for refused in part]

    def delete(self, index: str, keys: Sequence[str]) -> None:
        """Returns when all are gone. Keys that are not there are no error."""
        parts = _parts(keys, limits.DELETE_VECTORS)
        _results([self._writers.submit(self._delete, index, part) for part in parts])

    def get(self, index: str, keys: Sequence[str], data: bool = False) -> dict[str, Found]:
        """What is stored under the keys; missing ones are left out."""
        calls = [self._readers.submit(self._get, index, part, data) for part in _parts(keys, limits.GET_VECTORS)]
        return {key: found for part in _results(calls) for key, found in part.items()}

    def list_all(
        self, index: str, metadata: bool, segments: int = limits.SEGMENTS
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Key and metadata of every vector, in no order. At most two pages of each segment are held."""
        pages = {self._readers.submit(self._page, index, metadata, segments, at, None): at for at in range(segments)}
        try:
            while pages:
                done, _ = wait(pages, return_when=FIRST_COMPLETED)
                for page in done:
                    at, (vectors, token) = pages.pop(page), page.result()
                    if token:  # the next page is on its way while this one is worked on
                        pages[self._readers.submit(self._page, index, metadata, segments, at, token)] = at
                    yield from vectors
        finally:
            for page in pages:
                page.cancel()

    def ask(self, action: str, resource: str, call: Callable[[], T]) -> T | Failure:
        """The answer of any other request of the client, tried again like all. `action` completes "Could not …".

        A Failure is one that waiting does not mend: its kind is `invalid`, `missing` or `refused`. A `conflict` comes
        back as well: the name that was to be made is there.
        """
        patience = self._patience(action, resource)
        while True:
            outcome = self._read_once(call)
            if not isinstance(outcome, Failure) or outcome.kind not in MENDED_BY_WAITING or outcome.kind == "conflict":
                return outcome
            patience.wait(outcome)

    def _put(self, index: str, vectors: Sequence[Vector]) -> Sequence[RefusedVector]:
        buffer = self._buffers.pop()
        try:
            return self._put_from(buffer, index, vectors)
        finally:
            self._buffers.append(buffer)

    def _put_from(self, buffer: memoryview, index: str, vectors: Sequence[Vector]) -> Sequence[RefusedVector]:
        """In as many requests as it takes, rendered into the buffer one after the other."""
        lane, patience = self._lane(index), self._patience(f"put vectors into {index}", index)
        refused: list[RefusedVector] = []
        todo = [vectors]
        while todo:
            wanted = todo.pop()
            body, count = fill(buffer, index, wanted[: lane.batch.vectors])
            part, rest = wanted[:count], wanted[count:]
            todo.extend([rest] if rest else [])
            failure = self._put_once(lane, index, part, body)
            if failure is None:
                patience.succeeded()
            elif failure.kind == "invalid":
                good, bad = _without_the_invalid(part, failure)
                refused.extend(bad)
                todo.extend(good)
            else:
                patience.wait(failure)
                todo.extend(_halves(part) if failure.kind == "unavailable" and len(part) > 1 else [part])
        return refused

    def _put_once(self, lane: _Lane, index: str, part: Sequence[Vector], body: memoryview) -> Failure | None:
        # Not a list: the hook of the client takes the rendered body from here.
        vectors = cast("Any", body)
        return self._write_once(lane, part, lambda: self.client.put_vectors(indexArn=index, vectors=vectors))

    def _write_once(self, lane: _Lane, what: Sequence[object], call: Callable[[], object]) -> Failure | None:
        taken = lane.pacer.take(len(what))
        outcome = attempt(call)
        if not isinstance(outcome, Failure):
            self._tally.answered(len(what))
            return None
        self._tally.failed(outcome)
        if outcome.kind == "throttled":
            lane.pacer.refused(taken)
        elif outcome.kind == "unavailable":
            lane.batch.refused(len(what))
        return outcome

    def _delete(self, index: str, keys: Sequence[str]) -> None:
        lane, patience = self._lane(index), self._patience(f"delete vectors from {index}", index)
        while failure := self._write_once(
            lane, keys, lambda: self.client.delete_vectors(indexArn=index, keys=keys)
        ):  # fmt: skip
            patience.wait(failure)

    def _get(self, index: str, keys: Sequence[str], data: bool) -> dict[str, Found]:
        answer = self._read(
            f"get vectors of {index}",
            index,
            lambda: self.client.get_vectors(indexArn=index, keys=keys, returnData=data, returnMetadata=True),
        )
        return {vector["key"]: _found(cast("Mapping[str, Any]", vector)) for vector in answer["vectors"]}

    def _page(
        self, index: str, metadata: bool, segments: int, at: int, token: str | None
    ) -> tuple[list[tuple[str, Mapping[str, Any]]], str | None]:
        where: dict[str, Any] = {"segmentCount": segments, "segmentIndex": at} | ({"nextToken": token} if token else {})
        answer = self._read(
            f"list the vectors of {index}",
            index,
            lambda: self.client.list_vectors(
                indexArn=index, maxResults=limits.LIST_PAGE, returnMetadata=metadata, **where
            ),
        )
        return [(vector["key"], vector.get("metadata") or {}) for vector in answer["vectors"]], answer.get("nextToken")

    def _read(self, action: str, index: str, call: Callable[[], T]) -> T:
        patience = self._patience(action, index)
        while isinstance(outcome := self._read_once(call), Failure):
            patience.wait(outcome)
        return outcome

    def _read_once(self, call: Callable[[], T]) -> T | Failure:
        with suppress(TransientError), self._gate.passage():
            outcome = attempt(call)
            _tell_the_gate(outcome)
        if isinstance(outcome, Failure):
            self._tally.failed(outcome)
        else:
            self._tally.answered(0)
        return outcome

    def _lane(self, index: str) -> _Lane:
        with self._lock:
            if index not in self._lanes:
                self._lanes[index] = _Lane(Pacer(self._clock, self._pause), BatchSize(self._clock))
            return self._lanes[index]

    def _patience(self, action: str, resource: str) -> Patience:
        return Patience(
            self._tally, lambda failure: failure.explained(action, resource), self._clock, self._pause, self._seconds
        )

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)
        if self._closed.is_set():
            raise TransientError("The requests to S3 Vectors that were waiting are given up: the sync ends.")


def _without_the_invalid(
    vectors: Sequence[Vector], failure: Failure
) -> tuple[list[Sequence[Vector]], list[RefusedVector]]:
    """What to send again, and what was found: the key that the service names, else the search goes on in halves."""
    named = [at for at, each in enumerate(vectors) if failure.names(each.key)]
    if not named and len(vectors) > 1:
        return _halves(vectors), []
    # Of several, the others are the beginning of the one that is meant.
    bad = max(named, key=lambda at: len(vectors[at].key), default=0)
    good = [*vectors[:bad], *vectors[bad + 1 :]]
    return [good] if good else [], [RefusedVector(vectors[bad].key, failure.said)]


def _halves(vectors: Sequence[Vector]) -> list[Sequence[Vector]]:
    middle = len(vectors) // 2
    return [vectors[:middle], vectors[middle:]]


def _tell_the_gate(outcome: object) -> None:
    """It narrows by the TransientError that passes through it."""
    if isinstance(outcome, Failure) and outcome.kind in ("throttled", "unavailable"):
        raise TransientError(outcome.said)


def _found(vector: Mapping[str, Any]) -> Found:
    data = vector.get("data")
    return Found(vector.get("metadata") or {}, np.array(data["float32"], np.float32) if data else None)


def _parts(keys: Iterable[str], most: int) -> list[list[str]]:
    """Without repetitions: the service refuses them in one request."""
    once = list(dict.fromkeys(keys))
    return [once[start : start + most] for start in range(0, len(once), most)]


def _results(calls: Sequence[Future[T]]) -> list[T]:
    """Of all calls. If one fails, the others end or are not begun, and its error is raised."""
    wait(calls, return_when=FIRST_EXCEPTION)
    for call in calls:
        call.cancel()
    wait(calls)
    failed = [error for call in calls if not call.cancelled() and (error := call.exception())]
    if failed:
        raise failed[0]
    return [call.result() for call in calls]
