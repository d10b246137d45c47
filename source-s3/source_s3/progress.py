"""What a read tells while it runs and at its end: lines of the log."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

logger = logging.getLogger("airbyte")
EVERY = 10.0  # seconds between two lines
NAMED = 20  # refused objects that are named; the rest is counted


@dataclass(slots=True)
class Progress:
    """The counts of one stream."""

    stream: str
    listed: int = 0
    unchanged: int = 0
    wanted: int = 0  # objects to read
    wanted_bytes: int = 0
    read: int = 0
    read_bytes: int = 0
    records: int = 0
    deleted: int = 0  # objects
    delete_records: int = 0
    left_out: int = 0  # objects that belong to the stream and can't be read: archived ones
    refused: int = 0
    unread: int = 0  # objects that are left for the next sync
    vanished: int = 0  # objects that went between listing and reading
    bad_rows: int = 0
    skipped: int = 0  # rows that the validation policy leaves out
    strange: set[str] = field(default_factory=set)  # columns that the catalog lacks
    unfit: int = 0  # values that are not of their column's type
    files_with_unfit: int = 0
    row: str = "row"  # what a record is made of: a row of a table, or a document
    kept_at: str | None = None  # where bad rows are kept aside
    began: float = field(default_factory=monotonic)
    told: float = field(default_factory=monotonic)
    lock: Lock = field(default_factory=Lock)

    def warn(self, message: str) -> None:
        logger.warning("Stream %s: %s", self.stream, message)

    def leave_out(self, name: str, why: str) -> None:
        self.left_out += 1
        if self.left_out <= NAMED:
            self.warn(f"{name} {why}: it is left out")

    def refuse(self, key: str, reason: str) -> None:
        """Called from the threads that parse."""
        with self.lock:
            self.refused += 1
        if self.refused <= NAMED:
            self.warn(f"{key} can't be read as a document: {reason}")

    def leave_unread(self, error: Exception) -> None:
        self.unread += 1
        if self.unread <= NAMED:
            self.warn(f"an object is left for the next sync: {error}")

    def miss_object(self, address: str) -> None:
        self.vanished += 1
        if self.vanished <= NAMED:
            self._inform(f"{address} was removed after it was listed: it is passed over")

    def refuse_row(self, message: str) -> None:
        self.bad_rows += 1
        if self.bad_rows <= NAMED:
            self.warn(f"bad {self.row}: {message}")

    def skip(self, count: int, named: Sequence[str]) -> None:
        """Rows that do not conform to the catalog. `named`: the first of them."""
        for message in named[: max(0, NAMED - self.skipped)]:
            self.warn(f"row left out: {message}")
        self.skipped += count

    def meet(self, columns: Collection[str], fate: str) -> None:
        """Columns that the catalog lacks, each told once. Called from the threads that parse."""
        with self.lock:
            new = [name for name in columns if name not in self.strange]
            self.strange.update(new)
        if new:
            names = ", ".join(f"`{name}`" for name in new)
            self.warn(
                f"the files have columns that the catalog lacks, and that {fate}: {names}. Refresh the connection's "
                "schema to have them as columns."
            )

    def miss(self, key: str, count: int, described: str) -> None:
        """Values of one file that are not of their columns' types. Called from the threads that parse."""
        with self.lock:
            self.unfit += count
            self.files_with_unfit += 1
        if self.files_with_unfit <= NAMED:
            self.warn(f"{key}: {described}")

    def tell(self, place: int) -> None:
        """At most one line in ten seconds. `place`: bytes read of the present object; readers are a little ahead."""
        now = monotonic()
        if now - self.told < EVERY:
            return
        self.told = now
        seconds = now - self.began
        done = min(self.read_bytes + place, self.wanted_bytes)
        rate = done / seconds
        left = f", {(self.wanted_bytes - done) / rate:,.0f} s left" if rate else ""
        self._inform(
            f"{self.read:,} of {self.wanted:,} objects, {self.records:,} records, {done / 1e6:.1f} of "
            f"{self.wanted_bytes / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s{left}"
        )

    def summary(self) -> None:
        self._inform(
            f"{self.listed:,} objects listed, {self.unchanged:,} unchanged, {self.read:,} read "
            f"({self.read_bytes / 1e6:.1f} MB), {self.records:,} records; {self.deleted:,} objects gone, "
            f"{self.delete_records:,} records deleted; {self.refused:,} objects could not be read; "
            f"{monotonic() - self.began:.1f} s"
        )
        if self.skipped:
            self.warn(f"{self.skipped:,} rows left out by the validation policy")
        if self.unfit:
            self.warn(f"{self.unfit:,} values in {self.files_with_unfit:,} files are not of their columns' types")
        if self.left_out:
            self.warn(f"{self.left_out:,} objects were left out")
        if self.vanished:
            self._inform(f"{self.vanished:,} objects went before they were read")
        if self.unread:
            self.warn(f"{self.unread:,} objects could not be read and are left for the next sync")
        if self.bad_rows:
            kept = f", kept in {self.kept_at}: `source-s3 replay` reads them again" if self.kept_at else ""
            self.warn(f"{self.bad_rows:,} bad {self.row}s{kept}")

    def _inform(self, message: str) -> None:
        logger.info("Stream %s: %s", self.stream, message)
