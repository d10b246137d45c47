"""Bad rows, kept aside with their reasons.

A place is a folder of a bucket or of a file system. In it each stream has a folder, and in that each object with bad
rows one of its own: files of JSON lines, named by the object's version. They go when the object is gone or was read
anew, or by a replay. A row that was kept twice, because a sync was cut between the keeping and its state, is told by
its place in the object.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import quote

from source_s3.read import BadRow
from vector_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Kept:
    """A bad row of an object. `object` is its name; `etag` and `last_modified` (ISO 8601, UTC) are its version's."""

    object: str
    etag: str
    last_modified: str
    where: str
    reason: str
    raw: bytes | None


class Place(Protocol):
    """Files by name; a name may hold slashes. What is put is durable when it returns."""

    @property
    def address(self) -> str:
        """In words for the user."""

    def put(self, name: str, content: bytes) -> None: ...
    def get(self, name: str) -> bytes: ...
    def names(self, prefix: str) -> Iterator[str]: ...
    def delete(self, names: Sequence[str]) -> None: ...


class Quarantine:
    """What is kept of one stream."""

    def __init__(self, place: Place, stream: str) -> None:
        self._place = place
        self._folder = f"stream={quote(stream, safe='')}/"  # never `..`, nor empty
        self._held: set[str] | None = None  # the folders of objects, listed at the first need

    @property
    def address(self) -> str:
        return self._place.address + self._folder

    def keep(self, rows: Sequence[Kept]) -> None:
        """Durable when it returns. All rows are of one version of one object."""
        folder = self._folder_of(rows[0].object)
        name = f"{folder}{_short(rows[0].etag)}-{time.time_ns()}.jsonl"
        self._place.put(name, b"".join(_line(row) for row in rows))
        self._holders().add(folder)

    def forget(self, name: str, but: str | None = None) -> None:
        """What was kept of an object; with `but`, an ETag, of all its other versions.

        It costs a request only where there is something.
        """
        folder = self._folder_of(name)
        if folder not in self._holders():
            return
        kept_on = f"{folder}{_short(but)}-" if but is not None else None
        files = list(self._place.names(folder))
        old = [file for file in files if kept_on is None or not file.startswith(kept_on)]
        self._place.delete(old)
        if len(old) == len(files):
            self._holders().discard(folder)

    def replace(self, name: str, rows: Sequence[Kept]) -> None:
        """These are all that is kept of an object from now on. A cut leaves too many, never too few."""
        folder = self._folder_of(name)
        old = list(self._place.names(folder))
        if rows:
            self.keep(rows)
        self._place.delete(old)

    def rows(self) -> Iterator[Kept]:
        """Each once."""
        seen = set()
        for file in self._place.names(self._folder):
            for row in _rows(file, self._place.get(file)):
                if (known := (row.object, row.etag, row.where)) not in seen:
                    seen.add(known)
                    yield row

    def _holders(self) -> set[str]:
        if self._held is None:
            self._held = {name.rpartition("/")[0] + "/" for name in self._place.names(self._folder)}
        return self._held

    def _folder_of(self, name: str) -> str:
        return f"{self._folder}{_short(name)}/"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def kept(name: str, etag: str, last_modified: str, row: BadRow) -> Kept:
    return Kept(name, etag, last_modified, row.where, row.reason, row.raw)


def _line(row: Kept) -> bytes:
    """Text stays readable, so that it can be mended by hand; what is not UTF-8 becomes base64."""
    entry = asdict(row)
    raw = entry.pop("raw")
    if raw is not None:
        try:
            entry["raw"] = raw.decode()
        except UnicodeDecodeError:
            entry["raw_base64"] = base64.b64encode(raw).decode()
    # A lone surrogate, which a reason may quote, becomes the escape that JSON has for it.
    return json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def _rows(file: str, content: bytes) -> Iterator[Kept]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield _row(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(
                f"{file} in the quarantine, line {number}: expected an entry as it was kept, found {error!r}. Mend the "
                "line, or delete it"
            ) from error


def _row(entry: Any) -> Kept:
    """KeyError, TypeError, ValueError: no entry."""
    if not isinstance(entry, dict):
        raise TypeError(f"a {type(entry).__name__}")
    texts = {name: entry[name] for name in ("object", "etag", "last_modified", "where", "reason")}
    raw = entry.get("raw")
    if not all(isinstance(text, str) for text in (*texts.values(), raw or "")):
        raise TypeError("a value that is no text")
    content = base64.b64decode(entry["raw_base64"]) if "raw_base64" in entry else None if raw is None else raw.encode()
    return Kept(**texts, raw=content)
