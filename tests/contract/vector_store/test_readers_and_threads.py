"""Many at once in any vector store: writers of disjoint documents, and a reader beside a writer."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.contract.vector_store.stores import DEDUP, OVERWRITE, Closable, Kind, sync, texts
from tests.embedded_documents import document, named


def test_many_threads_write_disjoint_documents(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)

    def work(worker: int) -> None:
        ids = [f"{worker}-{number}" for number in range(10)]
        for turn in range(5):
            known = store.known(target, named(*ids))
            assert len(known) == (0 if turn == 0 else 10)
            keep = ["same"] if known else []
            store.replace(target, [document(identity, f"turn {turn}", "same", keep=keep) for identity in ids])
        store.delete(target, named(*ids[5:]))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    expected = {f"{worker}-{number}": ["turn 4", "same"] for worker in range(6) for number in range(5)}
    assert texts(kind) == expected


def test_a_reader_never_sees_a_document_missing_or_mixed(store: Closable, kind: Kind) -> None:
    target = store.prepare(DEDUP)
    versions = [[f"version {version}"] * (1 + version % 3) for version in range(40)]
    steps = [set(before + after) for before, after in itertools.pairwise(versions)]
    store.replace(target, [document("a", *versions[0])])
    stop, faults = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen = texts(kind)
            # Without transactions, a reader may see parts of two versions: never none, and no others.
            mixed = not kind.switches and any(seen.get("a") and set(seen["a"]) <= step for step in steps)
            if seen.get("a") not in versions and not mixed:
                faults.append(seen)

    reader = threading.Thread(target=look)
    reader.start()
    for version in versions:
        store.replace(target, [document("a", *version)])
    stop.set()
    reader.join()
    assert not faults


def test_a_reader_sees_the_old_rows_or_the_new_ones_while_tables_are_switched(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "0"))
    stop, faults = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen = texts(kind)
            if set(seen) != {"a"}:
                faults.append(seen)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 6):
        sync(kind, OVERWRITE, document("a", str(number)))
    stop.set()
    reader.join()
    assert not faults
    assert texts(kind) == {"a": ["5"]}
