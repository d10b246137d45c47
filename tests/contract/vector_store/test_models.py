"""Another embedding model in any vector store: never mixed with what is there."""

import pytest

from tests.contract.vector_store.stores import DEDUP, OVERWRITE, Kind, sync, texts
from tests.embedded_documents import document, named
from vector_ingest.errors import ConfigError

pytestmark = pytest.mark.only_stream


def test_another_model_is_refused_and_the_message_names_both_and_the_remedy(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"))
    store = kind.open("model/2")
    with pytest.raises(ConfigError, match=r"model/1.*model/2.*[Rr]efresh"):
        store.prepare(DEDUP)
    store.close()


def test_another_model_is_taken_by_a_sync_that_replaces_all_and_keeps_no_vectors(kind: Kind) -> None:
    sync(kind, DEDUP, document("a", "one"))
    store = kind.open("model/2")
    target = store.prepare(OVERWRITE)
    assert not store.known(target, named("a"))
    store.replace(target, [document("a", "one")])
    store.finish(target, complete=True)
    store.close()
    assert texts(kind) == {"a": ["one"]}
    sync(kind, DEDUP, document("b", "two"), model="model/2")
    assert texts(kind) == {"a": ["one"], "b": ["two"]}


def test_another_model_may_take_over_what_is_empty(kind: Kind) -> None:
    sync(kind, DEDUP)
    sync(kind, DEDUP, document("a", "one"), model="model/2")
    assert texts(kind) == {"a": ["one"]}
