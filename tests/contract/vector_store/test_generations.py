"""Refreshes in any vector store: what a generation replaces, merges with, or leaves behind."""

import pytest

from tests.contract.vector_store.stores import DEDUP, Kind, generation, sync, texts
from tests.embedded_documents import digest, document, named


@pytest.mark.switch
def test_a_truncating_refresh_switches_when_it_is_complete(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "old"))
    sync(kind, generation(2, 2), document("b", "new"), complete=False)
    assert texts(kind) == {"a": ["old"]}
    sync(kind, generation(2, 2), document("c", "newer"))  # a retry of the same generation goes on
    assert texts(kind) == {"b": ["new"], "c": ["newer"]}


def test_what_an_abandoned_refresh_left_is_not_part_of_the_next_one(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "old"))
    sync(kind, generation(2, 2), document("b", "half"), complete=False)
    sync(kind, generation(3, 3), document("c", "new"))
    assert texts(kind) == {"c": ["new"]}


def test_a_client_that_always_sends_the_same_generation_loses_nothing(kind: Kind) -> None:
    sync(kind, generation(1, 1), document("a", "one"))
    sync(kind, generation(1, 1), document("b", "two"))
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_rows_of_clients_without_generations_are_older_than_any(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "old"))
    sync(kind, generation(1, 1), document("b", "new"))
    assert texts(kind) == {"b": ["new"]}


def test_a_refresh_that_merges_keeps_older_generations(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"))
    sync(kind, generation(2, 0), document("b", "two"))
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_generations_below_the_minimum_go_only_when_the_stream_is_complete(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"), document("b", "two"))
    sync(kind, generation(2, 0), document("b", "two"))
    sync(kind, generation(2, 2), document("c", "three"), complete=False)
    assert texts(kind) == {"a": ["one"], "b": ["two"], "c": ["three"]}
    sync(kind, generation(2, 2))
    assert texts(kind) == {"b": ["two"], "c": ["three"]}


def test_an_unchanged_document_of_an_older_generation_must_be_written_again(kind: Kind) -> None:
    sync(kind, generation(1, 0), document("a", "one"))
    store = kind.open("model/1")
    target = store.prepare(generation(2, 0))
    known = store.known(target, named("a"))
    assert (known["a"].hash, known["a"].chunks) == (None, frozenset([digest("one")]))
    store.close()
