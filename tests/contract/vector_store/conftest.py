"""What every vector store must do: the tests of this folder run on each of them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contract.vector_store.stores import STORES, Closable, Kind


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Its stores are closed at the end, also where a test fails before it does so."""
    kind = STORES[request.param](request)
    opened: list[Closable] = []

    def open_store(fingerprint: str) -> Closable:
        opened.append(kind.open(fingerprint))
        return opened[-1]

    if request.node.get_closest_marker("switch") and not kind.switches:
        reason = "the service has no rename: what replaces a stream is seen document by document"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    yield replace(kind, open=open_store)
    for store in opened:
        store.close()


@pytest.fixture
def store(kind: Kind) -> Iterator[Closable]:
    store = kind.open("model/1")
    yield store
    store.close()
