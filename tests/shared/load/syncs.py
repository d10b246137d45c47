"""Syncs over the in-memory store: a model that counts, a store that takes its time, and the messages of a source."""

import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from tests.contract.memory_store import MemoryStore, Table
from vector_ingest.chunk.splitter import splitter_from
from vector_ingest.document import Document, Embedded, Known, Refused, Stored, Stream, Target
from vector_ingest.embed.embedder import Limits, Purpose, Usage
from vector_ingest.errors import DataError
from vector_ingest.forms.processing import ProcessingConfig
from vector_ingest.load.batch import Steps
from vector_ingest.load.lines import Lines, read_lines
from vector_ingest.load.load import THREADS, Load
from vector_ingest.load.quarantine import Quarantine
from vector_ingest.load.refused import Refusals
from vector_ingest.load.report import Report
from vector_ingest.messages import record_line, state_line, status_line
from vector_ingest.packing.packer import Packer
from vector_ingest.record.fields import contents_from

DEDUP = Stream("s", None, "append_dedup", (("id",),))
PROCESSING = ProcessingConfig(chunk_size=20, text_fields=["text"], metadata_fields=["text"])


@dataclass(slots=True)
class Model:
    """Counts what it is asked for. A text with `poison` in it is refused; `answer` may wait or raise first."""

    texts: list[str] = field(default_factory=list)
    answer: Callable[[], None] = lambda: None
    fingerprint: str = "m"
    dimensions: int = 2
    limits: Limits = field(default_factory=lambda: Limits(texts=100, tokens=None, tokens_per_text=None))

    def embed(
        self,
        texts: Sequence[str],
        purpose: Purpose = "document",  # noqa: ARG002
    ) -> tuple[npt.NDArray[np.float32], Usage]:
        self.answer()
        if any("poison" in text for text in texts):
            raise DataError("a text", "it is poison")
        self.texts += texts
        return np.array([[len(text), 1] for text in texts], np.float32), Usage(len(texts), 1)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None:
        """It holds nothing."""


@dataclass(slots=True)
class SlowStore:
    """A store whose batches take random times, and that notes what it holds and whether one id is written twice."""

    inner: MemoryStore
    pause: Callable[[], float]
    faults: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)  # of batches, in documents

    def check(self) -> None: ...

    def prepare(self, stream: Stream) -> Target:
        return self.inner.prepare(stream)

    def known(self, target: Target, documents: Sequence[Document]) -> Mapping[str, Known]:
        return self.inner.known(target, documents)

    def replace(self, target: Target, documents: Sequence[Embedded]) -> Sequence[Refused]:
        ids = {embedded.document.id for embedded in documents}
        with self.lock:
            if self.busy & ids:
                self.faults.append(f"in flight twice: {self.busy & ids}")
            self.busy |= ids
            self.sizes.append(len(documents))
        time.sleep(self.pause())
        refused = self.inner.replace(target, documents)
        with self.lock:
            self.busy -= ids
            self.done |= {str(embedded.document.metadata["text"]) for embedded in documents}
        return refused

    def delete(self, target: Target, documents: Sequence[Document]) -> int:
        return self.inner.delete(target, documents)

    def scan(self, target: Target) -> Iterator[Stored]:
        return self.inner.scan(target)

    def finish(self, target: Target, complete: bool) -> None:
        self.inner.finish(target, complete)


@dataclass(slots=True)
class Sync:
    """One sync over `tables`, which outlive it."""

    tables: dict[str, Table] = field(default_factory=dict)
    model: Model = field(default_factory=Model)
    emitted: list[dict[str, Any]] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    look: Callable[["Sync"], object] = lambda _: None  # called at each state
    quarantine: Quarantine | None = None
    most_skipped: int = 0
    tenant_field: str | None = None
    processing: ProcessingConfig = field(default_factory=lambda: PROCESSING)

    def run(self, streams: Sequence[Stream], *lines: bytes, end: bytes = b"\n") -> None:
        self.load(streams, MemoryStore(self.tables, "m"), read_lines(io.BytesIO(b"\n".join(lines) + end), 0.01))

    def load(self, streams: Sequence[Stream], store: MemoryStore | SlowStore, blocks: Iterator[Lines | None]) -> None:
        splitter = splitter_from(self.processing, self.model.count_tokens, self.model.limits.tokens_per_text)
        with Packer(self.model) as packer, ThreadPoolExecutor(THREADS) as pool:
            steps = Steps(
                store=store,
                content_of=contents_from(self.processing),
                split=splitter.split_document,
                packer=packer,
                dimensions=2,
                chunk_size=self.processing.chunk_size,
                tenant_field=self.tenant_field,
                refusals=Refusals(self.quarantine, self.most_skipped),
            )
            targets = [store.prepare(stream) for stream in streams]
            Load(steps, targets, self.emit, pool, self.report).run(blocks)

    def emit(self, line: bytes) -> None:
        self.emitted.append(orjson.loads(line))
        self.look(self)

    def texts(self, name: str = "None.s") -> list[str]:
        rows = self.tables[name].rows.values()
        return sorted(row.stored.text or "" for document in rows for row in document)

    def states(self) -> list[int]:
        return [message["state"]["stream"]["stream_state"]["n"] for message in self.emitted]

    def counts(self) -> list[float]:
        return [message["state"]["destinationStats"]["recordCount"] for message in self.emitted]


def record(identity: Any, text: str, stream: str = "s", **data: Any) -> bytes:
    return record_line(stream, None, {"id": identity, "text": text, **data}, 1)


def state(number: int, stream: str = "s") -> bytes:
    return state_line(stream, None, {"n": number}, 0)


def status(word: Any, stream: str = "s") -> bytes:
    return status_line(stream, None, word)
