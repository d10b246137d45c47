"""The view of whole documents: what it shows, and how it follows its table."""

from dataclasses import replace

import pytest

from tests.conftest import Database
from tests.destination_pgvector.stores import DOCS, ask, change, opened, sync
from tests.embedded_documents import document
from vector_ingest.errors import ConfigError

OVERWRITE = replace(DOCS, mode="overwrite")
ALL = "SELECT document_id, chunks, content, metadata FROM docs_documents ORDER BY 1"


def test_it_has_a_row_for_each_document_with_its_text_in_order(database: Database) -> None:
    long = document("a", *(f"part {number}" for number in range(11)), id=1)
    paged = replace(long, chunks=[replace(chunk, page=chunk.number) for chunk in long.chunks])
    sync(database, DOCS, paged, document("b", "one", id=2), document_view=True)
    assert ask(database, ALL) == [
        ("a", 11, "\n".join(f"part {number}" for number in range(11)), {"id": 1}),
        ("b", 1, "one", {"id": 2}),
    ]
    assert ask(database, "SELECT loaded_at > now() - interval '1 minute' FROM docs_documents") == [True, True]


def test_it_follows_its_table_when_that_is_replaced_and_keeps_who_may_read_it(database: Database) -> None:
    sync(database, DOCS, document("a", "old"), document_view=True)
    change(
        database, "GRANT SELECT ON docs_documents TO pg_monitor; CREATE VIEW users_own AS SELECT * FROM docs_documents"
    )
    sync(database, OVERWRITE, document("b", "new"), document_view=True)
    assert ask(database, "SELECT document_id FROM users_own") == ["b"]
    assert ask(database, "SELECT has_table_privilege('pg_monitor', 'docs_documents', 'SELECT')") == [True]


def test_it_is_not_made_anew_while_it_shows_what_it_should(database: Database) -> None:
    version = "SELECT xmin::text FROM pg_rewrite WHERE ev_class = 'docs_documents'::regclass"
    sync(database, DOCS, document("a", "x"), document_view=True)
    before = ask(database, version)
    sync(database, DOCS, document("b", "x"), document_view=True)
    assert ask(database, version) == before


def test_it_goes_when_it_is_not_wanted_any_more(database: Database) -> None:
    sync(database, DOCS, document("a", "old"), document_view=True)
    sync(database, OVERWRITE, document("b", "new"))
    assert ask(database, "SELECT to_regclass('docs_documents') IS NULL") == [True]
    sync(database, OVERWRITE, document("b", "new"), document_view=True)
    sync(database, DOCS)
    assert ask(database, "SELECT to_regclass('docs_documents') IS NULL") == [True]


def test_it_has_the_columns_that_the_table_has_now(database: Database) -> None:
    sync(database, DOCS, document("a", "x", tenant="t"), document_view=True, tenant_field="f")
    assert ask(database, "SELECT tenant FROM docs_documents") == ["t"]
    sync(database, OVERWRITE, document("a", "x"), document_view=True)
    assert ask(database, ALL) == [("a", 1, "x", {})]


def test_what_else_has_its_name_is_left_alone(database: Database) -> None:
    change(database, "CREATE TABLE docs_documents (id int)")
    sync(database, DOCS)
    with (
        opened(database, document_view=True) as store,
        pytest.raises(ConfigError, match=r"docs_documents.*Rename or drop"),
    ):
        store.prepare(DOCS)
    with opened(database, document_view=True) as store, pytest.raises(ConfigError, match="Rename or drop"):
        store.prepare(OVERWRITE)
