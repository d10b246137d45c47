"""Documents of several chunks stay whole, wherever a sync is killed.

Every history is run against a service in memory that stops at a chosen vector, also in the middle of a call. The
conditions hold after each kill, and the outcome after the rerun is that of an undisturbed one. S3VECTORS_HISTORIES is
the number of random histories.
"""

import copy
import os
import random

import pytest

from destination_s3vectors.vectors import documents
from destination_s3vectors.vectors.names import document_digest
from tests.destination_s3vectors.written_documents import (
    NEVER,
    PLACE,
    Killed,
    Service,
    Version,
    Wishes,
    assert_each_claim_is_true,
    assert_stored,
    load,
)

HISTORIES = int(os.environ.get("S3VECTORS_HISTORIES", "1500"))  # random ones
A, B = ("a0", "a1", "a2", "a3"), ("b0", "b1", "b2", "b3")
VERSIONS: tuple[Version | None, ...] = (
    None,
    *(Version(A[:count]) for count in (1, 2, 3, 4)),
    *(Version(B[:count]) for count in (1, 2, 4)),
    Version(("a0", "a1", "b2")),  # only the last chunk is another
    Version(("b0", "a1", "a2")),  # only the first
    Version(("a2", "a0", "a1")),  # moved
    Version(("a0", "a0", "a0", "a0")),
    Version(A[:3], metadata="new"),
    Version(A[:3], first="new"),  # only chunk 0 differs
    Version(A[:3], stamp="2"),  # only the generation
    Version(A[:1], stamp="2"),
    Version(A[:3], model="two"),
)


def fresh(seed: int = 1) -> Service:
    return Service(random.Random(seed))


def killed_after(service: Service, steps: int, wishes: Wishes) -> Service | None:
    """What such a kill leaves; None if the load ended before."""
    left = copy.copy(service)
    left.vectors, left.left, left.done = dict(service.vectors), steps, 0
    try:
        load(left, wishes)
    except Killed:
        left.left = NEVER
        return left
    return None


def stored(version: Version | None) -> Service:
    service = fresh()
    load(service, {"a": version})
    return service


@pytest.mark.parametrize("before", VERSIONS, ids=repr)
def test_a_change_killed_anywhere_is_mended_by_whatever_comes_next(before: Version | None) -> None:
    kills = 0
    for change in VERSIONS:
        steps = 0
        while left := killed_after(stored(before), steps, {"a": change}):
            kills, steps = kills + 1, steps + 1
            history = [version for version in (before, change) if version]
            assert_each_claim_is_true(left, {"a": history})
            for then in VERSIONS:
                after = copy.copy(left)
                after.vectors = dict(left.vectors)
                load(after, {"a": then})
                assert_stored(after, {"a": then})
    assert kills > len(VERSIONS)


@pytest.mark.timeout(300 + HISTORIES // 100)
def test_random_histories_of_changes_and_kills_end_with_what_was_wished_last() -> None:
    kills = sum(run_history(seed) for seed in range(HISTORIES))
    assert kills > HISTORIES


def run_history(seed: int) -> int:
    """Several documents that change together, each batch perhaps killed and its documents changed anew. The kills."""
    chance = random.Random(seed)
    service, kills = Service(chance), 0
    versions: dict[str, list[Version]] = {"a": [], "b": [], "c": []}
    wishes: dict[str, Version | None] = dict.fromkeys(versions)
    unfinished: set[str] = set()
    for _ in range(chance.randint(3, 10)):
        batch = unfinished | set(chance.sample(sorted(versions), chance.randint(1, 3)))
        for identity in sorted(batch):
            if identity not in unfinished or chance.random() < 0.5:
                wishes[identity] = _any_version(chance)
                versions[identity] += [version] if (version := wishes[identity]) else []
        order = chance.sample(sorted(batch), len(batch))
        service.left = chance.choice([NEVER, chance.randrange(20)])
        try:
            load(service, {identity: wishes[identity] for identity in order})
            unfinished -= batch
        except Killed:
            unfinished |= batch
            kills += 1
        assert_each_claim_is_true(service, versions)
        assert_stored(service, {identity: wish for identity, wish in wishes.items() if identity not in unfinished})
    service.left = NEVER
    load(service, wishes)
    assert_stored(service, wishes)
    return kills


def _any_version(chance: random.Random) -> Version | None:
    if chance.random() < 0.2:
        return None
    texts = tuple(chance.choice("abcdef") for _ in range(chance.randint(1, 6)))
    model = chance.choice(["one", "one", "one", "two"])
    return Version(texts, chance.choice(["", "m"]), chance.choice(["", "f"]), chance.choice("12"), model)


def test_what_is_equal_is_not_written_again() -> None:
    service = stored(Version(A))
    for change, vectors in [
        (Version(A), 0),
        (Version(A, stamp="2"), 1),  # chunk 0, with its manifest
        (Version(A, first="new", stamp="2"), 1),
        (Version(("a0", "a1", "b2", "a3"), stamp="2"), 3),  # the first, the changed one, the last
        (Version(("a0", "a1"), stamp="2"), 4),  # two put, two deleted
        (Version(("a0",), stamp="2"), 2),
    ]:
        service.done = 0
        load(service, {"a": change})
        assert service.done == vectors, change


def test_a_vector_that_was_to_be_kept_and_is_gone_stops_the_write() -> None:
    service = stored(Version(A))
    key = document_digest("a")
    found = documents.with_chunks(service, PLACE, documents.stored_documents(service, PLACE, [key]))[key]
    del service.vectors[PLACE.key(key, 3)]
    moved = [documents.NewChunk(found.chunks[3], None)]
    with pytest.raises(documents.VectorsGone, match=r"^a$"):
        documents.write(service, PLACE, [documents.NewDocument(key, b"", "0", moved, lambda *_: b"{}", found)])


@pytest.mark.parametrize("number", range(4))
def test_a_document_that_the_service_refuses_is_named_and_the_others_are_stored(number: int) -> None:
    service = fresh()
    load(service, {"a": Version(A), "b": Version(A)})
    service.refuses = frozenset([PLACE.key(document_digest("a"), number)])
    assert set(load(service, {"a": Version(B), "b": Version(B)})) == {document_digest("a")}
    assert_stored(service, {"b": Version(B)})
    assert_each_claim_is_true(service, {"a": [Version(A)], "b": [Version(B)]})
    service.refuses = frozenset()
    load(service, {"a": Version(B)})
    assert_stored(service, {"a": Version(B)})


def test_of_a_document_whose_first_chunk_is_refused_nothing_is_lost() -> None:
    service = stored(Version(A))
    service.refuses = frozenset([PLACE.key(document_digest("a"), 0)])
    assert load(service, {"a": Version(B[:2])})
    kept = {int(key.split("#")[2]) for key in service.vectors}
    assert kept == {0, 1, 2, 3}
