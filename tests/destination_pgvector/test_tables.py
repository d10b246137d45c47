import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from destination_pgvector.names import LONGEST, normalised, parts, qualified, table_names
from destination_pgvector.store import PgvectorStore
from tests.conftest import Database
from tests.destination_pgvector.stores import change, store_of
from vector_ingest.document import Chunk, Document, Embedded, Stream
from vector_ingest.errors import ConfigError

STREAM = Stream("My Docs", None, "append_dedup", (("id",),))


@pytest.fixture
def store(database: Database) -> Iterator[PgvectorStore]:
    store = store_of(database.indexing())
    yield store
    store.close()


def document(identity: str, *texts: str) -> Embedded:
    chunks = [Chunk(number, text, 0, len(text), text.encode()) for number, text in enumerate(texts)]
    return Embedded(Document(identity, "", {}, b"h"), chunks, [np.ones(3, np.float32)] * len(texts))


def test_names_are_those_of_airbytes_sql_destinations() -> None:
    """The examples of LowerCaseNormalizer in airbyte_cdk/sql/_util/name_normalizers.py, and a digit first."""
    names = ["Hello, World!", "___Hello, World___", "Average Sales (%)", "+1", "1st", "a.b/c-d"]
    expected = ["hello__world_", "___hello__world___", "average_sales____", "_1", "_1st", "a_b_c_d"]
    assert [normalised(name) for name in names] == expected


@pytest.mark.parametrize("name", ["x" * 64, "", "日本語", "!!", "é" * 40])
def test_a_name_that_is_too_long_or_has_nothing_left_gets_a_hash(name: str) -> None:
    usual, other = table_names(replace(STREAM, name=name), "public")
    assert usual == other
    assert len(parts(usual)[1]) <= LONGEST


@pytest.mark.parametrize("schema", ["public", 'odd "quoted" schema', "a.b"])
def test_a_quoted_name_can_be_taken_apart(schema: str) -> None:
    assert parts(qualified(schema, "table_1")) == (schema, "table_1")


def test_two_streams_of_one_name_get_two_tables_and_keep_them(database: Database, store: PgvectorStore) -> None:
    first, second = store.prepare(replace(STREAM, name="Docs")), store.prepare(replace(STREAM, name="docs"))
    assert first.write != second.write
    again = store_of(database.indexing())
    assert again.prepare(replace(STREAM, name="docs")).write == second.write
    assert again.prepare(replace(STREAM, name="Docs")).write == first.write


def test_two_overwritten_streams_of_one_name_get_two_tables(store: PgvectorStore) -> None:
    streams = [replace(STREAM, name=name, mode="overwrite") for name in ("Docs", "docs")]
    targets = [store.prepare(stream) for stream in streams]
    for target in targets:
        store.replace(target, [document(target.stream.name, "text")])
    for target in targets:
        store.finish(target, complete=True)
    for stream in streams:
        live = store.prepare(replace(stream, mode="append"))
        assert [stored.document_id for stored in store.scan(live)] == [stream.name]


def test_a_namespace_is_a_schema_and_is_made(database: Database, store: PgvectorStore) -> None:
    target = store.prepare(replace(STREAM, namespace='Odd "Name"'))
    store.replace(target, [document("a", "x")])
    store.finish(target, complete=True)
    with database.connect() as conn:
        assert conn.execute('SELECT count(*) FROM "Odd ""Name""".my_docs').fetchone() == (1,)


def test_a_table_of_airbytes_own_connector_is_adopted_and_its_documents_give_way(
    database: Database, store: PgvectorStore, caplog: pytest.LogCaptureFixture
) -> None:
    with database.connect() as conn:
        conn.execute("CREATE EXTENSION vector")
        conn.execute(
            "CREATE TABLE my_docs (document_id varchar, chunk_id varchar, metadata json, document_content text, "
            "embedding vector(3))"
        )
        conn.execute(
            "INSERT INTO my_docs VALUES ('a', '1', '{\"x\": 1}', 'one', '[1,2,3]'), "
            "('a', '2', null, 'two', '[1,2,3]'), ('b', '3', null, 'three', '[1,2,3]')"
        )
    with caplog.at_level(logging.WARNING):
        target = store.prepare(STREAM)
    assert "made by another connector" in caplog.text
    assert store.known(target, [Document("a", "", {}, b"")])["a"].hash is None
    store.replace(target, [document("a", "new")])
    store.finish(target, complete=True)
    assert {(stored.document_id, stored.text) for stored in store.scan(store.prepare(STREAM))} == {
        ("a", "new"),
        ("b", "three"),
    }


