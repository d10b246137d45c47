"""What a stream's STATE holds: which versions of which objects are done, which are under way, and where it stopped.

An object is under way (pending) from a state that leaves before its records, until the state after them. So an object
that was delivered but not acknowledged, and then removed from the bucket, is known to need a delete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from source_s3.schema import LAST_MODIFIED
from source_s3.state.ledger import PENDING, REMEDY, Entry, Ledger
from vector_ingest.errors import ConfigError

OPTIONAL = ("pending", "settings")


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
    settings: Mapping[str, Any] | None = None  # those that the last whole sync was made with; None: not known

    @classmethod
    def from_json(cls, state: Mapping[str, Any], full_refresh: bool, generation: int | None) -> "StreamState":
        """A full refresh goes on only where this very refresh was cut, which its generation tells.

        ConfigError: the state is neither ours nor that of Airbyte's source-s3.
        """
        if not isinstance(state, Mapping):
            raise _damaged(f"an object expected, found {type(state).__name__}")
        kept = generation if full_refresh else None
        if full_refresh and (generation is None or state.get("generation_id") != generation):
            return cls(Ledger.from_state({}), Ledger.from_state({}), kept)
        cursor = state.get(LAST_MODIFIED)
        if not isinstance(cursor, str | None):
            raise _damaged(f"'{LAST_MODIFIED}' is no text but {type(cursor).__name__}")
        # An empty list, or a null, is no account that says that nothing was read.
        for name, found in (("done", state.get("done", {})), *((name, state.get(name) or {}) for name in OPTIONAL)):
            if not isinstance(found, Mapping):
                raise _damaged(f"'{name}' is no object but {type(found).__name__}")
        return cls(
            Ledger.from_state(state.get("done", state)),
            Ledger.from_state(state.get("pending") or {}),
            kept,
            cursor,
            _resume(state["resume"]) if state.get("resume") else None,
            state.get("settings"),
        )

    def to_json(self) -> dict[str, Any]:
        state: dict[str, Any] = {"done": self.done.to_state()}
        if len(self.pending):
            state["pending"] = self.pending.to_state()
        if self.generation is not None:
            state["generation_id"] = self.generation
        if self.cursor is not None:
            state[LAST_MODIFIED] = self.cursor
        if self.settings is not None:
            state["settings"] = dict(self.settings)
        if self.resume is not None:
            state["resume"] = {
                "key": self.resume.key,
                "fingerprint": self.resume.fingerprint,
                "position": dict(self.resume.position),
                "rows": self.resume.rows,
            }
        return state

    def begin(self, key: str, fingerprint: int, rows: int) -> None:
        """The object is under way; `rows`: the most that can leave before a later state.

        What a cut read of another version may have left behind is added to what the object had before.
        """
        known = self.pending.get(key)
        if known is not None and known.fingerprint != fingerprint:
            self.done.put(key, Entry(PENDING, max(known.rows, self.rows_before(key))))
        rows = max(rows, known.rows) if known is not None and known.fingerprint == fingerprint else rows
        self.pending.put(key, Entry(fingerprint, rows))
        if self.resume is not None and self.resume.fingerprint != fingerprint:
            self._leave_place(key)

    def begin_to_forget(self, key: str) -> None:
        """Its deletes are about to leave: if the object comes back as it was, it is read again."""
        self.done.put(key, Entry(PENDING, self.rows_before(key)))
        self._leave_place(key)

    def rows_before(self, key: str) -> int:
        """The most rows that versions before the present one have left."""
        done = self.done.get(key)
        return done.rows if done is not None else 0

    def rows_reserved(self, key: str) -> int:
        pending = self.pending.get(key)
        return pending.rows if pending is not None else 0

    def finish(self, key: str, entry: Entry, last_modified: str) -> None:
        """All of the object has left, and so have the deletes of what it no longer has."""
        self.done.put(key, entry)
        self._drop(self.pending, key)
        self.cursor = max(self.cursor or "", last_modified)
        self._leave_place(key)

    def forget(self, key: str) -> None:
        """The object is gone, and its deletes have left."""
        self._drop(self.done, key)
        self._drop(self.pending, key)
        self._leave_place(key)

    def _leave_place(self, key: str) -> None:
        """What lies before it may change now: if the version comes back that was cut there, it is read whole."""
        if self.resume is not None and self.resume.key == key:
            self.resume = None

    @staticmethod
    def _drop(ledger: Ledger, key: str) -> None:
        if ledger.get(key) is not None:
            ledger.remove(key)


def _resume(found: Any) -> Resume:
    match found:
        case {"key": str(key), "fingerprint": int(fingerprint), "position": dict(position), "rows": int(rows)} if all(
            isinstance(number, int) and number >= 0 for number in (rows, *position.values())
        ):
            return Resume(key, fingerprint, position, rows)
    raise _damaged("'resume' lacks what tells where to go on")


def _damaged(why: str) -> ConfigError:
    return ConfigError(f"The state of the stream is damaged: {why}. {REMEDY}")
