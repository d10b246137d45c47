"""Which table a stream has: by a template, or one for all; and whose rows who sees."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from destination_pgvector.names import LONGEST, beside, parts, qualified, table_names
from tests.conftest import Database
from tests.destination_commands import catalog, config, lines, run, stream
from tests.destination_pgvector.commands import command_line, complete, record
from tests.destination_pgvector.stores import DOCS, ask, change, opened, store_of, sync
from tests.embedded_documents import document, vector_of
from tests.servers.postgres_front import PostgresFront
from vector_ingest.command.search import Scope
from vector_ingest.document import Embedded, Vector
from vector_ingest.errors import ConfigError

FOR_ALL = {"type": "all"}


@pytest.mark.parametrize(
    ("template", "namespace", "name", "expected"),
    [
        ("{stream}", "Sales", "My Docs", '"Sales"."my_docs"'),
        ("vec_{stream}", None, "Docs", '"public"."vec_docs"'),
        ("{namespace}_{stream}", "Sales", "Docs", '"public"."sales_docs"'),
        ("{namespace}_{stream}", None, "Docs", '"public"."_docs"'),
        ("V-{stream}", None, "1", '"public"."v_1"'),
    ],
)
def test_a_template_gives_the_name_and_the_namespace_a_schema_or_a_part_of_it(
    template: str, namespace: str | None, name: str, expected: str
) -> None:
    usual, other = table_names(replace(DOCS, name=name, namespace=namespace), "public", template)
    assert usual == expected
    assert other.startswith(expected[:-1])


@pytest.mark.parametrize("table", ["docs", "d" * 60, "é" * 30])
def test_what_belongs_to_a_table_has_a_name_of_its_own_that_fits(table: str) -> None:
    schema, name = parts(beside(qualified("s", table), "_documents"))
    assert (schema, name != table) == ("s", True)
    assert len(name.encode()) <= LONGEST


def test_streams_whose_namespaces_and_names_run_together_get_two_tables(database: Database) -> None:
    options: dict[str, Any] = {"table_for": {"type": "stream", "name": "{namespace}_{stream}"}}
    streams = [replace(DOCS, namespace="a_b", name="c"), replace(DOCS, namespace="a", name="b_c")]
    for turn in range(2):
        for each in streams:
            sync(database, each, document(f"{each.name} {turn}", "x"), **options)
    tables = ask(database, "SELECT tablename FROM pg_tables WHERE tablename LIKE 'a_b_c%' ORDER BY 1")
    assert len(tables) == 2
    assert sorted(ask(database, f"SELECT document_id FROM {tables[0]}")) == ["c 0", "c 1"]


def test_namespaces_that_are_too_long_for_a_schema_and_begin_alike_are_told_apart(database: Database) -> None:
    for turn in range(2):
        for end in "ab":
            sync(database, replace(DOCS, namespace="é" * 40 + end), document(f"{end}{turn}", "x"))
    schemas = ask(database, "SELECT schemaname FROM pg_tables WHERE tablename = 'docs' ORDER BY 1")
    assert sorted(ask(database, f'SELECT min(document_id) FROM "{schema}".docs')[0] for schema in schemas) == [
        "a0",
        "b0",
    ]


def test_a_search_of_a_tenant_where_there_are_none_is_told(database: Database) -> None:
    sync(database, DOCS, document("a", "x"))
    with opened(database) as store, pytest.raises(ConfigError, match="keeps no tenants apart"):
        store.nearest(Scope("docs", tenant="x"), vector_of("x"), 1)


def test_a_search_by_another_model_of_as_many_dimensions_is_refused(database: Database) -> None:
    """Distances between vectors of two models look like answers. The chunker is no matter of a question."""
    ours, other = store_of(database.indexing(), model="m/1 c/1"), store_of(database.indexing(), model="m/2 c/1")
    target = ours.prepare(DOCS)
    ours.replace(target, [document("a", "x")])
    ours.finish(target, complete=True)
    with pytest.raises(ConfigError, match="`docs` was filled by the model m/1, but set now is m/2: "):
        other.nearest(Scope("docs"), vector_of("x"), 1)
    rechunked = store_of(database.indexing(), model="m/1 c/2")
    assert [entry[0] for entry in rechunked.nearest(Scope("docs"), vector_of("x"), 1)] == ["a"]
    for store in (ours, other, rechunked):
        store.close()


def test_a_template_without_the_stream_is_refused_in_the_form(database: Database, tmp_path: Path) -> None:
    indexing = {**database.indexing(), "tables": {"table_for": {"type": "stream", "name": "all"}}}
    (status,) = run(command_line(tmp_path, "check", config(indexing))).of("CONNECTION_STATUS")
    assert "expected a name with {stream} in it" in status["message"]


def test_streams_of_one_table_are_searched_and_replaced_each_for_itself(database: Database) -> None:
    odd = replace(DOCS, name="50% 'odd' \\ stream", namespace="n")
    for each in (DOCS, odd, replace(DOCS, namespace="n")):
        sync(database, each, document("a", f"{each.namespace} {each.name}"), table_for=FOR_ALL)
    sync(database, replace(odd, mode="overwrite"), document("b", "new"), table_for=FOR_ALL)
    query = "SELECT namespace, stream, document_id FROM documents ORDER BY 1, 2"
    assert ask(database, query) == [("", "docs", "a"), ("n", odd.name, "b"), ("n", "docs", "a")]
    with opened(database, table_for=FOR_ALL) as store:
        found = store.nearest(Scope(odd.name, "n"), vector_of("new"), 5)
        assert [(entry[0], entry[3]) for entry in found] == [("b", "new")]
        target = store.prepare(odd)
        assert store.delete(target, [document("a", "").document]) == 0
        assert [stored.document_id for stored in store.scan(target)] == ["b"]
    indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'documents' AND indexdef LIKE '%hnsw%'"
    assert ask(database, indexes) == [1]


def test_a_search_goes_on_until_the_stream_has_given_as_many_as_were_asked_for(database: Database) -> None:
    """The index finds the nearest of all streams, and those of another are passed over."""
    chance, question = np.random.default_rng(1), np.ones(3, np.float32)

    def around(place: Vector, count: int) -> list[Embedded]:
        vectors = [place + chance.normal(scale=0.1, size=3).astype(np.float32) for _ in range(count)]
        return [document(str(number), "x", vector=vector) for number, vector in enumerate(vectors)]

    sync(database, replace(DOCS, name="other"), *around(question, 300), table_for=FOR_ALL)
    sync(database, DOCS, *around(-question, 12), table_for=FOR_ALL)
    change(database, f"ALTER DATABASE {database.name} SET enable_sort = off")  # so that the index is asked
    with opened(database, table_for=FOR_ALL) as store:
        assert len(store.nearest(Scope("docs"), question, 10)) == 10


def test_an_overwrite_in_one_table_brings_columns_that_are_new(database: Database) -> None:
    options: dict[str, Any] = {"table_for": FOR_ALL, "text_search": "simple", "quantised": True}
    sync(database, replace(DOCS, name="other"), document("a", "x", price=1), **options)
    columns = {"type": "listed", "fields": [{"field": "price", "type": "integer"}]}
    overwrite = replace(DOCS, mode="overwrite")
    sync(database, overwrite, document("a", "x", price=2), metadata_columns=columns, **options)
    query = "SELECT stream, price, text_search::text, embedding_bits::text FROM documents ORDER BY 1"
    assert ask(database, query) == [("docs", 2, "'x':1", "111"), ("other", 1, "'x':1", "111")]


def test_one_table_for_all_has_one_model(database: Database) -> None:
    sync(database, DOCS, document("a", "x"), table_for=FOR_ALL)
    other = replace(DOCS, name="other", mode="overwrite")
    with (
        opened(database, 4, table_for=FOR_ALL) as store,
        pytest.raises(ConfigError, match=r"Drop the table and refresh all"),
    ):
        store.prepare(other)
    sync(database, replace(DOCS, mode="overwrite"), dimensions=4, table_for=FOR_ALL)  # alone in it, it may
    sync(database, other, dimensions=4, table_for=FOR_ALL)


def test_a_streams_own_table_is_not_taken_for_all(database: Database) -> None:
    sync(database, replace(DOCS, name="documents"), document("a", "x"))
    with (
        opened(database, table_for=FOR_ALL) as store,
        pytest.raises(ConfigError, match=r"of the stream `documents` alone"),
    ):
        store.prepare(DOCS)


@pytest.fixture
def reading_role(database: Database) -> Iterator[str]:
    """The DSN of a user who may read all tables."""
    name = f"reader_{database.name}"
    with database.connect() as conn:
        conn.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'".encode())
        conn.execute(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {name}".encode())
    yield f"host=127.0.0.1 port={database.port} dbname={database.name} user={name} password=x"
    with database.connect() as conn:
        conn.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


@pytest.mark.parametrize("table_for", [{"type": "stream"}, FOR_ALL], ids=["own", "all"])
def test_a_reader_sees_the_rows_of_the_tenant_that_the_session_names(
    database: Database, reading_role: str, table_for: dict[str, str]
) -> None:
    options: dict[str, Any] = {"table_for": table_for, "tenant_field": "owner", "document_view": True}
    documents = [document("a", "x", tenant="acme"), document("b", "x", tenant="it's \\ b")]
    sync(database, DOCS, *documents, **options)
    sync(database, replace(DOCS, mode="overwrite"), *documents, document("c", "x", tenant="acme"), **options)
    table = "documents" if table_for == FOR_ALL else "docs"
    with psycopg.connect(reading_role, autocommit=True) as conn:
        for relation in (table, f"{table}_documents"):
            query = f"SELECT document_id FROM {relation} ORDER BY 1".encode()
            conn.execute("RESET app.tenant")
            assert conn.execute(query).fetchall() == []
            for tenant, expected in {"acme": ["a", "c"], "it's \\ b": ["b"], "": []}.items():
                conn.execute("SELECT set_config('app.tenant', %s, false)", (tenant,))
                assert [row[0] for row in conn.execute(query).fetchall()] == expected
    assert len(ask(database, f"SELECT 1 FROM {table}")) == 3  # its owner, who loads it, sees all


def test_a_record_that_moves_to_another_tenant_is_written_anew(database: Database, tmp_path: Path) -> None:
    options = config({**database.indexing(), "tables": {"tenant_field": "account.id"}})
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append_dedup")))
    first = [record(1, "same", account={"id": 7}), record(2, "same", account={"id": "x"}), complete()]
    assert run(write, lines(*first)).code == 0
    ended = run(write, lines(record(1, "same", account={"id": 8}), *first[1:]))
    assert "1 unchanged, 1 documents written" in str(ended.of("LOG"))
    assert ask(database, "SELECT document_id, tenant FROM docs ORDER BY 1") == [
        ("Stream_Docs_Key_1", "8"),
        ("Stream_Docs_Key_2", "x"),
    ]
    ended = run(write, lines(record(3, "nobody's")))
    assert "expected its tenant in the field `account.id`" in ended.error()["message"]
    search = [*command_line(tmp_path, "search", options), "--stream", "Docs", "--tenant", "x", "same"]
    done = subprocess.run(search, capture_output=True, text=True, check=True)
    assert "Stream_Docs_Key_2" in done.stdout
    assert "Stream_Docs_Key_1" not in done.stdout


def test_another_setting_that_names_the_tenant_is_taken_over(database: Database) -> None:
    sync(database, DOCS, document("a", "x", tenant="t"), tenant_field="f")
    sync(database, DOCS, tenant_field="f", tenant_setting="shop.customer")
    (policy,) = ask(database, "SELECT qual FROM pg_policies WHERE tablename = 'docs'")
    assert "'shop.customer'" in policy
    change(database, "ALTER TABLE docs DISABLE ROW LEVEL SECURITY")
    sync(database, DOCS, tenant_field="f", tenant_setting="shop.customer")
    assert ask(database, "SELECT relrowsecurity FROM pg_class WHERE relname = 'docs'") == [True]


@pytest.mark.parametrize(
    ("tables", "last"),
    [({}, [b"RENAME TO", b"COMMIT"]), ({"table_for": FOR_ALL}, [b"INSERT INTO", b"COMMIT"])],
    ids=["switched", "moved"],
)
def test_an_overwrite_that_ends_without_the_servers_answer_is_found_to_be_whole(
    database: Database, tables: dict[str, Any], last: list[bytes]
) -> None:
    for each in (DOCS, replace(DOCS, name="other")):
        sync(database, each, document("old", "x"), **tables)
    with PostgresFront(database.port, loses=last) as front:
        store = store_of({**database.indexing(), "port": front.port, "tables": tables})
        target = store.prepare(replace(DOCS, mode="overwrite"))
        store.replace(target, [document("new", "x")])
        store.finish(target, complete=True)
        store.close()
    assert last == []
    table, only = ("documents", "WHERE stream = 'docs'") if tables else ("docs", "")
    assert ask(database, f"SELECT document_id FROM {table} {only}") == ["new"]
    indexes = f"SELECT count(*) FROM pg_indexes WHERE tablename = '{table}' AND indexdef LIKE '%hnsw%'"
    assert ask(database, indexes) == [1]
