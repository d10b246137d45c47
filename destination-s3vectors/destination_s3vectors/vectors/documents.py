"""Documents of several chunks, kept whole in an index that knows only single vectors and no transactions.

Writing one takes these calls, each begun when the one before is durable. A batch takes each step for all its documents.

    1. chunk 0, with the manifest and a new token      from here on the document says that it is being written
    2. the chunks between, where they differ           what is equal stays
    3. the old tail is deleted
    4. the last chunk, with the same token             from here on it says that it is whole

Of a document that becomes a single chunk, the old last chunk is deleted first, then the others, then chunk 0 is put.
A deletion takes the last chunk first and chunk 0 last. So whatever call was the last before a kill, chunk 0 is there to
tell that the document is not whole, and how far its remains reach.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from destination_s3vectors.service import limits
from destination_s3vectors.service.render import Vector
from destination_s3vectors.service.transport import Found, RefusedVector
from destination_s3vectors.vectors.manifest import ChunkAccount, Extent, Manifest, account_of
from destination_s3vectors.vectors.names import VectorKey, key_of, vector_key
from vector_ingest.document import Vector as Numbers
from vector_ingest.errors import DataError


class Requests(Protocol):
    """What is asked of `transport.Transport`. `index` is an ARN; a call returns when all of it is durable."""

    def put(self, index: str, vectors: Sequence[Vector]) -> Sequence[RefusedVector]: ...
    def get(self, index: str, keys: Sequence[str], data: bool = False) -> dict[str, Found]: ...
    def delete(self, index: str, keys: Sequence[str]) -> None: ...


class Listing(Requests, Protocol):
    """The same, with listing."""

    def list_all(
        self, index: str, metadata: bool, segments: int = limits.SEGMENTS
    ) -> Iterator[tuple[str, Mapping[str, Any]]]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream's documents lie: an index, and the first part of their keys."""

    index: str  # ARN
    stream_key: str

    def key(self, digest: str, number: int) -> str:
        return vector_key(self.stream_key, digest, number)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What is stored of one document. `chunks` has what was read of them, by number; chunk 0 always."""

    manifest: Manifest
    whole: bool
    chunks: Mapping[int, ChunkAccount]

    @property
    def bound(self) -> int:
        return self.manifest.count if self.whole else self.manifest.bound


@dataclass(frozen=True, slots=True)
class NewChunk:
    """`data` None: the vector that is stored with this hash and fingerprint."""

    account: ChunkAccount
    data: Numbers | None


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to write. `render(number, account)` gives a chunk's metadata as JSON; `chunks` are at least one."""

    digest: str
    hash: bytes
    stamp: str
    chunks: Sequence[NewChunk]
    render: Callable[[int, ChunkAccount], bytes]
    stored: StoredDocument | None


@dataclass(slots=True)
class Plan:
    """The steps of one batch: keys to delete and vectors to put, in the order of the fields."""

    delete_last: list[str] = field(default_factory=list)  # of documents that become a single chunk
    delete_rest: list[str] = field(default_factory=list)
    put_first: list[Vector] = field(default_factory=list)
    put_between: list[Vector] = field(default_factory=list)
    delete_tails: list[str] = field(default_factory=list)
    put_last: list[Vector] = field(default_factory=list)


class VectorsGone(Exception):  # noqa: N818  a finding
    """A vector that was to be kept is not there any more; `args[0]` is its document's id."""


def listed(requests: Listing, place: Place) -> Iterator[tuple[VectorKey, Mapping[str, Any]]]:
    """The stream's vectors, in no order: key and metadata."""
    for text, metadata in requests.list_all(place.index, metadata=True):
        key = key_of(text)
        if key is not None and key.stream == place.stream_key:
            yield key, metadata


def stored_documents(requests: Requests, place: Place, digests: Iterable[str]) -> dict[str, StoredDocument]:
    """What is stored of these documents; of their chunks, only chunk 0 is read in full."""
    firsts = _accounts(requests, place, [(digest, 0) for digest in digests])
    manifests = {digest: manifest_of(account) for (digest, _), account in firsts.items()}
    lasts = _accounts(requests, place, [(digest, m.count - 1) for digest, m in manifests.items() if m.count > 1])
    found: dict[str, StoredDocument] = {}
    for digest, manifest in manifests.items():
        last = lasts.get((digest, manifest.count - 1))
        whole = manifest.count == 1 or (last is not None and last.token == manifest.token)
        found[digest] = StoredDocument(manifest, whole, {0: firsts[digest, 0]})
    return found


def with_chunks(requests: Requests, place: Place, documents: Mapping[str, StoredDocument]) -> dict[str, StoredDocument]:
    """The same, with the account of every chunk."""
    numbers = [(digest, number) for digest, stored in documents.items() for number in range(1, stored.bound)]
    chunks: dict[str, dict[int, ChunkAccount]] = {digest: dict(stored.chunks) for digest, stored in documents.items()}
    for (digest, number), account in _accounts(requests, place, numbers).items():
        chunks[digest][number] = account
    return {digest: replace(stored, chunks=chunks[digest]) for digest, stored in documents.items()}


