"""The way of a record from stdin to the store, and of a state back to stdout.

    reader thread: stdin -> blocks of lines -> bounded queue
    main thread:   lines -> documents -> batches; a window of batches and states in the order they came
    pool:          load_batch = known -> split -> embed (packer.py) -> replace
    main thread:   pops what is finished at the head of the window: a failure ends the load, a state goes to stdout

So a state leaves only when all before it is durable, and in order, with many batches in flight.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from vector_ingest.document import Document, Stream, Target
from vector_ingest.errors import ConfigError, DataError, TransientError
from vector_ingest.in_order import Window
from vector_ingest.load.batch import TIMES_LINE, Steps, compose_document, load_batch, weigh
from vector_ingest.load.lines import Lines
from vector_ingest.load.quarantine import Rejected, id_of_line
from vector_ingest.load.report import Counts, Report, logger
from vector_ingest.load.said import Said
from vector_ingest.messages import Failure, Record, State, Status, StreamKey, echo_line, parse
from vector_ingest.record.identity import Identify, identity_of
from vector_ingest.record.storable import storable

# 16 MiB is where COPY stops getting faster, and 2,000 texts of 1,536 dimensions: enough to fill several requests.
BATCH = 16 * 1024 * 1024
FIRST = 2 * 1024 * 1024  # each next batch is twice as large: the store has work while the large ones are made
# In flight at most, by estimate: with interpreter and libraries a process stays under 400 MiB.
WINDOW = 128 * 1024 * 1024
# Most of them wait for the model: the few texts of each of many small batches then fill one request together.
THREADS = 32
WAKE = 0.5  # seconds: how long an acknowledgement may wait while nothing comes in
PATIENCE = 1.0  # seconds that a state may wait for its batch to fill


@dataclass(frozen=True, slots=True)
class Route:
    """One stream of the catalog on its way."""

    target: Target
    identify: Identify
    counts: Counts

    @property
    def stream(self) -> Stream:
        return self.target.stream


@dataclass(slots=True)
class Batch:
    """Documents of one stream, not yet submitted. A later change of an id takes the place of the earlier one."""

    documents: dict[str, Document] = field(default_factory=dict)
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A batch that is durable."""

    key: StreamKey
    ids: frozenset[str]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A state on its way back, as it will leave. `key` is None where it is not that of one stream.

    As bytes: parsed, a state takes 3 to 17 times as much.
    """

    key: StreamKey | None
    line: bytes


class Load:
    """One sync. `run` reads to the end of the input; the window, the open batches and the counts are its memory."""

    def __init__(
        self, steps: Steps, targets: Sequence[Target], emit: Callable[[bytes], None], pool: Executor, report: Report
    ) -> None:
        """`emit` writes one line to stdout."""
        self._steps = steps
        self._routes = {
            target.stream.key: Route(target, identity_of(target.stream), report.of(_name(target.stream.key)))
            for target in targets
        }
        self._emit = emit
        self._report = report
        self._window: Window[Loaded | Acknowledged] = Window(pool, WINDOW)
        self._open: dict[StreamKey, Batch] = {}
        self._open_weight, self._full = 0, FIRST
        self._waiting: list[Acknowledged] = []  # states that came after the open batches began
        self._waiting_since = 0.0
        self._in_flight: dict[StreamKey, set[str]] = {key: set() for key in self._routes}
        self._since_state: Counter[StreamKey] = Counter()
        self._said = Said()
        self._held: list[bytes] = []  # states that must wait for the end
        self._strange = 0  # lines that are no messages

    def run(self, blocks: Iterable[Lines | None]) -> None:
        """Load all that comes, and end each stream as it deserves.

        DataError: a line that can't be read. TransientError: the input ends before the source was done.
        """
        try:
            failure = self._read(blocks)
            self._flush()
            while len(self._window):
                self._settle(wait=True)
        except BaseException as error:
            self._steps.packer.stop(error)  # else those that wait for the model would do so to the end
            raise
        finally:
            self._window.cancel()
        if failure:
            raise failure
        self._finish()

    def _read(self, blocks: Iterable[Lines | None]) -> Exception | None:
        """Every line, as it comes. An unreadable one ends the reading: what came before it still gets durable."""
        for block in blocks:
            for line in block.lines if block else []:
                try:
                    message = parse(line)
                except DataError as error:
                    return error if block and block.whole else _cut(error)
                try:
                    self._take(message, line)
                except DataError as error:
                    return error
            if block is None or (self._waiting and monotonic() - self._waiting_since > PATIENCE):
                self._flush()
            self._settle()
            self._report.progress()
        return None

    def _take(self, message: Record | State | Status | Failure | None, line: bytes) -> None:
        match message:
            case Record() as record:
                self._take_record(record, line)
            case State() as state:
                self._take_state(state)
            case Status() | Failure():
                self._said.hear(message)
            case _ if line.strip() and not (line.lstrip().startswith(b"{") and b'"type"' in line):
                self._strange += 1
                if self._strange == 1:
                    start = line[:120].decode(errors="replace")
                    logger.warning("Passed over a line of the input that is no Airbyte message: %r", start)

    def _take_record(self, record: Record, line: bytes) -> None:
        key = (record.namespace, record.stream)
        route = self._routes.get(key)
        if route is None:
            expected = ", ".join(sorted(_name(known) for known in self._routes))
            raise ConfigError(
                f"A record came for the stream `{_name(key)}`, which the catalog does not have. It has: {expected}. "
                "Refresh the connection's schema, so that source and destination get the same catalog."
            )
        route.counts.records += 1
        self._since_state[key] += 1
        try:
            document, replaced = compose_document(self._steps, record, route.stream, route.identify, line)
        except DataError as error:
            if not self._steps.refusals.most:
                raise
            self._set_aside(key, route, record, line, error)
            return
        route.counts.characters_replaced += replaced
        weight = weigh(self._steps, document, record)
        self._make_room(weight)
        batch = self._open.setdefault(key, Batch())
        batch.documents[document.id] = document
        batch.weight += weight

    def _set_aside(self, key: StreamKey, route: Route, record: Record, line: bytes, error: DataError) -> None:
        """Keep a record that can't become a document. What came before it of the same document is stored first."""
        try:
            identity = route.identify(record.data)
        except (DataError, RecursionError):  # of a key or a record that is nested too deeply
            identity = id_of_line(line)
        rejected = Rejected(route.stream, identity, storable(str(error))[0], line)
        self._flush()
        self._submit(
            key, frozenset([identity]), TIMES_LINE * len(line), partial(self._steps.refusals.set_aside, rejected)
        )

    def _take_state(self, state: State) -> None:
        key = None if state.stream is None else (state.namespace, state.stream)
        if key is None:
            records = self._since_state.total()
            self._since_state.clear()
        else:
            records = self._since_state.pop(key, 0)
        line = echo_line(state, records)
        self._make_room(len(line))
        if not self._waiting:
            self._waiting_since = monotonic()
        self._waiting.append(Acknowledged(key, line))

    def _make_room(self, weight: int) -> None:
        """For what joins the open batches. They leave if they would become too large, the next ones being larger."""
        if self._open_weight and self._open_weight + weight > self._full:
            self._flush()
            self._full = min(2 * self._full, BATCH)
        self._open_weight += weight

    def _flush(self) -> None:
        """Submit the open batches, and line the states up behind them."""
        for key, batch in self._open.items():
            target, documents = self._routes[key].target, list(batch.documents.values())
            work = partial(load_batch, self._steps, target, documents)
            self._submit(key, frozenset(batch.documents), batch.weight, work)
        self._open, self._open_weight = {}, 0
        for state in self._waiting:
            self._await_room(len(state.line))
            self._window.mark(len(state.line), state)
        self._waiting = []

    def _submit(self, key: StreamKey, ids: frozenset[str], weight: int, work: Callable[[], Counts]) -> None:
        in_flight = self._in_flight[key]
        self._await_room(weight)
        # Two versions of one document must not be on their way at once: the older might arrive last.
        while not in_flight.isdisjoint(ids):
            self._settle(wait=True)
        in_flight |= ids
        self._window.submit(weight, lambda: Loaded(key, ids, work()))

    def _await_room(self, weight: int) -> None:
        while not self._window.has_room(weight):
            self._settle(wait=True)

    def _settle(self, wait: bool = False) -> None:
        """What is finished at the head of the window takes effect. Raises what a batch raised."""
        if wait:
            self._window.wait_head(WAKE)
        for done in self._window.pop_ready():
            if isinstance(done, Loaded):
                self._in_flight[done.key] -= done.ids
                self._routes[done.key].counts.add(done.counts)
                self._steps.refusals.stop_at_too_many(self._report.total().failed)
            elif self._is_held(done.key):
                self._held.append(done.line)
            else:
                self._emit(done.line)

    def _is_held(self, key: StreamKey | None) -> bool:
        """A rerun of a full overwrite without generations begins anew: its states must wait for the switch."""
        concerned = [route.stream for of, route in self._routes.items() if key in (of, None)]
        return any(stream.mode == "overwrite" and stream.generation is None for stream in concerned)

    def _finish(self) -> None:
        incomplete = []
        began = bool(self._report.total().records or self._held)
        for key, route in self._routes.items():
            complete = self._said.is_complete(route.stream, began=began)
            self._steps.store.finish(route.target, complete)
            replaces = route.stream.mode == "overwrite" or route.target.write != route.target.live
            if not complete and (self._said.tells_of_ends or replaces):
                incomplete.append(_name(key))
        self._report.summary()
        if self._strange > 1:
            logger.warning("%s lines of the input were no Airbyte messages.", self._strange)
        if incomplete:
            reason = f" It said: {self._said.failure}" if self._said.failure else ""
            raise TransientError(
                f"The source did not say that it sent all of: {', '.join(incomplete)}. What it sent is stored; what is "
                f"to be replaced as a whole stays as it was. Run the sync again.{reason}"
            )
        for line in self._held:
            self._emit(line)


def _cut(error: DataError) -> TransientError:
    return TransientError(
        f"The input ends in the middle of a line ({error.reason}): the source was cut off. All before it is stored and "
        "acknowledged; run the sync again."
    )


def _name(key: StreamKey) -> str:
    return f"{key[0]}.{key[1]}" if key[0] else key[1]
