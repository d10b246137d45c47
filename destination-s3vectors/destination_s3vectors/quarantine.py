"""Refused records in the connector's own index: durable in the service itself, with their reason, until replayed.

A record may be longer than the 40 KB of metadata that a vector takes, so it lies in pieces. The first piece is put
last: an entry that was cut is none. The keys of the others have the line's digest: an entry that takes the place of an
older one shares none with it, and what is left of the older one goes when the new one is whole.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from destination_s3vectors.indexes.account import Account
from destination_s3vectors.vectors.names import document_digest, stream_key
from vector_ingest.document import Stream
from vector_ingest.load.quarantine import Rejected
from vector_ingest.messages import dumps, loads

PREFIX = "refused#"
PIECE, REASON = 6_000, 1_000  # characters: with four bytes for each, twice escaped or not, they fit into 40 KB


@dataclass(frozen=True, slots=True)
class Entry:
    """One that is kept: the keys of its other pieces, and by which stamp a sweep knows it to be old."""

    more: Sequence[str]
    stamp: str


class AccountQuarantine:
    def __init__(self, account: Callable[[], Account], most: int, stamps: Mapping[str, str]) -> None:
        """`account` is asked when the first entry is read or written; `stamps` has this sync's by key of stream."""
        self._account = account
        self.most = most
        self._stamps = stamps
        self._kept: dict[str, Entry] | None = None  # by key
        self._new: set[str] = set()  # keys of what this sync has kept
        self._lock = Lock()

    @property
    def place(self) -> str:
        return f"the index `{self._account().name}`"

    def keep(self, rejected: Sequence[Rejected]) -> None:
        account, kept = self._account(), self._found()
        for each in rejected:
            key = _key(each.stream, each.id)
            stamp = self._stamps[stream_key(each.stream.name, each.stream.namespace)]
            first, *more = _pieces(each, stamp)
            entry = Entry(_more_keys(key, first), stamp)
            if more:
                account.write(dict(zip(entry.more, more, strict=True)))
            account.write({key: first})
            with self._lock:
                old = kept.get(key)
                kept[key] = entry
                self._new.add(key)
            account.remove([piece for piece in (old.more if old else ()) if piece not in entry.more])

    def forget(self, stream: Stream, ids: Sequence[str]) -> None:
        kept = self._found()
        for key in [key for identity in ids if kept and (key := _key(stream, identity)) in kept]:
            self._remove(key)

    def forget_replayed(self, replayed: Sequence[Rejected]) -> None:
        for key in {_key(each.stream, each.id) for each in replayed} - self._new:
            self._remove(key)

    def forget_old(self, stream: Stream, is_old: Callable[[str], bool]) -> None:
        """All of the stream is replaced: what was refused of earlier generations goes with them."""
        mine = [key for key in self._found() if key.startswith(_keys_of(stream))]
        for key in [key for key in mine if is_old(self._found()[key].stamp)]:
            self._remove(key)

    def entries(self) -> Iterator[Rejected]:
        account = self._account()
        for key, entry in sorted(self._firsts(), key=lambda found: found[1]["at"]):
            line = entry["line"] + "".join(_line_of(account.read(piece)) for piece in _more_keys(key, entry))
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

    def _found(self) -> "dict[str, Entry]":
        """What is kept, read once: nobody else writes entries of the streams whose leases this sync holds."""
        with self._lock:
            if self._kept is None:
                self._kept = {key: Entry(_more_keys(key, entry), entry["stamp"]) for key, entry in self._firsts()}
            return self._kept

    def _remove(self, key: str) -> None:
        kept = self._found()
        with self._lock:
            entry = kept.pop(key, None)
        if entry is not None:
            self._account().remove([key])
            self._account().remove(entry.more)


def _key(stream: Stream, identity: str) -> str:
    return _keys_of(stream) + document_digest(identity)


def _keys_of(stream: Stream) -> str:
    return f"{PREFIX}{stream_key(stream.name, stream.namespace)}#"


def _more_keys(key: str, first: Mapping[str, Any]) -> Sequence[str]:
    return [f"{key}#{first['digest']}#{number}" for number in range(1, first["pieces"])]


def _line_of(piece: Mapping[str, Any] | None) -> str:
    assert piece is not None  # it was durable before the first one was put
    line: str = piece["line"]
    return line


def _pieces(rejected: Rejected, stamp: str) -> list[dict[str, Any]]:
    stream, line = rejected.stream, _text(rejected.line)
    texts = [line[start : start + PIECE] for start in range(0, len(line), PIECE)]
    first = {
        "stream": stream.name,
        "namespace": stream.namespace,
        "mode": stream.mode,
        "primary_key": stream.primary_key,
        "generation": stream.generation,
        "stamp": stamp,
        "id": rejected.id,
        "reason": rejected.reason[:REASON],
        "at": time.time(),
        "pieces": len(texts),
        "digest": document_digest(line),
        "line": texts[0],
    }
    return [first, *({"line": text} for text in texts[1:])]


def _text(line: bytes) -> str:
    """The line, with lone surrogates as JSON escapes: the reader of lines takes them, and no text can hold them."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return dumps(loads(line)).decode()
