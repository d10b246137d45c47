"""Stores in the database of a test."""

from collections.abc import Iterator
from typing import Any

import pytest

from destination_pgvector.store import PgvectorStore
from tests.conftest import Database
from tests.destination_pgvector.indexed import DIMENSIONS, Open
from tests.destination_pgvector.stores import store_of


@pytest.fixture
def open_store(database: Database) -> Iterator[Open]:
    """Stores with these changes of the section of the form; they are closed at the end."""
    stores: list[PgvectorStore] = []

    def open_one(**changes: Any) -> PgvectorStore:
        stores.append(store_of({**database.indexing(), **changes}, DIMENSIONS))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()
