"""Refused records in the connector's own index: durable in the service itself, with their reason, until replayed.

A record may be longer than the 40 KB of metadata that a vector takes, so it lies in pieces. The first piece is put
last: an entry that was cut is none.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

from destination_s3vectors.account import Account
from destination_s3vectors.names import document_digest, stream_key
from vector_ingest.document import Stream
from vector_ingest.quarantine import Rejected

PREFIX = "refused#"
PIECE, REASON = 6_000, 1_000  # characters: with four bytes for each, twice escaped or not, they fit into 40 KB


class AccountQuarantine:
    def __init__(self, account: Callable[[], Account], most: int) -> None:
        """`account` is asked when the first entry is read or written."""
        self._account = account
        self.most = most
        self._kept: dict[str, int] | None = None  # key of each entry -> how many pieces
        self._new: set[str] = set()  # keys of what this sync has kept
        self._lock = Lock()

    @property
    def place(self) -> str:
        return f"the index `{self._account().name}`"

    def keep(self, rejected: Sequence[Rejected]) -> None:
        account, kept = self._account(), self._found()
        for each in rejected:
            key = _key(each.stream, each.id)
            first, *more = _pieces(each)
            self._remove(key)
            if more:
                account.write({f"{key}#{number}": piece for number, piece in enumerate(more, 1)})
            account.write({key: first})
            with self._lock:
                kept[key] = 1 + len(more)
                self._new.add(key)

    def forget(self, stream: Stream, ids: Sequence[str]) -> None:
        kept = self._found()
        for key in [key for identity in ids if kept and (key := _key(stream, identity)) in kept]:
            self._remove(key)

    def forget_earlier(self, stream: Stream) -> None:
        kept = self._found()
        for key in [key for key in kept if key.startswith(_keys_of(stream)) and key not in self._new]:
            self._remove(key)

    def entries(self) -> Iterator[Rejected]:
        account = self._account()
        for key, entry in sorted(self._firsts(), key=lambda found: found[1]["at"]):
            pieces = [account.read(f"{key}#{number}") for number in range(1, entry["pieces"])]
            line = entry["line"] + "".join(piece["line"] for piece in pieces if piece is not None)
            stream = Stream(
                entry["stream"],
                entry["namespace"],
                entry["mode"],
                tuple(tuple(path) for path in entry["primary_key"]),
                generation=entry["generation"],
            )
            yield Rejected(stream, entry["id"], entry["reason"], line.encode())

    def _firsts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((key, entry) for key, entry in self._account().entries(PREFIX) if "pieces" in entry)

    def _found(self) -> dict[str, int]:
        """What is kept, read once: nobody else writes entries of the streams whose leases this sync holds."""
        with self._lock:
            if self._kept is None:
                self._kept = {key: entry["pieces"] for key, entry in self._firsts()}
            return self._kept

    def _remove(self, key: str) -> None:
        with self._lock:
            pieces = (self._kept or {}).pop(key, 1)
        account = self._account()
        account.remove([key])
        account.remove([f"{key}#{number}" for number in range(1, pieces)])


def _key(stream: Stream, identity: str) -> str:
    return _keys_of(stream) + document_digest(identity)


def _keys_of(stream: Stream) -> str:
    return f"{PREFIX}{stream_key(stream.name, stream.namespace)}#"


def _pieces(rejected: Rejected) -> list[dict[str, Any]]:
    stream, line = rejected.stream, rejected.line.decode()
    texts = [line[start : start + PIECE] for start in range(0, len(line), PIECE)]
    first = {
        "stream": stream.name,
        "namespace": stream.namespace,
        "mode": stream.mode,
        "primary_key": stream.primary_key,
        "generation": stream.generation,
        "id": rejected.id,
        "reason": rejected.reason[:REASON],
        "at": time.time(),
        "pieces": len(texts),
        "line": texts[0],
    }
    return [first, *({"line": text} for text in texts[1:])]
