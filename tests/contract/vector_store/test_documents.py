"""Documents in any vector store: replaced whole, deleted, known, and as they went in."""

from dataclasses import replace
from typing import Any

from tests.contract.vector_store.stores import DEDUP, Closable, Kind, sync, texts
from tests.embedded_documents import digest, document, named


def test_check_passes_and_leaves_nothing_behind(store: Closable, kind: Kind) -> None:
    store.check()
    store.check()
    assert kind.read(DEDUP) == {}


def test_a_document_is_replaced_whole_and_a_shrunk_one_leaves_no_tail(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two", "three"), document("b", "four")])
    store.replace(target, [document("a", "five", "two")])
    assert texts(kind) == {"a": ["five", "two"], "b": ["four"]}


def test_the_same_replace_again_changes_nothing(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    for _ in range(2):
        store.replace(target, [document("a", "one", "two")])
    assert texts(kind) == {"a": ["one", "two"]}


def test_ids_that_are_new_in_every_run_may_come_twice_after_a_lost_answer(store: Closable, kind: Kind) -> None:
    stream = replace(DEDUP, mode="append", primary_key=())
    target = store.prepare(stream)
    for _ in range(2):
        store.replace(target, [document("a", "one", "two"), document("b", "three")])
    assert texts(kind, stream) == {"a": ["one", "two"], "b": ["three"]}


def test_a_document_that_has_no_chunks_any_more_is_gone(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one")])
    store.replace(target, [document("a")])
    assert not any(texts(kind).values())


def test_delete_takes_whole_documents_and_says_how_many_were_there(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two"), document("b", "three")])
    assert store.delete(target, named("a", "unknown")) == 1
    assert store.delete(target, named("a")) == 0
    assert texts(kind) == {"b": ["three"]}


def test_known_has_the_hashes_of_what_is_stored_and_leaves_unknown_ids_out(store: Closable) -> None:
    target = store.prepare(DEDUP)
    stored = document("a", "one", "two")
    store.replace(target, [stored])
    known = store.known(target, named("a", "b"))
    assert set(known) == {"a"}
    assert known["a"].hash == stored.document.hash
    assert known["a"].chunks == {digest("one"), digest("two")}


def test_a_chunk_without_a_vector_keeps_the_stored_one_wherever_it_moves(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document("a", "one", "two")])
    store.replace(target, [document("a", "new", "two", "one", "two", keep=["one", "two"])])
    assert texts(kind) == {"a": ["new", "two", "one", "two"]}


def test_metadata_text_and_awkward_ids_come_back_as_they_went_in(store: Closable) -> None:
    target = store.prepare(DEDUP)
    metadata: dict[str, Any] = {
        "nested": {"list": [1, 2.5, None, True]},
        'quo"te': "\\ \n \t é 日本 🙂",
        "long": 2**70,
        "": "",
    }
    identity = "Stream_x_Key_a'b\"c\\d\n%s{}é"
    store.replace(target, [document(identity, "text é\n\\N", **metadata)])
    (stored,) = store.scan(target)
    assert (stored.document_id, stored.text, stored.number) == (identity, "text é\n\\N", 0)
    assert stored.metadata == metadata
    assert stored.hash == digest("text é\n\\N")
    assert stored.fingerprint == "model/1"


def test_scan_gives_every_chunk_once(store: Closable) -> None:
    target = store.prepare(DEDUP)
    store.replace(target, [document(f"d{number}", "one", "two") for number in range(500)])
    seen = [(stored.document_id, stored.number) for stored in store.scan(target)]
    assert sorted(seen) == sorted((f"d{number}", place) for number in range(500) for place in (0, 1))


def test_the_next_sync_goes_on_with_what_is_there(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"), document("b", "two"))
    sync(kind, DEDUP, document("b", "three"), complete=False)
    assert texts(kind) == {"a": ["one"], "b": ["three"]}