def test_a_table_of_another_shape_is_left_alone(database: Database, store: PgvectorStore) -> None:
    with database.connect() as conn:
        conn.execute("CREATE TABLE my_docs (id int)")
    with pytest.raises(ConfigError, match="no vector table: it lacks the columns chunk_id, document_content"):
        store.prepare(STREAM)


def test_readers_keep_their_rights_when_the_table_is_replaced(database: Database, store: PgvectorStore) -> None:
    overwrite = replace(STREAM, mode="overwrite")
    store.finish(store.prepare(overwrite), complete=True)
    with database.connect() as conn:
        conn.execute("GRANT SELECT ON my_docs TO pg_monitor, PUBLIC")
        store.finish(store.prepare(overwrite), complete=True)
        row = conn.execute("SELECT has_table_privilege('pg_monitor', 'my_docs', 'SELECT')").fetchone()
        assert row == (True,)


def test_a_view_on_the_table_stops_an_overwrite_with_the_reason(database: Database, store: PgvectorStore) -> None:
    store.finish(store.prepare(STREAM), complete=True)
    with database.connect() as conn:
        conn.execute("CREATE VIEW v AS SELECT * FROM my_docs")
    with pytest.raises(ConfigError, match=r"depend.*Drop what depends"):
        store.finish(store.prepare(replace(STREAM, mode="overwrite")), complete=True)


def test_the_index_is_built_once_and_after_loading(database: Database, store: PgvectorStore) -> None:
    query = "SELECT count(*) FROM pg_indexes WHERE tablename = 'my_docs' AND indexdef LIKE '%hnsw%vector_cosine_ops%'"
    target = store.prepare(STREAM)
    with database.connect() as conn:
        assert conn.execute(query).fetchone() == (0,)
        for _ in range(2):
            store.finish(target, complete=True)
            assert conn.execute(query).fetchone() == (1,)
        store.finish(store.prepare(replace(STREAM, mode="overwrite")), complete=True)
        assert conn.execute(query).fetchone() == (1,)


def test_an_index_that_a_broken_build_left_is_made_anew(database: Database, store: PgvectorStore) -> None:
    target = store.prepare(STREAM)
    store.finish(target, complete=True)
    query = (
        "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE amname = 'hnsw'"
    )
    with database.connect() as conn:
        conn.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = (SELECT indexrelid {query})".encode())
        store.finish(target, complete=True)
        assert conn.execute(f"SELECT indisvalid {query}".encode()).fetchall() == [(True,)]


def test_a_model_of_too_many_dimensions_for_an_index_is_loaded_with_a_warning(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(database.indexing(), 4001)
    with caplog.at_level(logging.WARNING):
        store.finish(store.prepare(STREAM), complete=True)
    assert "2000 dimensions at most" in caplog.text
    store.close()


def test_more_dimensions_than_a_column_holds_are_refused(database: Database) -> None:
    store = store_of(database.indexing(), 16_001)
    with pytest.raises(ConfigError, match=r"16001 dimensions.*16000"):
        store.check()


def test_what_the_server_can_not_take_is_refused_document_by_document(store: PgvectorStore) -> None:
    target = store.prepare(STREAM)
    bad = document("bad", "x")
    bad = replace(bad, vectors=[np.array([1, np.nan, 1], np.float32)])
    refused = store.replace(target, [document("a", "x"), bad, document("b", "x")])
    assert [(entry.document_id, "NaN" in entry.reason) for entry in refused] == [("bad", True)]
    assert {stored.document_id for stored in store.scan(target)} == {"a", "b"}


@pytest.mark.parametrize(
    "rule",
    [
        "ALTER TABLE my_docs ADD CHECK (document_content <> 'x')",
        "ALTER TABLE my_docs ADD approved text NOT NULL GENERATED ALWAYS AS (nullif(document_content, 'x')) STORED",
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'violates'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON my_docs FOR EACH ROW WHEN (NEW.document_content = 'x')
        EXECUTE FUNCTION refuse()""",
    ],
)
def test_what_a_rule_of_the_users_own_forbids_is_refused_and_the_rest_is_stored(
    database: Database, store: PgvectorStore, rule: str
) -> None:
    target = store.prepare(STREAM)
    change(database, rule)
    refused = store.replace(target, [document("a", "y"), document("bad", "x"), document("b", "y")])
    assert [(entry.document_id, "violates" in entry.reason) for entry in refused] == [("bad", True)]
    assert {stored.document_id for stored in store.scan(target)} == {"a", "b"}
