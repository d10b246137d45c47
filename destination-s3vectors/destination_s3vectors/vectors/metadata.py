"""A document's metadata and a chunk's text as the metadata of one vector, within every limit, and back.

Fields that filters can see are kept under their own names while the 2 KB last: first those of `Layout.priority`, then
short ones before long ones, so that one long field does not push out ten short ones, each in the document's order.
What is no metadata value, or has no room, goes into `_overflow` (`overflow`), over several chunks if it is long.

How the service counts bytes was measured (`metadata_size`). All metadata is held to 40 KB by that count. What can be
filtered by is held to 2 KB also as JSON in UTF-8, with spaces after `:` and `,`, as others that speak the service's
protocol may count: what does not fit is only moved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from destination_s3vectors.service.limits import (
    FILTERABLE_BYTES,
    METADATA_BYTES,
    METADATA_KEY_BYTES,
    METADATA_KEYS,
    METADATA_OBJECT,
    NON_FILTERABLE_KEYS,
)
from destination_s3vectors.vectors.filterable import TIMESTAMP, Item, item_of, items_of
from destination_s3vectors.vectors.metadata_size import entry_bytes, string_bytes
from destination_s3vectors.vectors.overflow import Found, exact, joined, overflow_of, read
from vector_ingest.errors import ConfigError, DataError

TEXT = "_text"
OVERFLOW = "_overflow"
ACCOUNT = "_account"
# Filterable: the names of the fields that filters can't see in this vector, though they have a value.
OVERFLOW_FIELDS = "_overflow_fields"
# Non-filterable keys can't be added to an index: one is reserved for what a later version may have to keep.
SPARE = "_spare"
OURS = (TEXT, OVERFLOW, ACCOUNT)
RESERVED = frozenset((*OURS, OVERFLOW_FIELDS, SPARE))
USERS_NON_FILTERABLE = NON_FILTERABLE_KEYS - len(OURS) - 1

SHORT = 256  # bytes of a field that is taken before the longer ones
# Bytes of the user's non-filterable fields that each chunk repeats; longer ones are kept once, in the overflow.
HIDDEN = 8 * 1024
ACCOUNT_BYTES = 2048  # kept free for the caller's bookkeeping, which holds a document id of 512 bytes
NOTHING = Found({}, (), 0, "")


@dataclass(frozen=True, slots=True)
class Layout:
    """How an index holds metadata. Names are of fields, or dotted ones of values inside them.

    `non_filterable`: the user's fields that were declared so when the index was made, beside ours.
    `priority`: filterable fields that come first when there is no room for all.
    """

    non_filterable: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    with_text: bool = True

    def __post_init__(self) -> None:
        names = set(self.non_filterable)
        if len(names) > USERS_NON_FILTERABLE:
            raise ConfigError(
                f"{len(names)} non-filterable fields are set: {', '.join(self.non_filterable)}. Expected at most "
                f"{USERS_NON_FILTERABLE}, as an index has {NON_FILTERABLE_KEYS} such keys and the connector needs the "
                "rest. Take some out: what finds no room among the filterable fields is kept anyway."
            )
        for name in self.non_filterable:
            if name in RESERVED or item_of(name, "", name, is_field=True) is None:
                raise ConfigError(
                    f"`{name}` can't be a non-filterable field: expected a name of 1 to {METADATA_KEY_BYTES} bytes "
                    f"that does not begin with `$` and is none of {', '.join(sorted(RESERVED))}. Rename the field."
                )
        if both := names.intersection(self.priority):
            raise ConfigError(
                f"`{min(both)}` is set both as a non-filterable field and as a filterable one with priority. "
                "Take it out of one of the lists."
            )

    @property
    def reserved_keys(self) -> tuple[str, ...]:
        """The non-filterable keys that an index must have."""
        return *OURS, *dict.fromkeys(self.non_filterable)


@dataclass(frozen=True, slots=True)
class Members:
    """Of a JSON object, each with a comma after it; `size`: bytes, as the service counts them."""

    json: bytes
    size: int


NONE = Members(b"", 0)


@dataclass(frozen=True, slots=True)
class Own:
    """What a chunk has for itself, beside what all of its document share. `most`: as `Item.most`, of all together."""

    members: Members = NONE
    most: int = 0
    names: frozenset[str] = frozenset()


def own_of(metadata: Mapping[str, Any]) -> Own:
    """Filterable, all of it: there is little."""
    items = [item for name, value in metadata.items() if (item := item_of(name, value, name, is_field=True))]
    members = Members(b"".join(item.member + b"," for item in items), sum(item.size for item in items))
    return Own(members, sum(item.most for item in items), frozenset(item.name for item in items))


@dataclass(frozen=True, slots=True)
class DocumentMetadata:
    """What the chunks of one document share, rendered once.

    `moved`: fields with a value that filters can't see, for lack of room or because it is no metadata value.
    """

    moved: tuple[str, ...]
    _where: str
    _fields: Members  # in every chunk
    _overflow: Sequence[Members]  # of the chunks 0, 1, …
    _overflow_elsewhere: Members  # of the chunks after these
    _with_text: bool
    _source: Mapping[str, Any]

    @property
    def pieces(self) -> int:
        """The chunks from this number on have the same metadata but for text and account."""
        return len(self._overflow)

    def of_chunk(self, text: str, account: bytes | str, number: int, own: Members = NONE) -> bytes:
        """The JSON object of one vector. `account`: JSON of the caller's bookkeeping, given back as it is.

        `own`: what only this chunk has.

        DataError: text and metadata together are more than a vector holds.
        """
        overflow = self._overflow[number] if number < len(self._overflow) else self._overflow_elsewhere
        written = _member(TEXT, text) if self._with_text else NONE
        kept = _member(ACCOUNT, account if isinstance(account, str) else account.decode())
        size = METADATA_OBJECT + self._fields.size + own.size + overflow.size + written.size + kept.size
        if size > METADATA_BYTES:
            raise self._too_long(number, size, written.size)
        return b"".join((b"{", self._fields.json, own.json, overflow.json, written.json, kept.json[:-1], b"}"))

    def _too_long(self, number: int, size: int, text: int) -> DataError:
        sizes = {name: string_bytes(exact(value)) for name, value in self._source.items()}
        largest = max(sizes, key=lambda name: sizes[name], default="")
        of_it = f", of which the field `{largest[:100]}` takes {sizes[largest]:,}" if sizes else ""
        return DataError(
            self._where,
            f"chunk {number} with its metadata takes {size:,} bytes, expected at most {METADATA_BYTES:,}: its text "
            f"takes {text:,}, metadata {size - text:,}{of_it}. Set a smaller processing.chunk_size, or leave long "
            "fields out with processing.metadata_fields",
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """`text` is None where the index keeps none. `pieces`: 0 if all fields are here, else see `whole_metadata`."""

    text: str | None
    metadata: dict[str, Any]
    account: str | None
    pieces: int


def of_document(
    metadata: Mapping[str, Any],
    layout: Layout,
    where: str = "a document",
    chunks: int = 1,
    longest: int = 0,
    own: Own = Own(),
) -> DocumentMetadata:
    """Once for each document; `where` names it in errors. `longest`: bytes of the longest text of its `chunks`.

    `own`: room is left for as much in each chunk, and fields of these names are left out.

    DataError: nested too deep for JSON.
    """
    metadata = {name: value for name, value in metadata.items() if name not in own.names} if own.names else metadata
    hidden = _hidden(metadata, layout)
    filterable = _fitting(items_of(metadata, RESERVED.union(layout.non_filterable)), layout, len(hidden), own)
    kept = [*filterable, *hidden]
    beyond = _beyond(metadata, kept)
    seen = {item.field for item in kept}
    moved = tuple(name for name, value in beyond.items() if value is not None and name not in seen)
    if named := _naming(moved, filterable, own):
        kept.append(named)
    parts = [item.name for item in filterable if not item.is_field and not item.name.endswith(TIMESTAMP)]
    fields = Members(b"".join(item.member + b"," for item in kept), sum(item.size for item in kept))
    room = METADATA_BYTES - METADATA_OBJECT - fields.size - own.members.size - entry_bytes(OVERFLOW, "")
    room -= entry_bytes(TEXT, "") + longest + entry_bytes(ACCOUNT, "") + ACCOUNT_BYTES
    try:
        overflow = overflow_of(beyond, parts, room, chunks)
    except RecursionError as error:
        raise DataError(where, "its metadata is nested too deep for JSON. Leave such fields out") from error
    pieces = [_member(OVERFLOW, piece) for piece in overflow.pieces]
    elsewhere = NONE if overflow.elsewhere is None else _member(OVERFLOW, overflow.elsewhere)
    return DocumentMetadata(moved, where, fields, pieces, elsewhere, layout.with_text, metadata)


def restored(stored: Mapping[str, Any]) -> Restored:
    """From the metadata of one vector, as the service gives it."""
    overflow = read(stored[OVERFLOW]) if OVERFLOW in stored else NOTHING
    not_fields = RESERVED.union(overflow.parts)
    metadata = {
        name: value for name, value in stored.items() if name not in not_fields and not name.endswith(TIMESTAMP)
    }
    metadata.update(overflow.fields or {})
    pieces = overflow.pieces if overflow.fields is None else 0
    return Restored(stored.get(TEXT), metadata, stored.get(ACCOUNT), pieces)


def whole_metadata(first_chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A document's metadata, exactly: from what is stored with its chunks 0 to `Restored.pieces` - 1, in order.

    PiecesDiffer: these are of several versions of it.
    """
    pieces = [read(stored[OVERFLOW]) if OVERFLOW in stored else NOTHING for stored in first_chunks]
    return restored(first_chunks[0]).metadata | dict(joined(pieces))


