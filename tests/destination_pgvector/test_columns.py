"""The usual columns: what is in them, what explains them, and tables that an earlier version made."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import Database
from tests.destination_pgvector.stores import DOCS, ask, change, opened, sync
from tests.embedded_documents import digest, document
from vector_ingest.document import Embedded
from vector_ingest.errors import ConfigError

# As version 0.1.0 made it, but for its index.
OF_EARLIER_VERSION = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE docs (document_id text NOT NULL, chunk_id text NOT NULL, metadata jsonb, document_content text,
    embedding vector(3), chunk_number integer NOT NULL, chunk_hash bytea, document_hash bytea, generation bigint,
    loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (document_id, chunk_number));
INSERT INTO docs VALUES ('old', 'old#0', '{"price": 3}', 'text', '[1,2,3]', 0, 'c', 'd', NULL);
"""
NOTE = json.dumps({"airbyte_vectors": {"stream": "docs", "namespace": None, "fingerprint": "model/1"}})


def with_places(embedded: Embedded) -> Embedded:
    first, *others = embedded.chunks
    return replace(embedded, chunks=[replace(first, page=7, headings=("Über", 'a "b", {c}')), *others])


def test_page_and_headings_of_a_chunk_have_columns(database: Database) -> None:
    sync(database, DOCS, with_places(document("a", "one", "two", id=1)))
    rows = ask(database, "SELECT page, headings, metadata FROM docs ORDER BY chunk_number")
    assert rows == [
        (7, ["Über", 'a "b", {c}'], {"id": 1, "_ab_page": 7, "_ab_headings": ["Über", 'a "b", {c}']}),
        (None, None, {"id": 1}),
    ]


def test_a_page_that_is_no_integer_of_the_server_is_in_the_metadata_alone(database: Database) -> None:
    odd = with_places(document("a", "one", id=1))
    odd = replace(odd, chunks=[replace(odd.chunks[0], page=2**31)])
    sync(database, DOCS, odd)
    assert ask(database, "SELECT page, metadata -> '_ab_page' FROM docs") == [(None, 2**31)]


def test_every_column_is_explained(database: Database) -> None:
    sync(database, DOCS, quantised=True, text_search="simple", tenant_field="x", document_view=True)
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = 'docs'::regclass AND attnum > 0 "
        "AND col_description(attrelid, attnum) IS NULL"
    )
    assert ask(database, query) == []


def test_a_table_of_an_earlier_version_gets_what_it_lacks_without_being_written_anew(database: Database) -> None:
    change(database, OF_EARLIER_VERSION + f"COMMENT ON TABLE docs IS '{NOTE}';")
    (file,) = ask(database, "SELECT pg_relation_filenode('docs')")
    sync(database, DOCS, with_places(document("new", "one")))
    assert ask(database, "SELECT document_id, page FROM docs ORDER BY 1") == [("new", 7), ("old", None)]
    assert ask(database, "SELECT pg_relation_filenode('docs')") == [file]
    assert ask(database, "SELECT col_description('docs'::regclass, 1)")[0].startswith("The document")


@pytest.mark.parametrize(
    ("chosen", "column", "remedy"),
    [
        ({"text_search": "english"}, "text_search", r"ALTER TABLE .*GENERATED ALWAYS AS \(to_tsvector"),
        ({"quantised": True}, "embedding_bits", r"ALTER TABLE .*GENERATED ALWAYS AS"),
        ({"tenant_field": "t"}, "tenant", "or undo the choice"),
    ],
)
def test_a_column_that_would_write_the_whole_table_anew_is_left_to_a_refresh(
    database: Database, chosen: dict[str, Any], column: str, remedy: str
) -> None:
    sync(database, DOCS, document("a", "one", tenant="x"))
    with (
        opened(database, **chosen) as store,
        pytest.raises(ConfigError, match=rf"lacks the columns {column}.*{remedy}"),
    ):
        store.prepare(DOCS)
    sync(database, replace(DOCS, mode="overwrite"), document("a", "one", tenant="x"), **chosen)
    sync(database, DOCS, document("b", "two", tenant="x"), **chosen)
    assert ask(database, f"SELECT count(*) FROM docs WHERE {column} IS NOT NULL") == [2]


def test_the_statement_in_the_message_makes_the_column(database: Database) -> None:
    sync(database, DOCS, document("a", "some words"))
    with opened(database, text_search="english") as store, pytest.raises(ConfigError) as caught:
        store.prepare(DOCS)
    statement = str(caught.value)[str(caught.value).index("ALTER TABLE") :]
    change(database, statement)
    sync(database, DOCS, text_search="english")
    assert ask(database, "SELECT text_search::text FROM docs") == ["'word':2"]


def test_an_empty_table_gets_any_column(database: Database) -> None:
    sync(database, DOCS)
    sync(database, DOCS, document("a", "words", tenant="t"), text_search="simple", tenant_field="t", quantised=True)
    assert ask(database, "SELECT tenant, text_search::text, embedding_bits::text FROM docs") == [
        ("t", "'words':1", "111")
    ]


def test_a_refresh_that_was_begun_before_a_choice_goes_on_with_it(database: Database) -> None:
    sync(database, replace(DOCS, generation=1, minimum_generation=0), document("old", "old"))
    refresh = replace(DOCS, generation=2, minimum_generation=2)
    with opened(database) as store:
        store.replace(store.prepare(refresh), [document("a", "first attempt")])
    sync(database, refresh, document("b", "second"), text_search="simple")
    assert ask(database, "SELECT document_id, text_search IS NULL FROM docs ORDER BY 1") == [("a", False), ("b", False)]


def test_a_kept_vector_is_not_lost_with_new_columns(database: Database) -> None:
    sync(database, DOCS, document("a", "one"))
    with opened(database, text_search="simple") as store:
        target = store.prepare(replace(DOCS, mode="overwrite"))
        known = store.known(target, [document("a", "one").document])
        assert known["a"].chunks == {digest("one")}
        store.replace(target, [replace(document("a", "one"), vectors=[None])])
        store.finish(target, complete=True)
    (vector,) = ask(database, "SELECT embedding::text FROM docs")
    assert vector == str(document("a", "one").vectors[0].astype(int).tolist()).replace(" ", "")  # type: ignore[union-attr]
