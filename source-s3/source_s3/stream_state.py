"""What a stream's STATE holds: which versions of which objects are done, which are under way, and where it stopped.

An object is under way (pending) from a state that leaves before its records, until the state after them. So an object
that was delivered but not acknowledged, and then removed from the bucket, is known to need a delete.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from source_s3.ledger import Entry, Ledger
from source_s3.schema import LAST_MODIFIED


@dataclass(frozen=True, slots=True)
class Resume:
    """Where to go on in an object that was cut: `position` is the reader's, `rows` are those delivered."""

    key: str
    fingerprint: int
    position: Mapping[str, int]
    rows: int


@dataclass(slots=True)
class StreamState:
    """Changes as the stream is read; `to_json` is what leaves."""

    done: Ledger
    pending: Ledger
    generation: int | None = None
    cursor: str | None = None  # last-modified of the newest object done: what the platform shows
    resume: Resume | None = None

    @classmethod
    def from_json(cls, state: Mapping[str, Any], full_refresh: bool, generation: int | None) -> "StreamState":
        """A full refresh goes on only where this very refresh was cut, which its generation tells.

        ConfigError: the state is neither ours nor that of Airbyte's source-s3.
        """
        kept = generation if full_refresh else None
        if full_refresh and (generation is None or state.get("generation_id") != generation):
            return cls(Ledger.from_state({}), Ledger.from_state({}), kept)
        resume = state.get("resume")
        return cls(
            Ledger.from_state(state.get("done", state)),
            Ledger.from_state(state.get("pending", {})),
            kept,
            state.get(LAST_MODIFIED),
            Resume(**resume) if resume else None,
        )

    def to_json(self) -> dict[str, Any]:
        state: dict[str, Any] = {"done": self.done.to_state()}
        if len(self.pending):
            state["pending"] = self.pending.to_state()
        if self.generation is not None:
            state["generation_id"] = self.generation
        if self.cursor is not None:
            state[LAST_MODIFIED] = self.cursor
        if self.resume is not None:
            state["resume"] = {
                "key": self.resume.key,
                "fingerprint": self.resume.fingerprint,
                "position": dict(self.resume.position),
                "rows": self.resume.rows,
            }
        return state

    def begin(self, objects: Iterable[tuple[str, Entry]]) -> None:
        """These are under way; an entry's rows are the most that may have been delivered before the next state."""
        for key, entry in objects:
            self.pending.put(key, entry)

    def finish(self, key: str, entry: Entry) -> None:
        self.done.put(key, entry)
        self.forget_pending(key)
        self.resume = None

    def forget(self, key: str) -> None:
        """The object is gone, and its deletes have been sent."""
        if self.done.get(key) is not None:
            self.done.remove(key)
        self.forget_pending(key)

    def forget_pending(self, key: str) -> None:
        if self.pending.get(key) is not None:
            self.pending.remove(key)

    def delivered_rows(self, key: str, fingerprint: int) -> int:
        """The most rows that another version of the object may have left behind."""
        done, pending = self.done.get(key), self.pending.get(key)
        rows = done.rows if done else 0
        return max(rows, pending.rows) if pending and pending.fingerprint != fingerprint else rows

