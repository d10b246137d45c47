"""What the store writes beside each vector, to find it whole again: the account of a chunk, and of a document.

The account is one non-filterable metadata value, a JSON text. Chunk 0 carries the document's manifest too.

There is no transaction over several vectors, so a document says itself whether it is whole: a write puts chunk 0 first,
with a new random token, and the last chunk last, with the same. Whoever finds two tokens that differ finds a write that
was cut; `bound` in chunk 0 says how far its remains may reach. The order of calls is that of `documents`. Its tests
kill it at every vector, and `make soak` in 400,000 random histories.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from destination_s3vectors.vectors.metadata import ACCOUNT

FINGERPRINT_BYTES = 8


class Extent(NamedTuple):
    """How many chunks a document has, and the number that none of its chunks reaches, whatever was cut."""

    chunks: int
    bound: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Of a document, in chunk 0. `token` is also in the last chunk of a whole document."""

    count: int  # chunks
    bound: int  # no chunk has this number or a higher one; at least `count`
    hash: bytes
    token: str
    stamp: str  # the generation, or the run of an overwrite without generations
    loaded_at: int  # seconds since 1970

    @property
    def extent(self) -> Extent:
        return Extent(self.count, self.bound)


@dataclass(frozen=True, slots=True)
class ChunkAccount:
    """Of one chunk. Equal in all but the token: nothing to write."""

    document_id: str
    hash: bytes  # of what was embedded
    fingerprint: str  # of the model and the chunker that made the vector, shortened
    metadata: str  # hash of the document's metadata as it is rendered for this chunk
    token: str | None  # of the last write that ended here
    manifest: Manifest | None  # in chunk 0

    def same_but_token(self, other: "ChunkAccount") -> bool:
        return (self.hash, self.fingerprint, self.metadata) == (other.hash, other.fingerprint, other.metadata)


def short(text: str | bytes) -> str:
    """A hash of 8 bytes as hexadecimal digits."""
    return blake2b(text.encode() if isinstance(text, str) else text, digest_size=FINGERPRINT_BYTES).hexdigest()


def encode(account: ChunkAccount) -> str:
    fields: dict[str, Any] = {
        "id": account.document_id,
        "chunk": account.hash.hex(),
        "model": account.fingerprint,
        "meta": account.metadata,
    }
    if account.token is not None:
        fields["token"] = account.token
    if (manifest := account.manifest) is not None:
        fields["document"] = {
            "count": manifest.count,
            "bound": manifest.bound,
            "hash": manifest.hash.hex(),
            "token": manifest.token,
            "stamp": manifest.stamp,
            "at": manifest.loaded_at,
        }
    return orjson.dumps(fields).decode()


def account_of(metadata: Mapping[str, Any]) -> ChunkAccount:
    """Of a vector's metadata as it is stored."""
    fields: Mapping[str, Any] = orjson.loads(metadata[ACCOUNT])
    document = fields.get("document")
    return ChunkAccount(
        document_id=fields["id"],
        hash=bytes.fromhex(fields["chunk"]),
        fingerprint=fields["model"],
        metadata=fields["meta"],
        token=fields.get("token"),
        manifest=None
        if document is None
        else Manifest(
            count=document["count"],
            bound=document["bound"],
            hash=bytes.fromhex(document["hash"]),
            token=document["token"],
            stamp=document["stamp"],
            loaded_at=document["at"],
        ),
    )
