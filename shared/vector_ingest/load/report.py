"""What a load did, in numbers: a log line every ten seconds, and a summary at the end."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

logger = logging.getLogger("airbyte.load")
INTERVAL = 10.0  # seconds between progress lines


@dataclass(slots=True)
class Counts:
    """Of one stream. `records` are lines read; the other document counts add up to them, but for repeated ids."""

    records: int = 0
    unchanged: int = 0  # documents that the store had as they are
    written: int = 0  # documents
    deleted: int = 0  # documents that were there
    failed: int = 0  # records that could not be stored, kept aside or passed over
    chunks: int = 0  # of the written documents
    embedded: int = 0  # texts that went to the model
    reused: int = 0  # chunks whose vector was known
    tokens: int = 0
    refused_texts: int = 0  # by the model; their documents are among the failed
    truncated_texts: int = 0  # chunks of which the model got the beginning
    characters_replaced: int = 0

    def add(self, more: "Counts") -> None:
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(more, entry.name))

    def __str__(self) -> str:
        text = (
            f"{self.records:,} records, {self.unchanged:,} unchanged, {self.written:,} documents written in "
            f"{self.chunks:,} chunks, {self.deleted:,} deleted; {self.embedded:,} texts embedded "
            f"({self.tokens:,} tokens), {self.reused:,} vectors reused"
        )
        if self.failed:
            text += f"; {self.failed:,} records failed"
        if self.refused_texts:
            text += f"; {self.refused_texts:,} texts refused by the model"
        if self.truncated_texts:
            text += f"; {self.truncated_texts:,} texts truncated for the model"
        if self.characters_replaced:
            text += f"; {self.characters_replaced:,} characters that can't be stored (NUL, lone surrogates) replaced"
        return text


@dataclass(slots=True)
class Report:
    """Used by the main thread only. `about_model` gives what is to be said of the requests to it."""

    about_model: Callable[[], str] = lambda: ""
    streams: dict[str, Counts] = field(default_factory=dict, init=False)
    _begun: float = field(default_factory=time.monotonic, init=False)
    _told_at: float = field(default_factory=time.monotonic, init=False)
    _told_chunks: int = field(default=0, init=False)

    def of(self, stream: str) -> Counts:
        return self.streams.setdefault(stream, Counts())

    def total(self) -> Counts:
        total = Counts()
        for counts in self.streams.values():
            total.add(counts)
        return total

    def progress(self) -> None:
        """A log line if it is time for one."""
        now = time.monotonic()
        if now - self._told_at < INTERVAL:
            return
        total = self.total()
        rate = (total.chunks - self._told_chunks) / (now - self._told_at)
        logger.info(
            "Progress: %s records read, %s chunks stored (%s a second), %s embedded, %s unchanged documents",
            f"{total.records:,}", f"{total.chunks:,}", f"{rate:,.0f}", f"{total.embedded:,}", f"{total.unchanged:,}",
        )  # fmt: skip
        self._told_at, self._told_chunks = now, total.chunks

    def summary(self) -> None:
        seconds = time.monotonic() - self._begun
        model = self.about_model()
        logger.info("Loaded in %.1f s: %s%s.", seconds, self.total(), f"; {model}" if model else "")
        for name, counts in self.streams.items():
            logger.info("Stream %s: %s.", name, counts)
