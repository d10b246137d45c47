"""An overwrite in any vector store: what readers see meanwhile, and after one that was cut."""

from dataclasses import replace

import pytest

from tests.contract.vector_store.stores import DEDUP, OVERWRITE, Kind, sync, texts
from tests.embedded_documents import digest, document, named


@pytest.mark.switch
def test_an_overwrite_shows_the_old_rows_until_it_is_whole(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    store = kind.open("model/1")
    target = store.prepare(OVERWRITE)
    store.replace(target, [document("b", "new")])
    assert texts(kind) == {"a": ["old"]}
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"b": ["new"]}


@pytest.mark.switch
def test_a_first_overwrite_shows_nothing_until_it_is_whole(kind: Kind) -> None:
    target = sync(kind, OVERWRITE, document("b", "new"), complete=False)
    assert target.live is None
    assert texts(kind) == {}
    sync(kind, OVERWRITE, document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_an_overwrite_of_nothing_leaves_an_empty_stream(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, OVERWRITE)
    assert texts(kind) == {}


def test_the_rerun_of_an_overwrite_that_was_killed_at_its_end_deletes_nothing(kind: Kind) -> None:
    stream = replace(OVERWRITE, generation=3, minimum_generation=3)
    sync(kind, stream, document("a", "one"))
    sync(kind, stream)  # its states came back, so the source has nothing to send any more
    assert texts(kind) == {"a": ["one"]}
    sync(kind, stream, document("b", "two"))  # but some clients send the same generation in every sync
    assert texts(kind) == {"b": ["two"]}


@pytest.mark.switch
def test_an_incomplete_overwrite_keeps_the_old_rows_and_its_own_are_thrown_away(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, OVERWRITE, document("b", "half"), complete=False)
    assert texts(kind) == {"a": ["old"]}
    sync(kind, OVERWRITE, document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_an_overwrite_can_keep_vectors_of_the_rows_that_it_replaces(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one", "two"))
    store = kind.open("model/1")
    target = store.prepare(OVERWRITE)
    known = store.known(target, named("a"))
    assert (known["a"].hash, known["a"].chunks) == (None, frozenset([digest("one"), digest("two")]))
    store.replace(target, [document("a", "two", "three", keep=["two"])])
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"a": ["two", "three"]}