def _hidden(metadata: Mapping[str, Any], layout: Layout) -> list[Item]:
    """The user's non-filterable fields that every chunk carries."""
    hidden, room = [], HIDDEN
    for name in dict.fromkeys(layout.non_filterable):
        item = item_of(name, metadata[name], name, is_field=True) if name in metadata else None
        if item is not None and item.size <= room:
            hidden.append(item)
            room -= item.size
    return hidden


def _fitting(items: Iterable[Item], layout: Layout, hidden: int, own: Own) -> list[Item]:
    """Those that fit, each tried in its turn: where a long one has no room, a short one after it may have."""
    ranks = {name: rank for rank, name in enumerate(reversed(layout.priority), 1)}
    room = FILTERABLE_BYTES - METADATA_OBJECT - own.most
    keys = METADATA_KEYS - hidden - len(own.names) - len(OURS) - 1  # one for the names of what was moved
    chosen: list[Item] = []
    for item in sorted(items, key=lambda item: _turn(item, ranks)):
        if item.most <= room and len(chosen) < keys:
            chosen.append(item)
            room -= item.most
    return chosen


def _turn(item: Item, ranks: Mapping[str, int]) -> tuple[int, bool]:
    rank = ranks.get(item.path) or ranks.get(item.field) or 0
    return -rank, not rank and item.most > SHORT


def _beyond(metadata: Mapping[str, Any], kept: Iterable[Item]) -> dict[str, Any]:
    """The fields that the vector's keys don't give back. One that is named like a timestamp would be taken for one."""
    own = {item.field for item in kept if item.is_field and not item.name.endswith(TIMESTAMP)}
    return {name: value for name, value in metadata.items() if name not in own}


def _naming(moved: tuple[str, ...], filterable: Iterable[Item], own: Own) -> Item | None:
    """Only if there is room for all: half a list would say that the other fields can be filtered by."""
    if not moved:
        return None
    item = item_of(OVERFLOW_FIELDS, list(moved), OVERFLOW_FIELDS, is_field=False)
    room = FILTERABLE_BYTES - METADATA_OBJECT - own.most - sum(item.most for item in filterable)
    return item if item and item.most <= room else None


def _member(name: str, text: str) -> Members:
    return Members(b'"%s":%s,' % (name.encode(), orjson.dumps(text)), entry_bytes(name, text))