def write(requests: Requests, place: Place, documents: Sequence[NewDocument]) -> dict[str, str]:
    """Store these documents; what the service refused, as reasons by digest. Digests are unique."""
    plan = Plan()
    to_write = {document.digest: _numbers_to_write(document) for document in documents}
    kept = _kept_vectors(requests, place, documents, to_write)
    refused: dict[str, str] = {}
    for document in documents:
        try:
            _plan(plan, place, document, to_write[document.digest], kept)
        except DataError as error:
            refused[document.digest] = error.reason

    def put(vectors: Sequence[Vector]) -> None:
        wanted = [vector for vector in vectors if _digest(vector.key) not in refused]
        for bad in requests.put(place.index, wanted) if wanted else ():
            refused[_digest(bad.key)] = bad.reason

    _delete(requests, place, plan.delete_last)
    _delete(requests, place, plan.delete_rest)
    put(plan.put_first)
    put(plan.put_between)
    # A refused document keeps what is left of it.
    _delete(requests, place, [key for key in plan.delete_tails if _digest(key) not in refused])
    put(plan.put_last)
    return refused


def delete(requests: Requests, place: Place, extents: Mapping[str, Extent]) -> None:
    """Take out these documents (by digest), whole or not."""
    last, between = [], []
    for digest, (count, bound) in extents.items():
        last += [place.key(digest, count - 1)] if count > 1 else []
        between += [place.key(digest, number) for number in range(1, bound) if number != count - 1]
    for keys in (last, between, [place.key(digest, 0) for digest in extents]):
        _delete(requests, place, keys)


def extents_of(requests: Requests, place: Place, digests: Iterable[str]) -> dict[str, Extent]:
    """Of those that are there."""
    accounts = _accounts(requests, place, [(digest, 0) for digest in digests])
    return {digest: manifest_of(account).extent for (digest, _), account in accounts.items()}


def _numbers_to_write(document: NewDocument) -> Sequence[int]:
    """The chunks to put: always chunk 0; the last one too, unless nothing but chunk 0 changes."""
    stored, count = document.stored, len(document.chunks)
    differing = [number for number in range(1, count) if not _is_stored(document, number)]
    if count == 1 or (not differing and stored and stored.whole and stored.manifest.count == count):
        return [0]
    return [0, *(number for number in differing if number != count - 1), count - 1]


def _plan(plan: Plan, place: Place, document: NewDocument, numbers: Sequence[int], kept: "_Kept") -> None:
    stored, count = document.stored, len(document.chunks)
    bound = stored.bound if stored else 0
    # A put of one vector is all or nothing: where only chunk 0 changes, the last one's token stays good.
    token = stored.manifest.token if stored and count > 1 and len(numbers) == 1 else secrets.token_hex(8)
    manifest = Manifest(count, max(count, bound), document.hash, token, document.stamp, int(time.time()))
    first = _vector(place, document, 0, kept, manifest, token)
    between = [_vector(place, document, number, kept, None, None) for number in numbers[1:-1]]
    tail = [place.key(document.digest, number) for number in range(count, bound)]
    if len(numbers) > 1:
        last = _vector(place, document, numbers[-1], kept, None, token)
        plan.put_first.append(first)
        plan.put_between += between
        plan.delete_tails += tail
        plan.put_last.append(last)
    else:
        if tail and stored and stored.whole:
            plan.delete_last.append(tail.pop())
        plan.delete_rest += tail
        plan.put_last.append(first)


def _is_stored(document: NewDocument, number: int) -> bool:
    account = document.stored.chunks.get(number) if document.stored else None
    return account is not None and account.same_but_token(document.chunks[number].account)


def _vector(
    place: Place, document: NewDocument, number: int, kept: "_Kept", manifest: Manifest | None, token: str | None
) -> Vector:
    chunk = document.chunks[number]
    account = replace(chunk.account, token=token, manifest=manifest)
    data = kept[document.digest, account.hash] if chunk.data is None else chunk.data
    return Vector(place.key(document.digest, number), data, document.render(number, account))


_Kept = Mapping[tuple[str, bytes], Numbers]


def _kept_vectors(
    requests: Requests, place: Place, documents: Sequence[NewDocument], to_write: Mapping[str, Sequence[int]]
) -> _Kept:
    """The stored vectors of the chunks that are put without a new one, by digest and hash."""
    keys: dict[tuple[str, bytes], str] = {}
    for document in documents:
        numbers = {
            (account.hash, account.fingerprint): number
            for number, account in (document.stored.chunks.items() if document.stored else ())
        }
        for chunk in [document.chunks[number] for number in to_write[document.digest]]:
            if chunk.data is None:
                number = numbers.get((chunk.account.hash, chunk.account.fingerprint))
                if number is None:
                    raise VectorsGone(chunk.account.document_id)
                keys[document.digest, chunk.account.hash] = place.key(document.digest, number)
    found = requests.get(place.index, list(keys.values()), data=True) if keys else {}
    ids = {document.digest: document.chunks[0].account.document_id for document in documents}
    kept: dict[tuple[str, bytes], Numbers] = {}
    for wanted, key in keys.items():
        vector = found.get(key)
        if vector is None or vector.data is None or account_of(vector.metadata).hash != wanted[1]:
            raise VectorsGone(ids[wanted[0]])
        kept[wanted] = np.asarray(vector.data, np.float32)
    return kept


def _accounts(
    requests: Requests, place: Place, chunks: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], ChunkAccount]:
    """By digest and number; what is not there is left out."""
    by_key = {place.key(digest, number): (digest, number) for digest, number in chunks}
    found = requests.get(place.index, list(by_key)) if by_key else {}
    return {by_key[key]: account_of(vector.metadata) for key, vector in found.items()}


def _digest(key: str) -> str:
    found = key_of(key)
    assert found is not None  # it was made by Place.key
    return found.document


def manifest_of(first: ChunkAccount) -> Manifest:
    assert first.manifest is not None  # chunk 0 is never written without
    return first.manifest


def _delete(requests: Requests, place: Place, keys: Sequence[str]) -> None:
    if keys:
        requests.delete(place.index, keys)
