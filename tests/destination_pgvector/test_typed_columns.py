"""Columns of metadata: what their values must be, and what becomes of them when fields and types change."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from destination_pgvector.connector import CONNECTOR
from destination_pgvector.table_options import BySchema
from destination_pgvector.tables.columns import RESERVED
from destination_pgvector.typed_columns import typed_columns
from tests.conftest import Database
from tests.destination_commands import catalog, config, lines, run, stream
from tests.destination_pgvector.commands import command_line, complete, record
from tests.destination_pgvector.stores import DOCS, ask, change, opened, sync
from tests.embedded_documents import document
from vector_ingest.command.pipeline import replay, write_lines
from vector_ingest.errors import ConfigError
from vector_ingest.forms.processing import ProcessingConfig

BY_SCHEMA = {"type": "schema"}


def listed(**types: str) -> dict[str, Any]:
    return {"type": "listed", "fields": [{"field": field, "type": kind} for field, kind in types.items()]}


def typed(stream: Any = DOCS, **properties: Any) -> Any:
    return replace(stream, json_schema={"properties": properties})


GOOD: list[tuple[str, Any, Any]] = [
    ("text", 'é "x" \\ \n', 'é "x" \\ \n'),
    ("text", {"a": [1]}, '{"a":[1]}'),
    ("integer", -(2**31), -(2**31)),
    ("integer", "17", 17),
    ("integer", 5.0, 5),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("double precision", 1, 1.0),
    ("double precision", "1e-3", 0.001),
    ("boolean", True, True),
    ("boolean", "False", False),
    ("date", "1999-12-31", date(1999, 12, 31)),
    ("timestamptz", "2026-01-02T03:04:05.678901+02:00", datetime(2026, 1, 2, 1, 4, 5, 678901, tzinfo=UTC)),
    ("timestamptz", "1969-07-20T20:17:40", datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC)),
    ("timestamp", "2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001 (it has no zone)
    ("jsonb", {"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
]
BAD: list[tuple[str, Any]] = [
    ("integer", 2**31),
    ("integer", 1.5),
    ("integer", True),
    ("integer", "many"),
    ("integer", "2024_01"),
    ("integer", "١٢"),
    ("double precision", "1_0.5"),
    ("bigint", 2**63),
    ("bigint", [1]),
    ("double precision", "x"),
    ("double precision", 10**400),
    ("boolean", 1),
    ("boolean", "yes"),
    ("date", "31.12.1999"),
    ("date", 5),
    ("timestamptz", "yesterday"),
    ("timestamptz", {"at": 1}),
]


def test_values_are_stored_as_their_types(database: Database) -> None:
    fields = {f"f{number}": kind for number, (kind, _, _) in enumerate(GOOD)}
    values = {f"f{number}": value for number, (_, value, _) in enumerate(GOOD)}
    nothing: dict[str, Any] = dict.fromkeys(fields)
    whole, empty = document("a", "x", **values), document("b", "x", **nothing)
    sync(database, DOCS, whole, empty, document("c", "x"), metadata_columns=listed(**fields))
    rows = ask(database, f"SELECT {', '.join(fields)} FROM docs ORDER BY document_id")
    assert rows[0] == tuple(stored for _, _, stored in GOOD)
    assert rows[1:] == [(None,) * len(GOOD)] * 2


def test_a_value_of_another_type_is_refused_with_the_reason_and_the_others_are_stored(database: Database) -> None:
    fields = {f"f{number}": kind for number, (kind, _) in enumerate(BAD)}
    documents = [document(str(number), "x", **{f"f{number}": value}) for number, (_, value) in enumerate(BAD)]
    with opened(database, metadata_columns=listed(**fields)) as store:
        target = store.prepare(DOCS)
        refused = store.replace(target, [*documents, document("good", "x", f0=1)])
        assert [stored.document_id for stored in store.scan(target)] == ["good"]
    assert [each.document_id for each in refused] == [str(number) for number in range(len(BAD))]
    assert "the field `f0` has a column of its own: expected a value of the type integer, found 2147483648" in str(
        refused
    )


def test_a_field_may_be_a_path_or_bear_a_name_that_the_table_has(database: Database) -> None:
    columns = listed(**{"author.name": "text", "page": "integer", "Größe": "integer", "price": "integer"})
    columns["fields"] += [{"field": "PRICE", "type": "integer"}]
    metadata: dict[str, Any] = {"author": {"name": "x"}, "page": 3, "Größe": 4, "price": 5, "PRICE": 6}
    sync(database, DOCS, document("a", "x", **metadata), metadata_columns=columns)
    names = ask(
        database,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'docs'::regclass AND attnum > 12 ORDER BY attnum",
    )
    assert [re.sub("_[0-9a-f]{8}$", "_hash", name) for name in names] == [
        "author_name", "page_hash", "gr__e", "price", "price_hash"
    ]  # fmt: skip
    assert ask(database, f"SELECT {', '.join(names)} FROM docs") == [("x", 3, 4, 5, 6)]


def test_the_streams_schema_gives_the_types() -> None:
    schema = {
        "id": {"type": ["null", "integer"]},
        "content": {"type": "string"},
        "price": {"type": "number"},
        "count": {"type": "number", "airbyte_type": "integer"},
        "open": {"type": ["boolean", "null"]},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "local": {"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"},
        "title": {"type": "string"},
        "either": {"type": ["string", "integer"]},
        "any": {},
        "list": {"type": "array"},
    }
    processing = ProcessingConfig.model_validate({"chunk_size": 10, "text_fields": ["content"]})
    found = typed_columns(BySchema(), {"properties": schema}, processing, RESERVED)
    assert {each.field: each.type for each in found} == {
        "id": "bigint", "price": "double precision", "count": "bigint", "open": "boolean", "on": "date",
        "at": "timestamptz", "local": "timestamp", "title": "text", "either": "jsonb", "any": "jsonb", "list": "jsonb",
    }  # fmt: skip
    chosen = {"metadata_fields": ["price"], "field_name_mappings": [{"from_field": "price", "to_field": "cost"}]}
    processing = ProcessingConfig.model_validate({"chunk_size": 10, "text_fields": ["content"], **chosen})
    found = typed_columns(BySchema(), {"properties": schema}, processing, RESERVED)
    assert [(each.field, each.type) for each in found] == [("cost", "double precision")]


def test_a_field_that_comes_later_gets_a_column_that_is_filled_from_what_is_stored(database: Database) -> None:
    sync(database, DOCS, document("a", "x", price=3, author={"name": "n"}), document("b", "x", price=None))
    columns = listed(price="integer", **{"author.name": "text", "all": "jsonb"})
    sync(database, DOCS, document("c", "x", price=4), metadata_columns=columns)
    query = "SELECT document_id, price, author_name, col_description('docs'::regclass, 13) FROM docs ORDER BY 1"
    assert [row[:3] for row in ask(database, query)] == [("a", 3, "n"), ("b", None, None), ("c", 4, None)]
    assert ask(database, query)[0][3] == "The field price of the record."


def test_a_column_is_filled_with_what_a_load_of_the_same_records_gives(database: Database) -> None:
    change(database, f"ALTER DATABASE {database.name} SET timezone = 'America/New_York'")
    values: dict[str, Any] = {"count": 5.0, "all": "7", "at": "2026-01-02T03:04:05", "day": "2026-01-02"}
    columns = listed(count="integer", all="bigint", at="timestamptz", day="timestamptz")
    sync(database, DOCS, document("a", "x", **values))
    sync(database, DOCS, document("b", "x", **values), metadata_columns=columns)
    loaded, filled = ask(database, 'SELECT count, "all", at, day FROM docs ORDER BY document_id DESC')
    assert filled == loaded
    assert loaded[2] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("by_schema", [True, False])
def test_a_column_goes_to_the_field_whose_very_name_it_bears(database: Database, by_schema: bool) -> None:
    values: dict[str, Any] = {"a-b": "dash", "a_b": "line"}
    for number, fields in enumerate([["a-b"], ["a-b", "a_b"], ["a_b", "a-b"]]):
        stream = typed(**{field: {"type": "string"} for field in fields}) if by_schema else DOCS
        columns = BY_SCHEMA if by_schema else listed(**dict.fromkeys(fields, "text"))
        sync(database, stream, document(str(number), "x", **values), metadata_columns=columns)
    (other,) = ask(database, "SELECT attname FROM pg_attribute WHERE attname LIKE 'a\\_b\\_%'")
    assert ask(database, f"SELECT a_b, {other} FROM docs") == [("line", "dash")] * 3


def test_a_column_that_a_killed_sync_left_empty_is_filled(database: Database) -> None:
    sync(database, DOCS, document("a", "x", price=3))
    change(database, "ALTER TABLE docs ADD COLUMN price integer")  # and then it was killed
    sync(database, DOCS, metadata_columns=listed(price="integer"))
    assert ask(database, "SELECT price FROM docs") == [3]


@pytest.mark.parametrize(
    ("old", "new", "value", "expected"),
    [
        ("integer", "number", 3, (3.0, 0.5)),
        ("integer", "string", 3, ("3", "0.5")),
        ("boolean", "string", True, ("true", "0.5")),
        ("string", "object", "x", ("x", 0.5)),
    ],
)
def test_a_type_that_is_wider_now_is_followed_and_no_value_is_lost(
    database: Database, old: str, new: str, value: Any, expected: tuple[Any, Any]
) -> None:
    sync(database, typed(price={"type": old}), document("a", "x", price=value), metadata_columns=BY_SCHEMA)
    change(database, "ALTER TABLE docs ADD COLUMN _airbyte_widening text")  # of a sync that was killed
    sync(database, typed(price={"type": new}), document("b", "x", price=0.5), metadata_columns=BY_SCHEMA)
    assert tuple(ask(database, "SELECT price FROM docs ORDER BY document_id")) == expected
    columns = ask(database, "SELECT attname FROM pg_attribute WHERE attrelid = 'docs'::regclass AND attnum > 12")
    assert [name for name in columns if not name.startswith("...")] == ["price"]  # dropped ones are dots
    sync(database, typed(price={"type": old}), document("c", "x", price=1), metadata_columns=BY_SCHEMA)
    assert len(ask(database, "SELECT price FROM docs")) == 3  # the column stays as wide as it is


def test_a_type_that_would_lose_values_is_refused_and_the_remedy_in_the_message_works(database: Database) -> None:
    sync(database, DOCS, document("a", "x", price="12"), metadata_columns=listed(price="text"))
    told = r"The column \"price\" of .*docs\" is of the type text, but the field `price` is of the type integer now"
    with opened(database, metadata_columns=listed(price="integer")) as store:
        with pytest.raises(ConfigError, match=told) as caught:
            store.prepare(DOCS)
        change(database, str(caught.value)[str(caught.value).index("ALTER TABLE") :])
        store.finish(store.prepare(DOCS), complete=True)
    assert ask(database, "SELECT price FROM docs") == [12]


def test_stored_values_of_another_type_are_told_before_anything_is_written(database: Database) -> None:
    sync(database, DOCS, document("a", "x", price="dear"))
    told = r"field `price` was to get a column of the type integer.*invalid input syntax.*\"dear\".*refresh"
    with opened(database, metadata_columns=listed(price="integer")) as store, pytest.raises(ConfigError, match=told):
        store.prepare(DOCS)


def test_the_command_keeps_a_record_aside_whose_value_does_not_fit(database: Database, tmp_path: Path) -> None:
    indexing = {**database.indexing(), "tables": {"metadata_columns": listed(id="integer")}}
    options = config(indexing, refused_records={"type": "quarantine"})
    write = command_line(tmp_path, "write", options, catalog(stream("Docs", "append_dedup")))
    ended = run(write, lines(record(1, "one"), record("x", "two"), complete()))
    assert ended.code == 0, ended
    assert ask(database, "SELECT id, document_content FROM docs") == [(1, "text: one")]
    ((identity, reason, kept),) = ask(database, "SELECT document_id, reason, record FROM _airbyte_refused")
    assert identity == "Stream_Docs_Key_x"
    assert 'the type integer, found "x"' in reason
    assert json.loads(kept)["record"]["data"] == {"id": "x", "text": "two"}


def test_a_replay_fills_the_columns_that_the_schema_once_gave(database: Database) -> None:
    indexing = {**database.indexing(), "tables": {"metadata_columns": BY_SCHEMA}}
    options = config(indexing, refused_records={"type": "quarantine"})
    docs = stream("Docs", "append_dedup")
    docs["stream"]["json_schema"] = {"properties": {"id": {"type": "integer"}}}
    stdin = BytesIO(lines(record("x", "one"), record(2, "two"), complete()))
    write_lines(CONNECTOR, options, catalog(docs), stdin, lambda _: None)
    assert ask(database, "SELECT id FROM docs") == [2]
    change(database, "UPDATE _airbyte_refused SET record = replace(record, '\"x\"', '3')")
    assert "1 loaded" in replay(CONNECTOR, options, dry=False)
    assert ask(database, "SELECT id FROM docs ORDER BY 1") == [2, 3]


def test_more_columns_than_a_table_has_are_refused() -> None:
    schema: dict[str, Any] = {"properties": {f"f{number}": {} for number in range(1501)}}
    with pytest.raises(ConfigError, match="gives 1,501 columns"):
        typed_columns(BySchema(), schema, ProcessingConfig(chunk_size=10), RESERVED)


def test_a_field_that_is_no_metadata_is_refused_in_the_form(database: Database, tmp_path: Path) -> None:
    indexing = {**database.indexing(), "tables": {"metadata_columns": listed(price="integer")}}
    (status,) = run(command_line(tmp_path, "check", config(indexing))).of("CONNECTION_STATUS")
    assert "has the field price, which is none of the metadata (_ab_source_file_url, id)" in status["message"]
