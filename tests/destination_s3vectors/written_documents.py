"""A service in memory that is killed at a chosen vector, and documents whose every version is known."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import orjson

from destination_s3vectors.service.render import Vector
from destination_s3vectors.service.transport import Found, RefusedVector
from destination_s3vectors.vectors import documents
from destination_s3vectors.vectors.documents import NewChunk, NewDocument, Place, StoredDocument
from destination_s3vectors.vectors.manifest import ChunkAccount, account_of, encode, short
from destination_s3vectors.vectors.metadata import ACCOUNT
from destination_s3vectors.vectors.names import document_digest, key_of
from tests.embedded_documents import digest
from vector_ingest.document import Vector as Numbers

T = TypeVar("T")
PLACE = Place("arn", "docs")
NEVER = 1 << 30


class Killed(Exception):  # noqa: N818  what happens to the process, no error of it
    """The process is gone: what was done so far is durable, the rest never comes."""


@dataclass(slots=True)
class Service:
    """One index. A call on several vectors takes effect one vector at a time, in any order, until it is cut."""

    chance: random.Random
    vectors: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)  # data and metadata by key
    left: int = NEVER  # vectors until the kill
    done: int = 0  # vectors written and deleted
    refuses: frozenset[str] = frozenset()  # keys

    def put(self, index: str, vectors: Sequence[Vector]) -> Sequence[RefusedVector]:
        assert index == PLACE.index
        assert len({vector.key for vector in vectors}) == len(vectors) > 0
        for vector in self._in_any_order(vectors):
            if vector.key not in self.refuses:
                self._step()
                self.vectors[vector.key] = (vector.data.tobytes(), vector.metadata)
        return [RefusedVector(vector.key, "no room") for vector in vectors if vector.key in self.refuses]

    def get(self, index: str, keys: Sequence[str], data: bool = False) -> dict[str, Found]:
        assert index == PLACE.index
        return {
            key: Found(
                orjson.loads(self.vectors[key][1]), np.frombuffer(self.vectors[key][0], np.float32) if data else None
            )
            for key in keys
            if key in self.vectors
        }

    def delete(self, index: str, keys: Sequence[str]) -> None:
        assert index == PLACE.index
        assert len(set(keys)) == len(keys) > 0
        for key in self._in_any_order(keys):
            self._step()
            self.vectors.pop(key, None)

    def _in_any_order(self, things: Sequence[T]) -> Sequence[T]:
        return self.chance.sample(things, len(things))

    def _step(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        self.done += 1


@dataclass(frozen=True, slots=True)
class Version:
    """A document as its source has it. `first` is metadata that only chunk 0 has room for."""

    texts: tuple[str, ...]
    metadata: str = ""
    first: str = ""
    stamp: str = "0"
    model: str = "one"

    @property
    def hash(self) -> bytes:
        return digest(repr((self.texts, self.metadata, self.first)))

    def metadata_of(self, number: int) -> str:
        return f"{self.metadata} {'' if number else self.first}"


Wishes = Mapping[str, Version | None]  # by document id; None: take it out


def vector_of(text: str, model: str) -> Numbers:
    return np.frombuffer(digest(f"{model} {text}"), np.uint32).astype(np.float32)


def load(service: Service, wishes: Wishes) -> Mapping[str, str]:
    """As the store does it: look up, leave out what is stored, keep the vectors that are there. What was refused."""
    digests = {document_digest(identity): identity for identity in wishes}
    stored = documents.with_chunks(service, PLACE, documents.stored_documents(service, PLACE, digests))
    new = []
    for key, identity in digests.items():
        wish, found = wishes[identity], stored.get(key)
        if wish is not None and not (found and is_stored(found, wish)):
            new.append(_new(key, identity, wish, found))
    refused = documents.write(service, PLACE, new)
    gone = [key for key, identity in digests.items() if wishes[identity] is None]
    documents.delete(service, PLACE, documents.extents_of(service, PLACE, gone))
    return refused


def is_stored(found: StoredDocument, wish: Version) -> bool:
    """Whether what is stored claims to be all of it."""
    facts = found.manifest.hash, found.manifest.stamp, found.chunks[0].fingerprint
    return found.whole and facts == (wish.hash, wish.stamp, wish.model)


def assert_each_claim_is_true(service: Service, versions: Mapping[str, Sequence[Version]]) -> None:
    """Whatever the kill left: each vector can be found from chunk 0, and who says to be whole is whole."""
    numbers: dict[str, set[int]] = {}
    for text in service.vectors:
        key = key_of(text)
        assert key is not None
        numbers.setdefault(key.document, set()).add(key.number)
    found = documents.stored_documents(service, PLACE, numbers)
    assert set(found) == set(numbers), "vectors without their chunk 0"
    for identity, known in versions.items():
        claim = found.get(document_digest(identity))
        if claim is not None:
            assert numbers[document_digest(identity)] <= set(range(claim.bound)), "vectors that nobody will delete"
        if claim is not None and claim.whole:
            # A version that the document never had may not be claimed either.
            wish = next(version for version in known if is_stored(claim, version))
            assert_stored(service, {identity: wish})


def assert_stored(service: Service, wishes: Wishes) -> None:
    """Exactly these chunks, each with the vector, text and metadata of its version; whole by their own account."""
    for identity, wish in wishes.items():
        key = document_digest(identity)
        there = {text: vector for text, vector in service.vectors.items() if text.split("#")[1] == key}
        assert set(there) == {PLACE.key(key, number) for number in range(len(wish.texts) if wish else 0)}, identity
        if wish is None:
            continue
        found = documents.stored_documents(service, PLACE, [key])[key]
        assert is_stored(found, wish), identity
        for number, text in enumerate(wish.texts):
            data, metadata = there[PLACE.key(key, number)]
            assert data == vector_of(text, wish.model).tobytes()
            fields = orjson.loads(metadata)
            assert (fields["text"], fields["more"]) == (text, wish.metadata_of(number))
            assert account_of(fields).hash == digest(text)


def _new(key: str, identity: str, wish: Version, stored: StoredDocument | None) -> NewDocument:
    kept = {chunk.hash for chunk in stored.chunks.values() if chunk.fingerprint == wish.model} if stored else set()
    chunks = [
        NewChunk(
            ChunkAccount(identity, digest(text), wish.model, short(wish.metadata_of(number)), None, None),
            None if digest(text) in kept else vector_of(text, wish.model),
        )
        for number, text in enumerate(wish.texts)
    ]

    def render(number: int, account: ChunkAccount) -> bytes:
        fields = {ACCOUNT: encode(account), "text": wish.texts[number], "more": wish.metadata_of(number)}
        return orjson.dumps(fields)

    return NewDocument(key, wish.hash, wish.stamp, chunks, render, stored)
